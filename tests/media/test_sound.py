"""The given sound in the output: its rate and channels, no delay, the right length."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from lipwright.errors import MediaError
from lipwright.media.frames import read_frames
from lipwright.media.probe import AudioInfo, probe_audio, probe_video
from lipwright.media.samples import read_samples
from lipwright.media.write import open_writer

MakeSound = Callable[..., Path]
MakeClip = Callable[..., Path]


@pytest.fixture
def video(make_clip: MakeClip) -> Path:
    return make_clip("video.mp4", 50)


def mux(video: Path, sound: Path, out: Path, duration: Fraction, codec: str = "auto") -> AudioInfo:
    info = probe_video(video)
    with open_writer(
        out, info, codec, crf=30, preset="ultrafast", audio=sound, duration=duration, force=True
    ) as writer:
        for frame in read_frames(video):
            if frame.pts * frame.time_base < duration:
                writer.write(frame, frame.pts)
    return probe_audio(out)


COPIES = [
    ("a.m4a", "aac", 48000, 1, "ipod", ".mp4"),
    ("a.m4a", "aac", 48000, 6, "ipod", ".mov"),
    ("a.aac", "aac", 44100, 2, "adts", ".mp4"),
    ("a.mp3", "libmp3lame", 44100, 2, None, ".mp4"),
    ("a.mp3", "libmp3lame", 44100, 2, None, ".mkv"),
    ("a.opus", "libopus", 48000, 1, "ogg", ".mp4"),
    ("a.opus", "libopus", 48000, 2, "ogg", ".webm"),
    ("a.ogg", "vorbis", 44100, 2, "ogg", ".mkv"),
    ("a.flac", "flac", 44100, 2, None, ".mp4"),
    ("a.wav", "pcm_s16le", 16000, 1, None, ".mov"),
    ("a.wav", "pcm_s24le", 96000, 2, None, ".mkv"),
]
ENCODED = [
    ("a.wav", "pcm_s16le", 16000, 1, None, ".mp4", "aac"),
    ("a.wav", "pcm_s16le", 22050, 2, None, ".mp4", "aac"),
    ("a.wav", "pcm_s16le", 8000, 1, None, ".mp4", "aac"),
    ("a.flac", "flac", 44100, 2, None, ".mov", "alac"),
    ("a.ogg", "vorbis", 44100, 2, "ogg", ".mp4", "aac"),
    ("a.mp3", "libmp3lame", 48000, 1, None, ".webm", "opus"),
]


def check(video: Path, sound: Path, out: Path, duration: Fraction, delay: Callable[..., int]) -> AudioInfo:
    given, reference = probe_audio(sound), read_samples(sound)
    written = mux(video, sound, out, duration)
    assert (written.rate, written.channels) == (given.rate, given.channels)
    assert written.duration_s == pytest.approx(float(duration), abs=0.045)
    # Matroska keeps whole milliseconds and starts the picture where the sound's priming ends.
    with av.open(str(out)) as container:
        start_s = next(container.decode(video=0)).time
    lag_s = delay(read_samples(out), reference) / 16000
    assert lag_s - start_s == pytest.approx(0, abs=0.002 if out.suffix in (".mp4", ".mov") else 0.025)
    shown = len(list(read_frames(out)))
    assert abs(shown / 25 - float(duration)) <= 0.05
    return written


@pytest.mark.parametrize(("name", "codec", "rate", "channels", "container", "suffix"), COPIES)
def test_sound_is_copied_where_the_container_holds_it(
    make_sound: MakeSound,
    video: Path,
    tmp_path: Path,
    delay: Callable[..., int],
    name: str,
    codec: str,
    rate: int,
    channels: int,
    container: str | None,
    suffix: str,
) -> None:
    sound = make_sound(name, codec, rate, channels, 2.0, container)
    out = tmp_path / f"out{suffix}"
    written = check(video, sound, out, Fraction(len(read_samples(sound)), 16000), delay)
    assert written.codec == probe_audio(sound).codec
    with av.open(str(sound)) as a, av.open(str(out)) as b:
        before = [bytes(p) for p in a.demux(audio=0) if p.size]
        after = [bytes(p) for p in b.demux(audio=0) if p.size]
    if codec.startswith("pcm"):
        assert b"".join(before) == b"".join(after)
    elif name != "a.aac":
        assert after[:-1] == before[: len(after) - 1]
        assert len(before) - len(after) <= 2


@pytest.mark.parametrize(("name", "codec", "rate", "channels", "container", "suffix", "written_as"), ENCODED)
def test_other_sound_is_encoded_at_its_own_rate(
    make_sound: MakeSound,
    video: Path,
    tmp_path: Path,
    delay: Callable[..., int],
    name: str,
    codec: str,
    rate: int,
    channels: int,
    container: str | None,
    suffix: str,
    written_as: str,
) -> None:
    sound = make_sound(name, codec, rate, channels, 2.0, container)
    written = check(video, sound, tmp_path / f"out{suffix}", Fraction(2), delay)
    assert written.codec == written_as


@pytest.mark.parametrize(("name", "codec", "rate", "channels", "container", "suffix"), COPIES)
def test_sound_is_cut(
    make_sound: MakeSound,
    video: Path,
    tmp_path: Path,
    delay: Callable[..., int],
    name: str,
    codec: str,
    rate: int,
    channels: int,
    container: str | None,
    suffix: str,
) -> None:
    sound = make_sound(name, codec, rate, channels, 2.0, container)
    check(video, sound, tmp_path / f"out{suffix}", Fraction(13, 10), delay)


def test_short_sound_is_followed_by_silence(make_sound: MakeSound, video: Path, tmp_path: Path) -> None:
    sound = make_sound("a.m4a", "aac", 48000, 1, 1.0, "ipod")
    written = mux(video, sound, tmp_path / "out.mp4", Fraction(2))
    assert written.duration_s == pytest.approx(2.0, abs=0.01)
    samples = read_samples(tmp_path / "out.mp4")
    assert abs(samples[18000:]).max() < 0.01 < abs(samples[:16000]).max()


def test_rates_that_no_encoder_takes_are_reported(make_sound: MakeSound, video: Path, tmp_path: Path) -> None:
    sound = make_sound("a.wav", "pcm_s16le", 44100, 1)
    info = probe_video(video)
    with open_writer(
        tmp_path / "out.webm",
        info,
        "auto",
        crf=30,
        preset="ultrafast",
        audio=sound,
        duration=Fraction(2),
        force=False,
    ) as writer:
        for frame in read_frames(video):
            writer.write(frame, frame.pts)
    assert "44100 Hz was written as 48000 Hz" in writer.notes[0]


def test_damaged_sound_leaves_nothing_behind(make_sound: MakeSound, video: Path, tmp_path: Path) -> None:
    sound = make_sound("a.m4a", "aac", 48000, 1, 2.0, "ipod")
    whole = sound.read_bytes()
    sound.write_bytes(whole[: len(whole) // 3])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MediaError):
        mux(video, sound, tmp_path / "out.mp4", Fraction(2))
    assert sorted(tmp_path.iterdir()) == before
