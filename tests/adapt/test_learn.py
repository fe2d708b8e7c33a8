"""From a clip to a bundle: what is refused, what is resumed, what is left behind."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import person
import tiny
from lipwright.adapt.learn import adapt_person, learn_person
from lipwright.adapt.options import AdaptOptions
from lipwright.adapt.resume import Work
from lipwright.errors import Cancelled, MaterialError, MediaError, NoFaceError, OptionError, OutputError
from lipwright.media.write import save_clip
from lipwright.pipeline.engine import Engine
from lipwright.progress import Progress, ProgressEvent
from lipwright.weights.bundle import MODEL_FILE
from lipwright.weights.fetch import CACHE_VARIABLE, cache_folder
from lipwright.weights.find import find_bundle
from person import Learned


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: Engine) -> Iterator[Path]:
    """A cache of its own for unfinished work; the face networks are loaded already."""
    listener.faces()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    yield tmp_path / "cache"


def work() -> list[Path]:
    return list((cache_folder() / "adapt").glob("*"))


def test_a_bundle_says_what_it_is(talk: Learned, listener: Engine, tmp_path: Path) -> None:
    out = tmp_path / "somebody"
    report = adapt_person(listener, talk.clip, out, AdaptOptions(name="Some Body"))
    assert find_bundle(out).name == report.name == "Some Body"
    info = json.loads((out / MODEL_FILE).read_text())
    assert "agreed" in info["consent"] and "own frames" in info["method"] and "official" in info["method"]
    assert info["material"]["kept_frames"] == report.material["kept_frames"]
    assert json.loads(report.to_json())["findings"]
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["somebody"]
    assert work() == []


def test_a_run_goes_on_where_another_stopped(talk: Learned, listener: Engine, tmp_path: Path) -> None:
    """Cancelled after the face was followed: nothing half-written, and the next run does not follow again."""
    cancel, stages = threading.Event(), []

    def listen(event: ProgressEvent) -> None:
        stages.append(event.stage)
        if event.stage == "mouths" and event.done > 3:
            cancel.set()

    with pytest.raises(Cancelled):
        adapt_person(listener, talk.clip, tmp_path / "b", None, Progress(listen, cancel))
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]
    assert len(work()) == 1
    stages.clear()
    cancel.clear()
    report = adapt_person(
        listener, talk.clip, tmp_path / "b", None, Progress(lambda e: stages.append(e.stage))
    )
    assert report.resumed and "track" not in stages and work() == []
    # what was kept is the same as what would have been found
    again, _ = learn_person(listener, talk.clip, AdaptOptions())
    np.testing.assert_array_equal(again.library.frames, talk.library.frames)


def test_no_time_to_read_is_said(talk: Learned, listener: Engine) -> None:
    with pytest.raises(MaterialError, match=r"In 0.0001 minutes only 0.* s are needed; give --minutes more"):
        learn_person(listener, talk.clip, AdaptOptions(minutes=0.0001))
    assert work() == []


def test_damaged_work_is_done_again(talk: Learned, listener: Engine) -> None:
    Work.of(talk.footage.info, None).save(talk.footage)
    (kept,) = work()
    kept.write_bytes(kept.read_bytes()[:500])
    _, report = learn_person(listener, talk.clip, AdaptOptions())
    assert not report.resumed and work() == []


def test_no_sound_is_said(listener: Engine, tmp_path: Path) -> None:
    clip = person.save_talk(tmp_path / "mute.mp4", sound=False)
    learned, report = learn_person(listener, clip, AdaptOptions())
    assert len(learned.library.heard) == 0 and learned.voice is None
    assert any("no sound" in finding.sentence for finding in report.findings)


def test_a_foreign_sound_is_left_aside(talk: Learned, listener: Engine, tmp_path: Path) -> None:
    clip = tmp_path / "dubbed.mp4"
    save_clip(clip, person.pictures(), 25, person.said(77).samples, tiny.SAMPLE_RATE)
    learned, report = learn_person(listener, clip, AdaptOptions())
    finding = report.findings[-1]
    assert finding.good or len(learned.library.heard) == 0 or "too little" in finding.sentence


def test_no_face(listener: Engine, tmp_path: Path) -> None:
    save_clip(tmp_path / "wall.mp4", tiny.backdrop(30), 25, None, 16_000)
    with pytest.raises(NoFaceError, match="cannot teach a person"):
        learn_person(listener, tmp_path / "wall.mp4", AdaptOptions())


def test_several_people(listener: Engine, tmp_path: Path) -> None:
    pairs = [
        np.concatenate([one, other], axis=1)
        for one, other in zip(person.pictures(7), person.pictures(12), strict=False)
    ]
    clip = tmp_path / "two.mp4"
    save_clip(clip, pairs, 25, None, 16_000)
    with pytest.raises(MaterialError, match=r"2 people.*--face"):
        learn_person(listener, clip, AdaptOptions())
    left, _ = learn_person(listener, clip, AdaptOptions(face=1))
    right, _ = learn_person(listener, clip, AdaptOptions(face=2))
    assert (
        np.abs(left.library.crops[0].mean(axis=(0, 1)) - right.library.crops[0].mean(axis=(0, 1))).max() > 3
    )
    with pytest.raises(NoFaceError, match="no more than 2 people"):
        learn_person(listener, clip, AdaptOptions(face=3))


def test_too_short(listener: Engine, tmp_path: Path) -> None:
    save_clip(tmp_path / "short.mp4", person.pictures()[:50], 25, None, 16_000)
    with pytest.raises(MaterialError, match=r"only \d\.\d s, and 3 s"):
        learn_person(listener, tmp_path / "short.mp4", AdaptOptions())


def test_too_small(listener: Engine, tmp_path: Path) -> None:
    import cv2

    small = [cv2.resize(p, (112, 112), interpolation=cv2.INTER_AREA) for p in person.pictures()[:80]]
    framed = [np.pad(p.astype(np.uint8), ((60, 60), (60, 60), (0, 0)), mode="edge") for p in small]
    save_clip(tmp_path / "small.mp4", framed, 25, None, 16_000)
    with pytest.raises(MaterialError, match=r"\d+ px high, and at least 80 px"):
        learn_person(listener, tmp_path / "small.mp4", AdaptOptions())


def test_time_is_kept(talk: Learned, listener: Engine) -> None:
    """Reading stops when the time is up; what was read may be too little."""
    with pytest.raises((MaterialError, NoFaceError)):
        learn_person(listener, talk.clip, AdaptOptions(minutes=0.0005))
    assert work() == []


@pytest.mark.parametrize(
    "options",
    [AdaptOptions(minutes=0), AdaptOptions(minutes=99), AdaptOptions(face=0), AdaptOptions(name="")],
)
def test_options_outside_their_range(options: AdaptOptions, listener: Engine, tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        adapt_person(listener, tmp_path / "x.mp4", tmp_path / "b", options)


def test_places_that_cannot_be_written(talk: Learned, listener: Engine, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder of the bundle is missing"):
        adapt_person(listener, talk.clip, tmp_path / "no" / "b")
    full = tmp_path / "full"
    full.mkdir()
    (full / "dear.txt").write_text("keep me")
    with pytest.raises(OutputError, match="--force"):
        adapt_person(listener, talk.clip, full)
    with pytest.raises(OutputError, match="no personal bundle"):
        adapt_person(listener, talk.clip, full, AdaptOptions(force=True))
    assert (full / "dear.txt").read_text() == "keep me"
    with pytest.raises(OutputError, match="take the place of the clip"):
        adapt_person(listener, talk.clip, talk.clip, AdaptOptions(force=True))


def test_a_toy_cannot_be_the_base(talk: Learned, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be the base"):
        adapt_person(engine, talk.clip, tmp_path / "b")


def test_a_file_that_is_no_clip(listener: Engine, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("no film")
    with pytest.raises(MediaError):
        adapt_person(listener, tmp_path / "x.mp4", tmp_path / "b")
