"""Decoding a video stream into numbered frames: true times, exact positions after a seek, and where a file
breaks.
"""

import errno
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import av
from av.container import InputContainer

from lipwright.errors import MediaError
from lipwright.media.extent import cut_short
from lipwright.media.picture import Frame, look_of
from lipwright.media.planes import to_travel_format
from lipwright.media.probe import VideoInfo, opened, video_stream

Warn = Callable[[str], None]

# How far before a frame to look for a key frame, in seconds, when the nearest one comes too late. Then:
# from the start.
_SEEK_BACK_S = (0, 1, 5, 20)


# A stated duration counts as missed when more than this is missing: it may be rounded, or end with a pause.
_MISSING_S = 0.25
_MISSING_SHARE = 0.01


class _BreakError(Exception):
    """The stream cannot be decoded further."""


class _SeekError(Exception):
    """The positions after a seek cannot be trusted."""


class Source:
    """One video file from which frames are taken by number. Knows the times of the frames seen so far (8
    bytes each).
    """

    def __init__(self, path: Path, info: VideoInfo, warn: Warn | None = None) -> None:
        self.path = path
        self.info = info
        self._look = look_of(info)
        self._warn = warn
        self._pts = array("q")
        self._last_ticks = info.frame_ticks
        self._demuxed = 0
        self._steady = True
        """Whether the file's own times number the frames: present, and growing."""

    def forward(self, start: int = 0) -> Generator[Frame]:
        """Frames from number `start` to the end. MediaError (`at_s`: where) when the file breaks or is
        truncated.
        """
        following = start
        threads = True
        while True:
            try:
                for frame in self._attempt(following, threads):
                    following = frame.index + 1
                    yield frame
                return
            except _SeekError:
                self._steady = False
            except _BreakError as error:
                if not threads:
                    raise self._broken() from error.__cause__
                # With several threads, good frames before the break may still have been under way.
                threads = False

    def _attempt(self, start: int, threads: bool) -> Iterator[Frame]:
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO" if threads else "NONE"
            if 0 < start < len(self._pts) and self._steady:
                yield from self._sought(container, stream, start)
                return
            self._demuxed = 0
            for index, picture in enumerate(self._pictures(container, stream)):
                pts = self._time_of(index, picture)
                if index >= start:
                    yield self._frame(picture, index, pts)
            self._check_whole(container, stream)

    def _sought(self, container: InputContainer, stream: av.VideoStream, start: int) -> Iterator[Frame]:
        """Frames from a known number on, by way of the key frame before it. _SeekError when numbers get
        unsure.
        """
        key = self._seek(container, stream, self._pts[start])
        expected: int | None = None
        for picture in self._pictures(container, stream):
            pts = picture.pts
            if pts is None:
                raise _SeekError
            if pts < key:
                continue  # leading pictures of an open group refer to frames before the key frame: not exact
            index = bisect_left(self._pts, pts)
            known = index < len(self._pts) and self._pts[index] == pts
            if not known and (expected is None or expected != len(self._pts)):
                raise _SeekError
            if expected is not None and index != expected:
                raise _SeekError
            if expected is None and index > start:
                raise _SeekError
            expected = index + 1
            pts = self._time_of(index, picture)
            if index >= start:
                yield self._frame(picture, index, pts)

    def _seek(self, container: InputContainer, stream: av.VideoStream, pts: int) -> int:
        """Go to a key frame that is shown at or before `pts`; its own time. The next packet is that key
        frame.
        """
        for back_s in _SEEK_BACK_S:
            target = pts - int(back_s / self.info.time_base)
            try:
                container.seek(target, stream=stream, backward=True)
                first = next((p for p in container.demux(stream) if p.size), None)
                if first is not None and first.is_keyframe and first.pts is not None and first.pts <= pts:
                    container.seek(target, stream=stream, backward=True)
                    return first.pts
            except av.FFmpegError as error:
                raise _SeekError from error
        raise _SeekError

    def _pictures(self, container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """Decoded pictures from where the container stands. _BreakError where decoding stops too early."""
        indexed = _has_index(container)
        started = False
        for packet in self._packets(container, stream):
            try:
                if indexed and packet.is_corrupt:
                    raise av.InvalidDataError(errno.EIO, "a packet is cut short")
                pictures = packet.decode()
            except av.FFmpegError as error:
                if not started:
                    continue  # a recording may begin in the middle of a group of pictures
                yield from _waiting(stream, packet.pts)
                raise _BreakError from error
            for picture in pictures:
                started = True
                yield picture

    def _packets(
        self, container: InputContainer, stream: av.VideoStream
    ) -> Iterator["av.Packet[av.VideoStream]"]:
        demuxer = container.demux(stream)
        while True:
            try:
                packet = next(demuxer, None)
            except av.FFmpegError as error:
                raise _BreakError from error
            if packet is None:
                return
            self._demuxed += bool(packet.size)
            yield packet

    def _time_of(self, index: int, picture: av.VideoFrame) -> int:
        """The frame's time: the file's, or one that follows the last where the file's is missing or goes
        back.
        """
        if index < len(self._pts):
            return self._pts[index]
        pts = picture.pts
        if pts is None or (index and pts <= self._pts[-1]):
            if self._steady and self._warn is not None:
                self._warn(f"The time stamps of {self.path} are missing or go back at frame {index}; mended.")
            self._steady = False
            pts = self._pts[-1] + self.info.frame_ticks if index else 0
        self._pts.append(pts)
        self._last_ticks = picture.duration or self.info.frame_ticks
        return pts

    def _frame(self, picture: av.VideoFrame, index: int, pts: int) -> Frame:
        width, height = self.info.stored_size
        ready = to_travel_format(picture)
        if (ready.width, ready.height, ready.format.name) != (width, height, self.info.pix_fmt):
            ready = ready.reformat(width=width, height=height, format=self.info.pix_fmt)
        if picture.is_corrupt and self._warn is not None:
            self._warn(
                f"The picture at {self.seconds(pts):.2f} s of {self.path} is damaged; used as decoded."
            )
        return Frame(
            ready,
            self._look,
            index=index,
            pts=pts,
            duration=picture.duration or self.info.frame_ticks,
            time_base=self.info.time_base,
        )

    def seconds(self, pts: int) -> float:
        """A time as seconds from the first frame."""
        return float((pts - self._pts[0]) * self.info.time_base) if self._pts else 0.0

    def _end_s(self) -> float:
        return self.seconds(self._pts[-1] + self._last_ticks) if self._pts else 0.0

    def _broken(self) -> MediaError:
        at_s = self._end_s()
        return MediaError(
            f"{self.path} is damaged: it cannot be decoded beyond {at_s:.2f} s; repair it, or use --force to "
            "render what comes before.",
            at_s=at_s,
        )

    def _check_whole(self, container: InputContainer, stream: av.VideoStream) -> None:
        """MediaError when fewer pictures came than the file states."""
        at_s = self._end_s()
        if not self._pts:
            raise MediaError(
                f"The video stream of {self.path} holds no frames that can be decoded.", at_s=0.0
            )
        if _has_index(container):
            truncated = self._demuxed < sum(1 for entry in stream.index_entries if entry.size)
        else:
            missing_s = _stated_s(stream) - at_s
            truncated = cut_short(self.path) or missing_s > max(_MISSING_S, _MISSING_SHARE * at_s)
        if truncated:
            raise MediaError(
                f"{self.path} is truncated: its pictures end at {at_s:.2f} s; get the whole file, or use "
                "--force to render what is there.",
                at_s=at_s,
            )


def _waiting(stream: av.VideoStream, failed: int | None) -> Iterator[av.VideoFrame]:
    """The pictures that a decoder still holds and that are shown before the one whose packet failed."""
    with suppress(av.FFmpegError):
        for picture in stream.codec_context.decode(None):
            if picture.pts is not None and failed is not None and picture.pts < failed:
                yield picture


def _stated_s(stream: av.VideoStream) -> float:
    """When the last picture ends by the word of a Matroska or WebM file; 0 when it does not say."""
    clock = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if clock is None or stream.time_base is None:
        return 0.0
    hours, minutes, seconds = clock.groups()
    first_s = float((stream.start_time or 0) * stream.time_base)
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - first_s


def _has_index(container: InputContainer) -> bool:
    """Whether the container lists every packet (the MP4 family does)."""
    return "mov" in container.format.name
