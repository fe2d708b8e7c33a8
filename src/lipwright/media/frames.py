"""A video file as a stream of frames: in order, or in any order with constant memory."""

from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import MediaError
from lipwright.media.decode import Source, Warn
from lipwright.media.picture import Frame
from lipwright.media.planes import layout
from lipwright.media.probe import VideoInfo, probe_video

__all__ = ["Frame", "read_frames", "read_order"]

CHUNK_BYTES = 96 << 20
"""Most memory that `read_order` keeps in frames: 32 of 1080x1920 in 8-bit 4:2:0."""


def read_frames(
    path: Path | str,
    start: int = 0,
    stop: int | None = None,
    *,
    info: VideoInfo | None = None,
    salvage: bool = False,
    warn: Warn | None = None,
) -> Iterator[Frame]:
    """Frames number `start` to `stop` - 1 (to the end without), with the times of the file: constant or
    variable rate.

    Times grow from frame to frame; where the file's do not they are mended, and `warn` is told. MediaError
    for what cannot be opened; with `at_s`, after all good frames were given, where the file breaks or is
    truncated. With `salvage` the frames just end there, and `warn` gets the sentence. `info`: what
    `probe_video` said, to probe only once.
    """
    if stop is not None and stop <= start:
        return
    path = Path(path)
    source = Source(path, info if info is not None else probe_video(path), warn)
    try:
        for frame in source.forward(start):
            yield frame
            if stop is not None and frame.index + 1 >= stop:
                return
    except MediaError as error:
        if not salvage or error.at_s is None:
            raise
        if warn is not None:
            warn(str(error))


def read_order(
    path: Path | str,
    indices: Sequence[int] | NDArray[np.integer],
    *,
    info: VideoInfo | None = None,
    warn: Warn | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Frame]:
    """The frames with those numbers, in that order: forwards, backwards, repeated.

    Memory does not depend on the length: forward runs stream, backward runs are decoded in chunks from the
    key frame before each. Frames near a turn are kept, up to `chunk_bytes`. Positions are exact: a seek is
    believed only when the times found there are the ones seen before; else decoding starts over. MediaError
    as in `read_frames`, and for a number that the video does not have.
    """
    path = Path(path)
    order = np.asarray(indices, np.int64)
    if not order.size:
        return
    if int(order.min()) < 0:
        raise ValueError(f"frame numbers start at 0, got {int(order.min())}")
    source = Source(path, info if info is not None else probe_video(path), warn)
    reader = _Order(source, 0 if bool((np.diff(order) > 0).all()) else chunk_bytes)
    try:
        for first, last in _runs(order):
            run = order[first:last]
            yield from reader.backward(run) if run[0] > run[-1] else reader.forward(run)
    finally:
        reader.close()


def _runs(order: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of the stretches that only go forward (or stand) or only go backward."""
    first = 0
    direction = 0
    for position in range(1, len(order)):
        step = int(np.sign(order[position] - order[position - 1]))
        if (direction < 0 and step >= 0) or (direction > 0 and step < 0):
            yield first, position
            first, direction = position, 0
        elif not direction:
            if step < 0 and position - first > 1:  # it stood still before it went back
                yield first, position
                first = position
            direction = step
    yield first, len(order)


class _Order:
    """Frames by number, from a stream that is kept open and from the frames given last."""

    def __init__(self, source: Source, keep_bytes: int) -> None:
        self._source = source
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._kept_bytes = 0
        self._stream: Generator[Frame] | None = None
        self._next = 0

    def forward(self, run: NDArray[np.int64]) -> Iterator[Frame]:
        """Frames of a run that does not go back."""
        for index in run.tolist():
            yield self._kept[index] if index in self._kept else self._streamed(index)

    def backward(self, run: NDArray[np.int64]) -> Iterator[Frame]:
        """Frames of a run that only goes back, a chunk at a time."""
        for index in run.tolist():
            if index not in self._kept:
                self._fill(index, int(run[-1]))
            yield self._kept[index]

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _streamed(self, index: int) -> Frame:
        """The frame from the open stream; the stream is opened anew when the frame lies behind it."""
        if self._stream is None or index < self._next:
            self.close()
            self._stream, self._next = self._source.forward(index), index
        for frame in self._stream:
            self._next = frame.index + 1
            self._keep(frame)
            if frame.index == index:
                return frame
        raise MediaError(f"{self._source.path} has only {self._next} frames; frame {index} was asked for.")

    def _fill(self, index: int, lowest: int) -> None:
        """Decode the frames up to `index`, as many as fit, not below `lowest`."""
        self.close()
        info = self._source.info
        room = max(1, self._keep_bytes // frame_bytes(info))
        stream = self._source.forward(max(lowest, index - room + 1))
        try:
            for frame in stream:
                self._keep(frame)
                if frame.index == index:
                    return
        finally:
            stream.close()
        raise MediaError(f"{self._source.path} has no frame {index}, but it was asked for.")

    def _keep(self, frame: Frame) -> None:
        """Remember a frame, and forget the oldest ones beyond the limit."""
        if not self._keep_bytes:
            return
        old = self._kept.pop(frame.index, None)
        self._kept[frame.index] = frame
        self._kept_bytes += frame.size_bytes - (old.size_bytes if old is not None else 0)
        while self._kept_bytes > self._keep_bytes and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].size_bytes


def frame_bytes(info: VideoInfo) -> int:
    """Memory of one decoded frame."""
    shape = layout(info.pix_fmt)
    sizes = [shape.plane_size(plane, *info.stored_size) for plane in range(shape.planes)]
    return sum(rows * columns for rows, columns in sizes) * shape.dtype.itemsize
