"""The check of inputs: honest ones pass, each kind of hostile one gets its sentence, and no child stays."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lipwright.errors import Cancelled
from lipwright.service.check import Kind, MediaLimits, check, limits_of
from lipwright.service.errors import BadMediaError, InternalTaskError
from lipwright.service.settings import Settings
from service import hostile_media as made

LIMITS = MediaLimits(seconds=60, pixels=3840 * 2160, side=4096, fps=120)


def _children() -> list[int]:
    pids: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        pids += [int(pid) for pid in (task / "children").read_text().split()]
    return pids


@pytest.fixture(autouse=True)
def no_child_stays() -> Iterator[None]:
    before = _children()
    yield
    assert _children() == before


def test_an_honest_video(tmp_path: Path) -> None:
    checked = check(made.clip(tmp_path / "a.mp4"), "video", LIMITS, timeout_s=30)
    assert (checked.kind, checked.width, checked.height, checked.frames) == ("video", 64, 48, 10)
    assert checked.seconds == pytest.approx(0.4)
    assert checked.fps == pytest.approx(25)
    assert not checked.has_audio


def test_a_header_that_states_an_immense_duration_is_not_believed(tmp_path: Path) -> None:
    video = made.states_duration(tmp_path / "a.mp4")
    assert check(video, "video", LIMITS, timeout_s=30).seconds == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.m4a", "alac"), ("a.mka", "pcm_s16le")]
)
def test_an_honest_voice(name: str, codec: str, tmp_path: Path) -> None:
    checked = check(made.voice(tmp_path / name, 2, codec=codec), "audio", LIMITS, timeout_s=30)
    assert (checked.codec, checked.sample_rate, checked.channels) == (codec, 16000, 1)
    assert checked.seconds == pytest.approx(2, abs=0.1)


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


HOSTILE: dict[str, tuple[Kind, Callable[[Path], Path], str]] = {
    "no frames": (
        "video",
        lambda at: made.without_frames(at / "a.mp4"),
        "no frames|nothing that can be read",
    ),
    "16k x 16k by header": (
        "video",
        lambda at: made.huge_pictures(at / "a.avi", 16000, header_too=True),
        "16000x16000",
    ),
    "16k x 16k behind a small header": (
        "video",
        lambda at: made.huge_pictures(at / "a.avi", 16000, header_too=False),
        "16000x16000|cannot be decoded",
    ),
    "10000 frames per second": ("video", lambda at: made.fast(at / "a.mkv", 1000), "frames per second"),
    "a frame after a year": (
        "video",
        lambda at: made.sparse(at / "a.mkv", 31_536_000),
        "longer than the 60 s",
    ),
    "index lost": ("video", lambda at: made.cut(made.clip(at / "a.mp4"), 0.3), "cannot be read|no frames"),
    "pictures lost": ("video", lambda at: made.cut(made.index_first(at / "a.mp4"), 0.6), "truncated"),
    "no video": ("video", lambda at: made.voice(at / "a.m4a", codec="alac"), "no video stream"),
    "no sound": ("audio", lambda at: made.clip(at / "a.mp4"), "no audio stream"),
    "empty": ("video", lambda at: _text(at / "a.mp4", ""), "empty"),
    "a web page": ("video", lambda at: _text(at / "a.mp4", "<html></html>"), "cannot be read"),
    "a playlist of our files": (
        "video",
        lambda at: _text(at / "a.mp4", "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
        "cannot be read",
    ),
    "a script of our files": (
        "video",
        lambda at: _text(at / "a.mp4", "ffconcat version 1.0\nfile '/etc/passwd'\n"),
        "cannot be read",
    ),
    "an hour of packed silence": (
        "audio",
        lambda at: made.voice(at / "a.flac", 3600, codec="flac", rate=8000),
        "longer than the 60 s",
    ),
    "one sample per second": ("audio", lambda at: made.slow_samples(at / "a.wav"), "longer than the 60 s"),
    "half a wav": ("audio", lambda at: made.cut(made.voice(at / "a.wav"), 0.5), "truncated"),
    "not there": ("video", lambda at: at / "a.mp4", "does not exist"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_media_get_a_sentence(case: str, tmp_path: Path) -> None:
    kind, make, expected = HOSTILE[case]
    with pytest.raises(BadMediaError, match=expected) as caught:
        check(make(tmp_path), kind, LIMITS, timeout_s=60)
    sentence = str(caught.value)
    assert f"the {kind}" in sentence.lower()
    assert str(tmp_path) not in sentence
    assert "{it}" not in sentence


def test_limits_on_pixels_and_sides(tmp_path: Path) -> None:
    video = made.clip(tmp_path / "a.mp4", size=(96, 64))
    with pytest.raises(BadMediaError, match="96x64"):
        check(video, "video", MediaLimits(60, 96 * 64 - 1, 4096, 120), timeout_s=30)
    with pytest.raises(BadMediaError, match="96x64"):
        check(video, "video", MediaLimits(60, 10**6, 95, 120), timeout_s=30)
    assert check(video, "video", MediaLimits(60, 96 * 64, 96, 120), timeout_s=30).width == 96


FOREVER = MediaLimits(seconds=1e12, pixels=1, side=1, fps=1)


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    return made.endless(tmp_path / "a.wav")


def test_a_file_that_never_ends_is_given_up(endless: Path) -> None:
    with pytest.raises(BadMediaError, match="took too long"):
        check(endless, "audio", FOREVER, timeout_s=6)


def test_a_check_can_be_cancelled(endless: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        check(endless, "audio", FOREVER, timeout_s=60, cancelled=cancelled)


def test_a_child_that_dies_is_a_sentence(endless: Path) -> None:
    before = set(_children())

    def kill_once_it_reads() -> bool:
        for pid in set(_children()) - before:
            if endless in [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]:
                os.kill(pid, signal.SIGSEGV)
        return False

    with pytest.raises(BadMediaError, match="ended with status -11"):
        check(endless, "audio", FOREVER, timeout_s=60, cancelled=kill_once_it_reads)


def test_a_child_without_memory_does_not_blame_the_file(tmp_path: Path) -> None:
    video = made.clip(tmp_path / "a.mp4")
    with pytest.raises(InternalTaskError, match="did not start"):
        check(video, "video", LIMITS, timeout_s=30, memory_bytes=60 << 20)


def test_the_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch, endless: Path) -> None:
    monkeypatch.setenv("LIPWRIGHT_S3_SECRET_ACCESS_KEY", "very secret")
    before = set(_children())
    seen: list[bytes] = []

    def cancelled() -> bool:
        (pid,) = set(_children()) - before
        seen.append(Path(f"/proc/{pid}/environ").read_bytes())
        return len(seen) > 4

    with pytest.raises(Cancelled):
        check(endless, "audio", FOREVER, timeout_s=60, cancelled=cancelled)
    assert any(seen)
    assert b"very secret" not in b"".join(seen)


def test_the_limits_come_from_the_settings() -> None:
    settings = Settings(max_video_s=10, max_audio_s=20)
    assert limits_of(settings, "video").seconds == 10
    assert limits_of(settings, "audio").seconds == 20
    assert limits_of(settings, "video").side == settings.max_side
