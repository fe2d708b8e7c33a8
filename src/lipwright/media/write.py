"""Frames and sound into a file: one encode, under a private name, moved into place when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from lipwright.errors import OutputError
from lipwright.media.codecs import Plan, plan
from lipwright.media.colour import ColourTags, blend_box
from lipwright.media.orientation import Matrix, from_matrix
from lipwright.media.output import private_file, write_errors
from lipwright.media.picture import Frame, Look, look_of
from lipwright.media.planes import blank, layout, views
from lipwright.media.probe import VideoInfo
from lipwright.media.sound import Sound, file_sound, sample_sound

_BUFFER = 1 << 20
_BT709 = 1

SoundMaker = Callable[[OutputContainer, Plan], Sound]


class Writer:
    """An output being written. Made by `open_writer`; memory does not grow with the length."""

    def __init__(
        self,
        container: OutputContainer,
        encoding: Plan,
        info: VideoInfo,
        duration: Fraction | None,
        sound: SoundMaker | None,
        out: Path,
    ) -> None:
        self._container = container
        self._plan = encoding
        self._info = info
        self._out = out
        self._end = 0 if duration is None else round(duration / info.time_base)
        self._stream = _video_stream(container, encoding, info)
        self._sound = sound(container, encoding) if sound is not None else None
        self._pending: tuple[av.VideoFrame, int] | None = None
        self._durations: dict[int, int] = {}
        self.notes: tuple[str, ...] = encoding.notes + (self._sound.notes if self._sound is not None else ())
        """What the output could not keep of the source, a sentence each; for the report."""
        container.start_encoding()

    def write(self, frame: Frame, pts: int) -> None:
        """Add a frame at `pts`, in the source's time base, counted from 0 and growing. OutputError when it
        fails.
        """
        pts = int(pts)
        with write_errors(self._out):
            if self._pending is not None:
                self._encode(pts)
            elif pts < 0:
                raise ValueError(f"pts {pts} is before the start")
            self._pending = (frame.picture, pts)
            if self._sound is not None:
                self._sound.pump(pts * self._info.time_base)

    def finish(self) -> None:
        """Encode what is left, picture and sound. OutputError when it fails, or when no frame was written."""
        if self._pending is None:
            raise OutputError(f"No frame was written to {self._out}; the output would be empty.")
        with write_errors(self._out):
            last = self._pending[1]
            self._encode(self._end if self._end > last else last + self._info.frame_ticks)
            self._pending = None
            self._mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.pump(None)

    def close(self) -> None:
        """Let go of the sound's file."""
        if self._sound is not None:
            self._sound.close()

    def _encode(self, next_pts: int) -> None:
        """Encode the frame that waits, now that the time of the next one says how long it lasts."""
        assert self._pending is not None
        picture, pts = self._pending
        if next_pts <= pts:
            raise ValueError(f"pts {next_pts} does not follow {pts}")
        ready = self._fitted(picture)
        ready.pts, ready.time_base = pts, self._info.time_base
        ready.pict_type = 0  # the source's I, P and B must not steer the encoder
        self._durations[pts] = next_pts - pts
        self._mux(self._stream.encode(ready))

    def _mux(self, packets: Sequence[Packet[Any]]) -> None:
        for packet in packets:
            # Encoders do not pass durations on; the last frame's decides how long the video is.
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration or 0)
            self._container.mux(packet)

    def _fitted(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture in the encoder's format and size."""
        if (picture.width, picture.height) != self._plan.size:
            picture = _extended(picture, *self._plan.size)
        if picture.format.name == self._plan.pix_fmt:
            return picture
        if picture.format.name.startswith("gbrp") and not _holds_rgb(self._plan.pix_fmt):
            return picture.reformat(
                format=self._plan.pix_fmt,
                dst_colorspace="itu709",
                src_color_range="JPEG",
                dst_color_range="MPEG",
            )
        if picture.format.name.startswith("gray"):
            return _coloured(picture, self._plan.pix_fmt)
        return picture.reformat(format=self._plan.pix_fmt)


def _coloured(picture: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """A gray picture with colourless chroma; FFmpeg would stretch its range."""
    shape = layout(pix_fmt)
    if shape.bits != layout(picture.format.name).bits:
        return picture.reformat(format=pix_fmt)
    new = blank(pix_fmt, picture.width, picture.height)
    luma, *chroma = views(new)
    luma[:] = views(picture)[0]
    for plane in chroma:
        plane[:] = 1 << (shape.bits - 1)
    return new


def _video_stream(container: OutputContainer, encoding: Plan, info: VideoInfo) -> av.VideoStream:
    stream = container.add_stream(encoding.codec.encoder, rate=info.rate, options=dict(encoding.options))
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height = encoding.size
    context.pix_fmt = encoding.pix_fmt
    context.time_base = info.time_base
    stream.time_base = info.time_base
    context.sample_aspect_ratio = info.sar
    tags = _written_tags(info, encoding)
    context.colorspace, context.color_range = tags.space, tags.range
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    if encoding.codec.family == "hevc" and encoding.container.muxer in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # the tag that Apple's players want
    if info.display_matrix is not None:
        stream.set_display_matrix(info.display_matrix)
    return stream


def _written_tags(info: VideoInfo, encoding: Plan) -> ColourTags:
    """The tags for the file: an RGB source that is encoded as YUV becomes BT.709 in limited range."""
    if layout(info.pix_fmt).kind == "rgb" and not _holds_rgb(encoding.pix_fmt):
        return ColourTags(_BT709, 1, info.colour.primaries, info.colour.transfer)
    return info.colour


def _holds_rgb(pix_fmt: str) -> bool:
    return pix_fmt.startswith(("gbrp", "bgr", "rgb"))


def _extended(picture: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """The picture with its last column and row repeated up to a size."""
    name = picture.format.name
    new = blank(name, width, height)
    shape = layout(name)
    for index, (into, source) in enumerate(zip(views(new), views(picture), strict=True)):
        rows, columns = shape.plane_size(index, width, height)
        into[:] = np.pad(source, ((0, rows - source.shape[0]), (0, columns - source.shape[1])), mode="edge")
    return new


@contextmanager
def open_writer(
    out: Path | str,
    info: VideoInfo,
    codec: str,
    *,
    crf: int,
    preset: str,
    audio: Path | None,
    duration: Fraction,
    force: bool,
    seal: Callable[[Path, Path], bool] | None = None,
) -> Iterator[Writer]:
    """Write frames like those of `info` to `out`, with the sound of `audio`, cut or filled up to `duration`
    seconds. `seal`: see `private_file`.

    The file appears under its name only when the block ends well; on any exception nothing is left. Size,
    pixel format, colour tags, pixel shape, rotation and time base are the source's where the codec allows;
    `Writer.notes` says where not. OutputError: `out` exists (without `force`), its folder is missing, the
    disk is full. OptionError: codec or suffix.
    """
    sound = None
    if audio is not None:
        frame = 1 / info.rate

        def sound(output: OutputContainer, encoding: Plan) -> Sound:
            return file_sound(output, encoding.container, audio, duration, frame, salvage=force)

    with _written(Path(out), info, codec, crf, preset, duration, sound, force, seal) as writer:
        yield writer


@contextmanager
def _written(
    out: Path,
    info: VideoInfo,
    codec: str,
    crf: int,
    preset: str,
    duration: Fraction | None,
    sound: SoundMaker | None,
    force: bool,
    seal: Callable[[Path, Path], bool] | None = None,
) -> Iterator[Writer]:
    encoding = plan(out, codec, info.pix_fmt, info.stored_size, info.rate, crf=crf, preset=preset)
    with private_file(out, force=force, seal=seal) as file:
        with write_errors(out):
            container = av.open(
                file,
                "w",
                format=encoding.container.muxer,
                container_options=dict(encoding.container.options),
                buffer_size=_BUFFER,
            )
        writer = None
        try:
            with write_errors(out):
                if info.comment:
                    container.metadata["comment"] = info.comment
                writer = Writer(container, encoding, info, duration, sound, out)
            yield writer
            writer.finish()
            with write_errors(out):
                container.close()
        except BaseException:
            with suppress(av.FFmpegError, OSError, ValueError):
                container.close()
            raise
        finally:
            if writer is not None:
                writer.close()


def save_clip(
    out: Path | str,
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction | int,
    samples: NDArray[np.float32] | None,
    sample_rate: int,
    *,
    codec: str = "h264",
    crf: int = 18,
    preset: str = "veryfast",
    pix_fmt: str = "yuv420p",
    colour: ColourTags = ColourTags(1, 1, 1, 1),  # noqa: B008 (frozen; BT.709, limited range)
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    display_matrix: Matrix | None = None,
    sar: Fraction = Fraction(1),
    duration: Fraction | None = None,
    comment: str = "",
    force: bool = False,
) -> None:
    """Write RGB frames (h, w, 3) uint8 and samples (n,) or (n, channels) float32 of -1..1 as a clip.

    Frames stream through. Frame i is shown at i / rate, or at pts[i] * time_base when given (a variable
    rate). The clip lasts as long as its pictures, or `duration` seconds; sound is cut or filled with
    silence to that. `display_matrix` says that the frames given are stored turned; `comment` is the file's
    tag. Raises as `open_writer`; ValueError when there are no frames.
    """
    out, rate = Path(out), Fraction(rate)
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ValueError("a clip needs at least one frame")
    base = time_base if time_base is not None else _time_base(rate)
    info = _clip_info(out, first, rate, base, pix_fmt, colour, display_matrix, sar)
    info = replace(info, comment=comment)
    length = duration if duration is not None else _length(frames, pts, samples, sample_rate, info)
    sound = None
    if samples is not None:
        voice, end = samples, length if length is not None else Fraction(len(samples), sample_rate)

        def sound(output: OutputContainer, encoding: Plan) -> Sound:
            return sample_sound(output, encoding.container, voice, sample_rate, end)

    look = look_of(info)
    with _written(out, info, codec, crf, preset, length, sound, force) as writer:
        for index, rgb in enumerate(chain([first], iterator)):
            at = pts[index] if pts is not None else index * info.frame_ticks
            writer.write(_frame_of(rgb, info, look, index, at), at)


def _time_base(rate: Fraction) -> Fraction:
    """A time base in which a frame of a constant rate lasts a whole number of ticks, about 1/12800 s long."""
    ticks = max(1, round(12800 / rate))
    return 1 / (rate * ticks)


def _length(
    frames: Iterable[NDArray[np.uint8]],
    pts: Sequence[int] | None,
    samples: NDArray[np.float32] | None,
    sample_rate: int,
    info: VideoInfo,
) -> Fraction | None:
    """How long a clip lasts, from what is known before its frames have come."""
    if pts is not None:
        return (pts[-1] + info.frame_ticks) * info.time_base
    if isinstance(frames, Sized):
        return len(frames) / info.rate
    return Fraction(len(samples), sample_rate) if samples is not None else None


def _clip_info(
    out: Path,
    first: NDArray[np.uint8],
    rate: Fraction,
    time_base: Fraction,
    pix_fmt: str,
    colour: ColourTags,
    matrix: Matrix | None,
    sar: Fraction,
) -> VideoInfo:
    orientation = from_matrix(matrix)
    width, height = orientation.display_size(first.shape[1], first.shape[0])
    return VideoInfo(
        path=out,
        width=width,
        height=height,
        rotation=orientation.rotation,
        pix_fmt=pix_fmt,
        bits=layout(pix_fmt).bits,
        rate=rate,
        time_base=time_base,
        duration_s=0.0,
        frames_hint=None,
        codec="rawvideo",
        colour=colour,
        sar=sar,
        has_audio=False,
        display_matrix=matrix,
    )


def _frame_of(rgb: NDArray[np.uint8], info: VideoInfo, look: Look, index: int, pts: int) -> Frame:
    """A frame from RGB in stored orientation."""
    width, height = info.stored_size
    if rgb.shape != (height, width, 3):
        raise ValueError(f"frame {index} is {rgb.shape}, but the first was {(height, width, 3)}")
    picture = blank(info.pix_fmt, width, height)
    planes = views(picture)
    for plane in planes:
        plane[:] = 0
    whole = np.ones((height, width), np.float32)
    blend_box(planes, (0, 0, width, height), rgb.astype(np.float32), whole, look.how)
    return Frame(picture, look, index=index, pts=pts, duration=info.frame_ticks, time_base=info.time_base)
