"""What happens to a command from outside: the disk fills up, somebody presses Ctrl-C."""

import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny
from desk import Desk
from disk import file_system
from lipwright.media.write import save_clip


def test_a_job_leaves_its_outputs_and_nothing_else(desk: Desk, clip: Path, voice: Path) -> None:
    process = desk.started("sync", clip, voice, "-o", desk.out, "--model", desk.model, "--device", "cpu")
    out, told = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, f"{desk.out}\n"), told
    assert list(desk.files()) == [desk.out]


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))


def test_a_disk_that_fills_up(desk: Desk, clip: Path) -> None:
    """A limit on the size of files: the system refuses the write as a full disk does."""
    sound = tiny.save_voice(desk.inputs / "voice.wav", tiny.voice(4.0))
    before = desk.files()
    flags = ("-o", desk.outputs / "out.mkv", "--codec", "ffv1", "--model", desk.model, "--steps", 1)
    process = desk.started("sync", clip, sound, *flags, limits=small_files)
    out, told = process.communicate(timeout=120)
    assert process.returncode == 2 and out == ""
    (sentence,) = desk.sentences(told)
    assert "disk is full" in sentence and "out.mkv" in sentence
    assert desk.files() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with file_system(tmp_path / "disk", "1m") as place:
        yield place


def test_a_disk_that_is_full(desk: Desk, clip: Path, small_disk: Path) -> None:
    """No limit but the real end of a real file system; then its report finds no room either."""
    sound = tiny.save_voice(desk.inputs / "voice.wav", tiny.voice(3.0))
    before = desk.files()
    flags = ("-o", small_disk / "out.mkv", "--codec", "ffv1", "--model", desk.model, "--steps", 1)
    desk.refused("disk is full", "out.mkv", run=lambda: desk.run("sync", clip, sound, *flags))
    assert list(small_disk.iterdir()) == []
    (small_disk / "filler").write_bytes(bytes(1 << 20))
    arguments = ("sync", clip, sound, "-o", desk.out, "--model", desk.model, "--steps", 1)
    code, _, told = desk.run(*arguments, "--report", small_disk / "report.json")
    assert code == 2 and "disk is full" in told[-1] and "report.json" in told[-1]
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    desk.out.unlink()
    assert desk.files() == before


@pytest.mark.parametrize(
    ("stage", "number"),
    [("track", signal.SIGINT), ("lip-sync", signal.SIGINT), ("lip-sync", signal.SIGTERM)],
)
def test_an_interrupt_ends_cleanly(stage: str, number: signal.Signals, desk: Desk, clip: Path) -> None:
    """Ctrl-C in the middle of the work: exit code 130, one sentence, and the old output stays."""
    video = clip
    if stage == "track":
        video = desk.inputs / "long.mp4"
        save_clip(
            video, (tiny.presenter(25)[i % 25] for i in range(2500)), 25, None, 16000, preset="ultrafast"
        )
    sound = tiny.save_voice(desk.inputs / "voice.wav", tiny.voice(100.0))
    desk.out.write_bytes(b"old")
    before = desk.files()
    process = desk.started(
        "sync",
        video,
        sound,
        "-o",
        desk.out,
        "--model",
        desk.model,
        "--report",
        desk.outputs / "r.json",
        "--force",
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"{stage}: 0"):
            break
    time.sleep(0.4)
    process.send_signal(number)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert desk.sentences(told) == ["lipwright: Cancelled; nothing was written."]
    assert out == ""
    assert desk.files() == before
