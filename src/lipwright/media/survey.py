"""What a file of unknown origin really holds, by its packets: nothing is decoded but the first piece.

A header may state any size and length. Walking through the packets costs no more than reading the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet

from lipwright.errors import MediaError
from lipwright.media.extent import cut_short
from lipwright.media.probe import audio_stream, opened, video_stream


@dataclass(frozen=True)
class Survey:
    """The packets of one stream."""

    packets: int
    """Those that hold something; for video, its frames (or fields)."""
    seconds: float
    """From the first one's start to the last one's end, by their own time stamps; 0 without such."""
    rate: float
    """Packets per second on average; 0 when there are fewer than two, or no time stamps."""
    whole: bool
    """Whether the file is as long as it says."""


def stated_size(path: Path) -> tuple[int, int]:
    """(width, height) of the video's stored frames by the header, which was not decoded; 0 when it says
    nothing. MediaError when there is no video.
    """
    with opened(path) as container:
        stream: Any = video_stream(container, path)
        if stream.codec_context is None:  # nothing here decodes it
            return 0, 0
        return stream.width, stream.height


def survey_video(path: Path, stop_s: float) -> Survey:
    """Walk through the video until `stop_s` seconds of it were seen. MediaError when there is none."""
    return _survey(path, video_stream, stop_s)


def survey_sound(path: Path, stop_s: float) -> Survey:
    """Walk through the sound until `stop_s` seconds of it were seen. MediaError when there is none."""
    return _survey(path, audio_stream, stop_s)


def check_first_sound(path: Path) -> None:
    """MediaError unless the first piece of sound can be decoded."""
    with opened(path) as container:
        stream = audio_stream(container, path)
        try:
            for frame in container.decode(stream):
                if frame.samples:
                    return
        except av.FFmpegError as error:
            raise MediaError(f"The sound of {path} cannot be decoded from its start on.", at_s=0.0) from error
    raise MediaError(f"{path} holds no sound (0 s of audio); give a file with speech.")


def _survey(path: Path, choose: Callable[[InputContainer, Path], Any], stop_s: float) -> Survey:
    with opened(path) as container:
        stream = choose(container, path)
        span = _Span()
        indexed = "mov" in container.format.name  # that family lists every packet
        whole = True
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                whole = whole and not (indexed and packet.is_corrupt)
                span.add(packet)
                if span.seconds > stop_s:
                    break
            else:
                if indexed:
                    whole = whole and span.packets >= sum(1 for entry in stream.index_entries if entry.size)
                else:
                    whole = not cut_short(path)
        except av.FFmpegError:
            whole = False  # the file breaks in the middle; what came before counts
        return Survey(span.packets, span.seconds, span.rate, whole)


class _Span:
    """How many packets there were, and which stretch of time they cover."""

    def __init__(self) -> None:
        self.packets = 0
        self._first: Fraction | None = None
        self._last = Fraction(0)
        self._end = Fraction(0)

    def add(self, packet: Packet[Any]) -> None:
        self.packets += 1
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is None or packet.time_base is None:
            return
        at = ticks * packet.time_base
        end = at + (packet.duration or 0) * packet.time_base
        if self._first is None:
            self._first, self._last, self._end = at, at, end
            return
        self._first, self._last, self._end = min(self._first, at), max(self._last, at), max(self._end, end)

    @property
    def seconds(self) -> float:
        return 0.0 if self._first is None else float(self._end - self._first)

    @property
    def rate(self) -> float:
        if self._first is None or self._last <= self._first:
            return 0.0
        return float((self.packets - 1) / (self._last - self._first))
