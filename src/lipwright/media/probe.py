"""What a media file holds, read without decoding more than one frame."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType

from lipwright.errors import MediaError
from lipwright.media.colour import ColourTags
from lipwright.media.orientation import Matrix, Orientation, from_matrix
from lipwright.media.planes import layout, travel_format

# Files that hold their own media. Playlists and lists of files (hls, concat, dash, sdp) are left out: a file
# from anywhere must not make us read others, or reach out to the network.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,wav,w64,rf64,mp3,aac,flac,ogg,mpegts,mpeg,mpegvideo,flv,asf,"
    "live_flv,aiff,caf,amr,amrnb,amrwb,au,voc,ac3,eac3,dts,ape,tta,wv,mpc,mpc8,rm,nut,mxf,gxf,dv,h264,"
    "hevc,m4v,ivf,obu,av1,yuv4mpegpipe,gif,apng,mjpeg,wtv,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,opus,spx,vvc,h263,swf,bink,smk,loas,latm"
)
_SAFE = (("format_whitelist", _FORMATS), ("protocol_whitelist", "file"))
_UNKNOWN_RATE = Fraction(25)
_JPEG_SITED = {"mjpeg", "jpeg2000", "mpeg1video", "ljpeg", "jpegls"}

PRESENTER_COMMENT = "lipwright presenter"


@dataclass(frozen=True)
class VideoInfo:
    """The video stream of a file."""

    path: Path
    width: int
    """Pixels across in display orientation."""
    height: int
    """Pixels down in display orientation."""
    rotation: int
    """Degrees clockwise from stored to displayed: 0, 90, 180 or 270."""
    pix_fmt: str
    """Planar format in which the frames travel (`planes.travel_format` of the stream's own)."""
    bits: int
    rate: Fraction
    """Average frames per second."""
    time_base: Fraction
    """Seconds per unit of pts."""
    duration_s: float
    frames_hint: int | None
    """Number of frames as the file states it; may be missing or wrong."""
    codec: str
    colour: ColourTags
    sar: Fraction
    """Width of a stored pixel over its height."""
    has_audio: bool
    display_matrix: Matrix | None = None
    """The display matrix as stored, None when upright."""
    comment: str = ""
    """The file's comment tag; outputs keep it. `PRESENTER_COMMENT` marks clips of our own presenter."""

    @property
    def orientation(self) -> Orientation:
        """How stored frames are displayed."""
        return from_matrix(self.display_matrix)

    @property
    def stored_size(self) -> tuple[int, int]:
        """(width, height) of the frames as stored."""
        return self.orientation.display_size(self.width, self.height)

    @property
    def cosited(self) -> bool:
        """Whether chroma samples sit on even luma columns (all but JPEG-like codecs)."""
        return self.codec not in _JPEG_SITED

    @property
    def frame_ticks(self) -> int:
        """Usual duration of a frame in `time_base`, at least 1."""
        return max(1, round(1 / (self.rate * self.time_base)))


@dataclass(frozen=True)
class AudioInfo:
    """The first audio stream of a file."""

    path: Path
    rate: int
    """Samples per second."""
    channels: int
    codec: str
    duration_s: float


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """An open media file. MediaError, in one sentence, for what cannot be opened as media."""
    if not path.exists():
        raise MediaError(f"{path} does not exist; check the name.")
    if path.is_dir():
        raise MediaError(f"{path} is a folder; name a media file.")
    try:
        if path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes); it may be an unfinished download.")
        container = av.open(f"file:{path}", "r", container_options=dict(_SAFE))
    except PermissionError as error:
        raise MediaError(f"{path} may not be read; check its permissions.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{path} cannot be read as media; it is damaged, truncated, or no video or audio file."
        ) from error
    with container:
        yield container


def probe_video(path: Path | str) -> VideoInfo:
    """Describe the first video stream. MediaError when there is none, or when its first frame cannot be
    decoded.
    """
    path = Path(path)
    with opened(path) as container:
        stream = video_stream(container, path)
        picture = _first_picture(container, stream, path)
        matrix = _display_matrix(picture)
        orientation = from_matrix(matrix)
        width, height = orientation.display_size(picture.width, picture.height)
        pix_fmt = travel_format(picture.format.name)
        time_base = stream.time_base if stream.time_base is not None else Fraction(1, 90000)
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate or _UNKNOWN_RATE
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            rotation=orientation.rotation,
            pix_fmt=pix_fmt,
            bits=layout(pix_fmt).bits,
            rate=Fraction(rate),
            time_base=Fraction(time_base),
            duration_s=_duration_s(container, stream),
            frames_hint=stream.frames or None,
            codec=stream.codec_context.codec.canonical_name,
            colour=_colour(stream, picture),
            sar=Fraction(stream.sample_aspect_ratio or 1),
            has_audio=bool(container.streams.audio),
            display_matrix=matrix,
            comment=_comment(container),
        )


def _comment(container: InputContainer) -> str:
    tags = {key.lower(): value for key, value in container.metadata.items()}
    return str(tags.get("comment", ""))


def probe_audio(path: Path | str) -> AudioInfo:
    """Describe the first audio stream. MediaError when there is none, or when it holds no sound."""
    path = Path(path)
    with opened(path) as container:
        stream = audio_stream(container, path)
        rate, channels, codec = stream.rate, stream.channels, stream.codec_context.codec.canonical_name
        duration_s = _audio_seconds(container, stream, path)
    if duration_s <= 0:
        raise MediaError(f"{path} holds no sound (0 s of audio); give a file with speech.")
    return AudioInfo(path, rate, channels, codec, duration_s)


def video_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """The first video stream that is no cover picture. MediaError when there is none."""
    if not len(container.streams):
        raise MediaError(f"{path} holds nothing that can be read; it is damaged or truncated.")
    streams = [s for s in container.streams.video if not s.disposition & _COVER]
    if not streams:
        raise MediaError(f"{path} has no video stream; give a video file.")
    return streams[0]


def audio_stream(container: InputContainer, path: Path) -> av.AudioStream:
    """The first audio stream. MediaError when there is none, or when nothing here decodes it."""
    if not container.streams.audio:
        raise MediaError(f"{path} has no audio stream; give a file with sound.")
    stream = container.streams.audio[0]
    if not _decodable(stream) or not stream.rate:
        raise MediaError(
            f"The sound of {path} is in a format that cannot be decoded; convert it to WAV first."
        )
    return stream


_COVER = av.stream.Disposition.attached_pic


def _first_picture(container: InputContainer, stream: av.VideoStream, path: Path) -> av.VideoFrame:
    if not _decodable(stream):
        raise MediaError(f"The video codec of {path} is unknown here; convert it to H.264 first.")
    try:
        for packet in container.demux(stream):
            for picture in packet.decode():
                return picture
    except av.FFmpegError as error:
        raise MediaError(
            f"The video of {path} cannot be decoded from its first frame on.", at_s=0.0
        ) from error
    raise MediaError(f"The video stream of {path} holds no frames; the file is empty or truncated.", at_s=0.0)


def _decodable(stream: Any) -> bool:
    """Whether a decoder for the stream exists here."""
    return stream.codec_context is not None


def _display_matrix(picture: av.VideoFrame) -> Matrix | None:
    side_data: Any = picture.side_data
    for data in side_data:
        if data.type == SideDataType.DISPLAYMATRIX:
            values = struct.unpack("=9i", bytes(data)[:36])
            return None if from_matrix(values) == Orientation() else values
    return None


def _colour(stream: av.VideoStream, picture: av.VideoFrame) -> ColourTags:
    context = stream.codec_context
    full = picture.format.name.startswith("yuvj")
    return ColourTags(
        space=_tag(picture.colorspace, context.colorspace, 2),
        range=2 if full else _tag(picture.color_range, context.color_range, 0),
        primaries=_tag(picture.color_primaries, context.color_primaries, 2),
        transfer=_tag(picture.color_trc, context.color_trc, 2),
    )


def _tag(of_picture: int, of_stream: int, unspecified: int) -> int:
    return int(of_picture) if int(of_picture) != unspecified else int(of_stream)


def _duration_s(container: InputContainer, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    return 0.0


def _audio_seconds(container: InputContainer, stream: av.AudioStream, path: Path) -> float:
    """Seconds of sound: as stated by the container, else by walking through its packets."""
    stated_s = stated_audio_s(container, stream)
    if stated_s is not None:
        return stated_s
    first: Fraction | None = None
    if stream.start_time is not None:
        first = stream.start_time * Fraction(stream.time_base or 0)
    end = Fraction(0)
    try:
        for packet in container.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            first = packet.pts * packet.time_base if first is None else first
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    except av.FFmpegError as error:
        raise MediaError(
            f"The sound of {path} breaks off after {float(end):.2f} s.", at_s=float(end)
        ) from error
    return float(end - first) if first is not None else 0.0


def stated_audio_s(container: InputContainer, stream: av.AudioStream) -> float | None:
    """Seconds of sound by the container's word; None when it says nothing, or guesses."""
    if stream.duration is None or stream.time_base is None or container.format.name in _GUESSED:
        return None
    return float(stream.duration * stream.time_base)


_GUESSED = {"mp3", "aac"}
"""Containers without an index, whose stated duration is a guess from the bit rate."""


def sound_start_s(path: Path | str) -> float:
    """Seconds by which the first sample comes after the first frame (negative: before it), by the time
    stamps. MediaError when a stream is missing or its beginning cannot be decoded.
    """
    path = Path(path)
    with opened(path) as container:
        streams = (video_stream(container, path), audio_stream(container, path))
        kinds = {stream.index: kind for stream, kind in zip(streams, ("video", "audio"), strict=True)}
        starts: dict[str, float] = {}
        try:
            for packet in container.demux(streams):
                kind = kinds[packet.stream.index]
                for frame in packet.decode() if kind not in starts else ():
                    starts.setdefault(kind, _time_s(frame))
                if len(starts) == len(kinds):
                    break
        except av.FFmpegError as error:
            raise MediaError(f"The beginning of {path} cannot be decoded.", at_s=0.0) from error
    for kind in ("video", "audio"):
        if kind not in starts:
            raise MediaError(f"The {kind} stream of {path} holds nothing.", at_s=0.0)
    return starts["audio"] - starts["video"]


def _time_s(frame: Any) -> float:
    return 0.0 if frame.pts is None else float(frame.pts * frame.time_base)
