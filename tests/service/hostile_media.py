"""Small files that lie about what they are: made here, byte by byte where no writer would do it."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from lipwright.media.write import save_clip


def clip(path: Path, frames: int = 10, *, size: tuple[int, int] = (64, 48), rate: int = 25) -> Path:
    """An honest silent clip."""
    pictures = [np.full((size[1], size[0], 3), 20 * (i % 10), np.uint8) for i in range(frames)]
    save_clip(path, pictures, Fraction(rate), None, 16000)
    return path


def voice(path: Path, seconds: float = 1.0, *, codec: str = "pcm_s16le", rate: int = 16000) -> Path:
    """An honest sound: silence, which packs very well."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = "mono"
        left = round(seconds * rate)
        done = 0
        while left > 0:
            block = np.zeros((1, min(left, 1024)), np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, done, Fraction(1, rate)
            out.mux(stream.encode(frame))
            done += block.shape[1]
            left -= block.shape[1]
        out.mux(stream.encode(None))
    return path


def without_frames(path: Path) -> Path:
    """An mp4 whose video stream holds nothing."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.start_encoding()
    return path


def jpegs(path: Path) -> Path:
    """An AVI of JPEG pictures, 64x48."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for pts in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            out.mux(stream.encode(frame.reformat(format="yuvj420p")))
        out.mux(stream.encode(None))
    return path


def huge_pictures(path: Path, side: int, *, header_too: bool) -> Path:
    """A few kilobytes whose pictures state side x side pixels; the container's header says so, or lies."""
    data = bytearray(jpegs(path).read_bytes())
    at = 0
    while (at := data.find(b"\xff\xc0", at)) >= 0:  # start of frame: length, precision, height, width
        if data[at + 4] == 8:
            struct.pack_into(">HH", data, at + 5, side, side)
        at += 2
    if header_too:
        at = data.find(b"strf")
        struct.pack_into("<ii", data, at + 12, side, side)
    path.write_bytes(data)
    return path


def fast(path: Path, rate: int) -> Path:
    """Ten frames at an absurd rate."""
    return clip(path, rate=rate)


def sparse(path: Path, seconds: int) -> Path:
    """Two frames, the second one a very long time after the first."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for pts in (0, seconds * 25):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            out.mux(stream.encode(frame.reformat(format="yuvj420p")))
        out.mux(stream.encode(None))
    return path


def states_duration(path: Path, ticks: int = 0x7FFFFFF0) -> Path:
    """An mp4 of ten frames whose header states an immense duration."""
    data = bytearray(clip(path).read_bytes())
    for box, offset in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        at = data.find(box)
        assert at >= 0
        struct.pack_into(">I", data, at + offset, ticks)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """The beginning of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def index_first(path: Path) -> Path:
    """An mp4 whose index comes before its pictures, so that a cut leaves a readable header."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("mpeg4", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        noise = np.random.default_rng(1)
        for pts in range(50):
            pixels = noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            out.mux(stream.encode(frame.reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    return path


def slow_samples(path: Path) -> Path:
    """A WAV whose header states one sample per second."""
    data = bytearray(voice(path).read_bytes())
    at = data.find(b"fmt ")
    struct.pack_into("<II", data, at + 12, 1, 2)
    path.write_bytes(data)
    return path


def endless(path: Path) -> Path:
    """200 GB of sound on a few blocks of the disk: looking at all of it takes minutes."""
    data = bytearray(voice(path, 0.1).read_bytes())
    for name in (b"RIFF", b"data"):
        struct.pack_into("<I", data, data.find(name) + 4, 0xFFFFFFFF)
    path.write_bytes(data)
    with path.open("r+b") as file:
        file.truncate(200 * 10**9)
    return path
