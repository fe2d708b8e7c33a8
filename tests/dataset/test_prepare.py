"""A folder of raw videos becomes a folder of clips: verdicts, resuming, kills, shards, a full disk."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import talkers
from deadly_video import deadly
from disk import file_system
from lipwright import settings
from lipwright.dataset import verdicts, work
from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import KEPT, SOUND_HZ, ClipRow, DatasetError, read_dataset, read_rows
from lipwright.dataset.prepare import Done, prepare
from lipwright.dataset.shards import Shard, list_raw, name_of
from lipwright.dataset.work import Job
from lipwright.errors import OptionError, OutputError
from lipwright.media.frames import read_frames
from lipwright.media.samples import read_samples

CONFIG = settings.load(Prepare, None, talkers.QUICK)
LATE = 4


def quiet(line: str) -> None:
    return None


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good, late, a copy, two people, silent, no person, noise instead of a file."""
    folder = tmp_path_factory.mktemp("raw")
    pictures, samples = talkers.talker()
    other, words = talkers.talker(1_040_031)
    talkers.save(folder / "a" / "good.mp4", pictures, samples)
    talkers.save(folder / "late.mp4", other, talkers.late(words, LATE))
    talkers.save(folder / "z-copy.mkv", [p[::2, ::2].copy() for p in pictures], 0.5 * samples, crf=26)
    pairs = [np.concatenate(pair, axis=1) for pair in zip(pictures, other, strict=True)]
    talkers.save(folder / "two.mp4", pairs, samples)
    talkers.save(folder / "silent.mp4", pictures, samples * 0)
    talkers.save(folder / "empty-room.mp4", [np.full_like(p, 90) for p in pictures], samples)
    (folder / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(5000))
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def done(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The folder, prepared at once."""
    out = tmp_path_factory.mktemp("clips") / "out"
    return out, prepare(raw, out, CONFIG, say=quiet)


def by_source(rows: Sequence[ClipRow]) -> dict[str, ClipRow]:
    return {row.source: row for row in rows}


def test_every_verdict_has_its_reason(done: tuple[Path, Done]) -> None:
    rows = by_source(done[1].rows)
    kinds = {
        source: row.verdict if row.verdict == KEPT else verdicts.kind_of(row.reason)
        for source, row in rows.items()
    }
    assert kinds == {
        "a/good.mp4": KEPT,
        "late.mp4": KEPT,
        "z-copy.mkv": verdicts.DUPLICATE,
        "two.mp4": verdicts.SEVERAL,
        "silent.mp4": verdicts.SILENT,
        "empty-room.mp4": verdicts.NO_FACE,
        "noise.mp4": verdicts.UNREADABLE,
    }
    assert rows["a/good.mp4"].steps["sync"]["offset"] == 0
    assert rows["late.mp4"].steps["sync"]["offset"] == LATE
    assert rows["z-copy.mkv"].steps["duplicate"]["of"] == rows["a/good.mp4"].name


def test_clips_are_what_training_reads(done: tuple[Path, Done]) -> None:
    out, _ = done
    data = read_dataset(out)
    assert (data.side, data.template, data.dropped) == (64, CONFIG.template.to_dict(), 5)
    for row in data.clips:
        frames = list(read_frames(out / row.video))
        assert len(frames) == row.frames and (frames[0].width, frames[0].height) == (64, 64)
        assert len(read_samples(out / row.sound, SOUND_HZ)) == row.frames * talkers.PER_FRAME
    late = by_source(data.clips)["late.mp4"]
    assert late.frames == talkers.FRAMES - LATE and (late.start_s, late.stop_s) == (0.0, late.frames / 25)
    words = talkers.talker(1_040_031)[1][: late.frames * talkers.PER_FRAME]
    heard = read_samples(out / late.sound, SOUND_HZ)
    assert np.corrcoef(words, heard)[0, 1] > 0.95  # the sound lies where it belongs
    assert sorted(path.name for path in (out / "clips").iterdir()) == sorted(
        Path(name).name for row in data.clips for name in (row.video, row.sound)
    )


def test_the_report_counts_and_shows(done: tuple[Path, Done]) -> None:
    text = (done[0] / "report.md").read_text()
    assert "2 of 7 clips are kept" in text and "| silent | 1 | silent.mp4: silent: " in text
    shown = sorted(path.name for path in (done[0] / "report").iterdir())
    assert "report-kept.jpg" in shown and "report-several-faces.jpg" in shown
    assert "report-unreadable.jpg" not in shown


def test_what_is_done_is_not_done_again(raw: Path, done: tuple[Path, Done], tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done[0], out)
    manifest = (out / "manifest.jsonl").read_bytes()
    again: list[str] = []

    def spy(job: Job, sources: Sequence[str]) -> Iterator[str]:
        again.extend(sources)
        return work.run(job, sources, 1)

    assert prepare(raw, out, CONFIG, say=quiet, runner=spy).prepared == 0
    (out / "parts" / f"{name_of('late.mp4')}.json").unlink()
    kept = by_source(read_rows(out / "manifest.jsonl"))["a/good.mp4"]
    (out / kept.sound).unlink()  # a lost file is made anew
    assert prepare(raw, out, CONFIG, say=quiet, runner=spy).prepared == 2
    assert again == ["late.mp4", "a/good.mp4"]
    assert (out / "manifest.jsonl").read_bytes() == manifest


def test_shards_are_joined_to_the_same_manifest(raw: Path, done: tuple[Path, Done], tmp_path: Path) -> None:
    out = tmp_path / "out"
    parts = [prepare(raw, out, CONFIG, shard=Shard(number, 2), say=quiet) for number in (1, 2)]
    assert sum(part.prepared for part in parts) == 7 and all(part.prepared for part in parts)
    assert read_dataset(out).clips
    joined = prepare(raw, out, CONFIG, say=quiet)
    assert joined.prepared == 0
    assert (out / "manifest.jsonl").read_bytes() == (done[0] / "manifest.jsonl").read_bytes()
    assert list(out.glob("manifest-*")) == []


def test_a_killed_run_goes_on(raw: Path, done: tuple[Path, Done], tmp_path: Path) -> None:
    """SIGKILL of all processes when two parts are there; the next run ends in the same manifest."""
    out = tmp_path / "out"
    changes = [part for change in talkers.QUICK for part in ("--set", change)]
    command = [sys.executable, "-m", "lipwright", "dataset", "prepare", str(raw), str(out), *changes]
    child = subprocess.Popen(
        [*command, "--processes", "2"], start_new_session=True, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while len(list((out / "parts").glob("[!.]*.json"))) < 2 and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    before = len(list((out / "parts").glob("[!.]*.json")))
    finished = prepare(raw, out, CONFIG, say=quiet)
    assert before >= 2 and finished.prepared == 7 - before
    assert (out / "manifest.jsonl").read_bytes() == (done[0] / "manifest.jsonl").read_bytes()
    assert [path.name for path in (out / "work").iterdir() if path.is_dir()] == []
    assert list(out.rglob(".*")) == []


def test_a_video_that_kills_its_process_is_dropped(raw: Path, tmp_path: Path) -> None:
    small = tmp_path / "raw"
    small.mkdir()
    for name in ("noise.mp4", "empty-room.mp4"):
        shutil.copyfile(raw / name, small / name)

    def runner(job: Job, sources: Sequence[str]) -> Iterator[str]:
        return work.run(job, sources, 2, deadly)

    rows = by_source(prepare(small, tmp_path / "out", CONFIG, say=quiet, runner=runner).rows)
    assert verdicts.kind_of(rows["noise.mp4"].reason) == verdicts.CRASHED
    assert verdicts.kind_of(rows["empty-room.mp4"].reason) == verdicts.NO_FACE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with file_system(tmp_path / "disk", "64k") as place:
        yield place


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(
    raw: Path, done: tuple[Path, Done], small_disk: Path, tmp_path: Path
) -> None:
    out = small_disk / "out"
    with pytest.raises(OutputError, match="disk is full") as caught:
        prepare(raw, out, CONFIG, say=quiet)
    assert "\n" not in str(caught.value)
    assert not (out / "manifest.jsonl").exists()
    moved = tmp_path / "moved"
    shutil.copytree(out, moved)
    prepare(raw, moved, CONFIG, say=quiet)
    assert (moved / "manifest.jsonl").read_bytes() == (done[0] / "manifest.jsonl").read_bytes()


def test_bad_input_is_one_sentence_each(raw: Path, done: tuple[Path, Done], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(DatasetError, match=r"There is no folder .*absent; give one with raw videos"):
        prepare(tmp_path / "absent", out, CONFIG)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DatasetError, match=r"nothing holds no video \(\.3gp, "):
        prepare(tmp_path / "nothing", out, CONFIG)
    shutil.copytree(done[0], out)
    with pytest.raises(OptionError, match=r"was prepared with other settings \(side: 64 there, 256 now\)"):
        prepare(raw, out, Prepare(crop="tiny"))
    part = out / "parts" / f"{name_of('late.mp4')}.json"
    part.write_text("{")
    with pytest.raises(DatasetError, match=r"cannot be read .*; remove it, and its video is prepared again"):
        prepare(raw, out, CONFIG, say=quiet)
    (out / "prepare.json").write_text("[")
    with pytest.raises(DatasetError, match=r"prepare\.json cannot be read"):
        prepare(raw, out, CONFIG, say=quiet)


def test_two_runs_at_one_folder_are_refused(raw: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def second(job: Job, sources: Sequence[str]) -> Iterator[str]:
        for shard in (Shard(), Shard(1, 2)):
            with pytest.raises(OptionError, match="is being prepared by another run") as caught:
                prepare(raw, job.out, CONFIG, say=quiet)
            refused.append(f"{shard}{caught.value}")
        raise KeyboardInterrupt
        yield ""

    with pytest.raises(Exception, match="Stopped; what is prepared stays"):
        prepare(raw, tmp_path / "out", CONFIG, say=quiet, runner=second)
    assert len(refused) == 2


def test_shards_part_the_files(raw: Path, tmp_path: Path) -> None:
    names = [f"film-{k}.mp4" for k in range(300)]
    held = [[name for name in names if Shard(i, 3).holds(name)] for i in (1, 2, 3)]
    assert sorted(name for part in held for name in part) == sorted(names) and all(
        len(part) > 60 for part in held
    )
    assert "notes.txt" not in list_raw(raw, tmp_path) and Shard.parse("2/3") == Shard(2, 3)
    for text in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises(OptionError, match="write i/n"):
            Shard.parse(text)
