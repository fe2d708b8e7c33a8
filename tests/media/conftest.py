"""Media that the tests make for themselves."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.media.write import save_clip

Moving = Callable[..., list[NDArray[np.uint8]]]
MakeClip = Callable[..., Path]
MakeSound = Callable[..., Path]


def moving_frames(count: int, width: int = 96, height: int = 64) -> list[NDArray[np.uint8]]:
    """Frames that all differ: a gradient that drifts over fixed noise."""
    noise = np.random.default_rng(5).integers(0, 40, (height, width, 3))
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 2, y * 3, x + y], axis=-1)
    return [((base + 5 * i + np.roll(noise, i, axis=1)) % 256).astype(np.uint8) for i in range(count)]


def clicks(rate: int, seconds: float, channels: int = 1) -> NDArray[np.float32]:
    """(channels, n): low noise with a short tone each quarter of a second, to find delays by."""
    count = round(rate * seconds)
    sound = 0.02 * np.random.default_rng(3).standard_normal((channels, count))
    width = rate // 100
    tone = 0.5 * np.sin(2 * np.pi * 800 * np.arange(width) / rate)
    for start in range(round(0.2 * rate), count - width, rate // 4):
        sound[:, start : start + width] += tone
    return sound.astype(np.float32)


@pytest.fixture(scope="session")
def moving() -> Moving:
    return moving_frames


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """make_clip(name, count, width, height, **options of save_clip) -> path."""

    def make(name: str, count: int = 25, width: int = 96, height: int = 64, **options: object) -> Path:
        path = tmp_path / name
        rate = options.pop("rate", Fraction(25))
        samples = options.pop("samples", None)
        frames = moving_frames(count, width, height)
        save_clip(path, frames, rate, samples, 16000, **options)  # type: ignore[arg-type]
        return path

    return make


@pytest.fixture
def make_sound(tmp_path: Path) -> MakeSound:
    """make_sound(name, codec, rate, channels, seconds, container) -> path."""

    def make(
        name: str,
        codec: str,
        rate: int = 44100,
        channels: int = 2,
        seconds: float = 2.0,
        container: str | None = None,
    ) -> Path:
        path = tmp_path / name
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
        with av.open(str(path), "w", format=container) as out:
            stream = out.add_stream(codec, rate=rate)
            assert isinstance(stream, av.AudioStream)
            context = stream.codec_context
            context.layout = layout
            formats = context.codec.audio_formats
            assert formats
            context.format = formats[0].name
            if codec == "vorbis":
                context.options = {"strict": "-2"}
            for frame in _blocks(clicks(rate, seconds, channels), rate, layout):
                for block in av.AudioResampler(context.format.name, layout, rate).resample(frame):
                    out.mux(stream.encode(block))
            out.mux(stream.encode(None))
        return path

    return make


def _blocks(sound: NDArray[np.float32], rate: int, layout: str) -> Iterator[av.AudioFrame]:
    for start in range(0, sound.shape[1], 1024):
        part = np.ascontiguousarray(sound[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, start
        yield frame


@pytest.fixture
def delay() -> Callable[[NDArray[np.float32], NDArray[np.float32]], int]:
    """delay(sound, reference) -> by how many samples the sound lags behind the reference, up to 400."""

    def measure(sound: NDArray[np.float32], reference: NDArray[np.float32]) -> int:
        count = min(len(sound), len(reference))
        within = np.abs(reference[400 : count - 400])
        return int(np.correlate(np.abs(sound[:count]), within, "valid").argmax()) - 400

    return measure
