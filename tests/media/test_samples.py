"""Any audio format becomes mono samples at the rate asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import MediaError
from lipwright.media.probe import probe_audio
from lipwright.media.samples import read_samples

MakeSound = Callable[..., Path]

FORMATS = [
    ("a.wav", "pcm_s16le", 16000, 1, None),
    ("b.wav", "pcm_s24le", 96000, 2, None),
    ("a.mp3", "libmp3lame", 44100, 2, None),
    ("a.aac", "aac", 44100, 2, "adts"),
    ("a.m4a", "aac", 48000, 1, "ipod"),
    ("b.m4a", "aac", 48000, 6, "ipod"),
    ("a.flac", "flac", 44100, 2, None),
    ("a.opus", "libopus", 48000, 1, "ogg"),
    ("a.ogg", "vorbis", 44100, 2, "ogg"),
    ("c.wav", "pcm_s16le", 8000, 1, None),
]


@pytest.mark.parametrize(("name", "codec", "rate", "channels", "container"), FORMATS)
def test_any_format_is_read(
    make_sound: MakeSound, name: str, codec: str, rate: int, channels: int, container: str | None
) -> None:
    path = make_sound(name, codec, rate, channels, 2.0, container)
    info = probe_audio(path)
    assert (info.rate, info.channels) == (rate, channels)
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    samples = read_samples(path)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / 16000 == pytest.approx(2.0, abs=0.05)
    assert 0.2 < np.abs(samples).max() <= 1.0
    first = int(np.argmax(np.abs(samples) > 0.2)) / 16000
    assert first == pytest.approx(0.2, abs=0.03 if name == "a.aac" else 0.004)  # raw AAC states no delay


def test_values_are_exact_without_resampling(make_sound: MakeSound) -> None:
    path = make_sound("a.wav", "pcm_s16le", 16000, 1)
    steps = read_samples(path) * 32768
    assert np.array_equal(steps, np.rint(steps))
    assert len(read_samples(path, 8000)) == pytest.approx(16000, abs=2)


def test_the_sound_of_a_video(make_clip: Callable[..., Path]) -> None:
    tone = np.sin(np.arange(16000) * 0.2).astype(np.float32) * 0.5
    path = make_clip("a.mp4", 25, samples=tone)
    assert np.corrcoef(read_samples(path)[:15000], tone[:15000])[0, 1] > 0.99


def test_a_very_short_sound_is_measured(make_sound: MakeSound) -> None:
    """Whether it is too short to use is the caller's decision."""
    path = make_sound("a.wav", "pcm_s16le", 16000, 1, 0.03)
    assert probe_audio(path).duration_s == pytest.approx(0.03)
    assert len(read_samples(path)) == 480


def test_bad_audio(make_sound: MakeSound, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    silent = make_clip("silent.mp4", 3)
    header = make_sound("a.wav", "pcm_s16le", 16000, 1).read_bytes()[:44]
    nothing = tmp_path / "nothing.wav"
    nothing.write_bytes(header[:4] + (36).to_bytes(4, "little") + header[8:40] + bytes(4))
    for path, words in [
        (silent, "no audio stream"),
        (tmp_path / "missing.wav", "does not exist"),
        (tmp_path, "is a folder"),
        (nothing, "holds no sound|cannot be read"),
    ]:
        for read in (read_samples, probe_audio):
            with pytest.raises(MediaError, match=words) as caught:
                read(path)
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)


def test_truncated_sound_is_named(make_sound: MakeSound, tmp_path: Path) -> None:
    for name, codec, container in [
        ("a.m4a", "aac", "ipod"),
        ("a.flac", "flac", None),
        ("b.wav", "pcm_s16le", None),
    ]:
        whole = make_sound(name, codec, 44100, 1, 3.0, container).read_bytes()
        path = tmp_path / f"cut_{name}"
        path.write_bytes(whole[: len(whole) * 6 // 10])
        with pytest.raises(MediaError) as caught:
            read_samples(path)
        assert "damaged" in str(caught.value) or "truncated" in str(caught.value)
        if caught.value.at_s is None:  # the index of an M4A comes last: nothing can be read without it
            assert name == "a.m4a"
            continue
        assert caught.value.at_s == pytest.approx(1.8, abs=0.25)
        said: list[str] = []
        saved = read_samples(path, salvage=True, warn=said.append)
        assert len(saved) / 16000 == pytest.approx(caught.value.at_s, abs=0.05)
        assert said == [str(caught.value)]
