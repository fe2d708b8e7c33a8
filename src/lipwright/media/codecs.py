"""Which encoder, pixel format and container an output gets: data, and the choice among it."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
from av.codec.codec import find_best_pix_fmt_of_list

from lipwright.errors import OptionError
from lipwright.media.planes import layout


@dataclass(frozen=True)
class Codec:
    """A way to encode video."""

    encoder: str
    """FFmpeg's name."""
    family: str
    """What the container sees: the name of the format."""
    formats: tuple[str, ...] | None = None
    """Pixel formats to use; None for all that the encoder lists."""


CODECS: dict[str, Codec] = {
    "h264": Codec("libx264", "h264"),
    "hevc": Codec("libx265", "hevc"),
    "ffv1": Codec("ffv1", "ffv1"),
    "vp9": Codec("libvpx-vp9", "vp9", ("yuv420p", "yuv422p", "yuv440p", "yuv444p")),
    "h264_nvenc": Codec("h264_nvenc", "h264", ("yuv420p", "yuv444p")),
    "hevc_nvenc": Codec("hevc_nvenc", "hevc", ("yuv420p", "p010le", "yuv444p")),
}
AUTO = "auto"

_PCM = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8")


@dataclass(frozen=True)
class Container:
    """A file format for the output."""

    muxer: str
    families: tuple[str, ...]
    """Video formats it holds."""
    copies: tuple[str, ...]
    """Audio formats taken over without encoding them again."""
    sound: str
    """Audio encoder for all others."""
    lossless_sound: str
    """The same, for sound that was never compressed."""
    options: tuple[tuple[str, str], ...] = ()


_FAST_START = (("movflags", "+faststart"),)
_MP4_SOUND = ("aac", "mp3", "alac", "ac3", "eac3", "opus", "flac")
CONTAINERS: dict[str, Container] = {
    ".mp4": Container("mp4", ("h264", "hevc", "vp9", "ffv1"), _MP4_SOUND, "aac", "aac", _FAST_START),
    ".m4v": Container("mp4", ("h264", "hevc"), _MP4_SOUND, "aac", "aac", _FAST_START),
    ".mov": Container(
        "mov", ("h264", "hevc"), ("aac", "mp3", "alac", "ac3", "eac3", *_PCM), "aac", "alac", _FAST_START
    ),
    ".mkv": Container(
        "matroska",
        ("h264", "hevc", "vp9", "ffv1"),
        ("aac", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", *_PCM),
        "aac",
        "flac",
    ),
    ".webm": Container("webm", ("vp9",), ("opus", "vorbis"), "libopus", "libopus"),
}


@dataclass(frozen=True)
class Plan:
    """How one output is encoded."""

    codec: Codec
    container: Container
    pix_fmt: str
    options: tuple[tuple[str, str], ...]
    size: tuple[int, int]
    """Stored (width, height) in the file; larger than the source's where the codec takes no odd sizes."""
    notes: tuple[str, ...]
    """What the output could not keep of the source, a sentence each."""


def container_of(out: Path) -> Container:
    """The container that the name's suffix asks for. OptionError, listing the known ones."""
    found = CONTAINERS.get(out.suffix.lower())
    if found is None:
        known = ", ".join(CONTAINERS)
        raise OptionError(f"The output {out.name} has no known suffix; use one of {known}.")
    return found


def plan(
    out: Path, codec: str, pix_fmt: str, size: tuple[int, int], rate: Fraction, *, crf: int, preset: str
) -> Plan:
    """Choose encoder and pixel format for frames of a travel format. OptionError for what does not go
    together.
    """
    container = container_of(out)
    chosen = _choose(codec, container, out)
    form, notes = _pixel_format(chosen, pix_fmt)
    size, more = _even_size(chosen, form, size)
    if codec in ("h264_nvenc", "hevc_nvenc") and not _opens(chosen.encoder, form, size):
        raise OptionError(f"The codec {codec} does not open on this machine (no NVENC); use h264 or auto.")
    if codec == AUTO and chosen.family == "h264":
        nvenc = CODECS["h264_nvenc"]
        if form in (nvenc.formats or ()) and _opens(nvenc.encoder, form, size):
            chosen = nvenc
    options = _options(chosen.encoder, crf, preset)
    if chosen.encoder == "ffv1" and _whole_chroma(pix_fmt, size) != size:
        options["slices"] = "1"  # FFmpeg refuses to slice pictures that end within a chroma sample
    return Plan(chosen, container, form, tuple(options.items()), size, (*notes, *more))


def _choose(codec: str, container: Container, out: Path) -> Codec:
    if codec == AUTO:
        return CODECS["vp9" if "h264" not in container.families else "h264"]
    chosen = CODECS.get(codec)
    if chosen is None:
        known = ", ".join([*CODECS, AUTO])
        raise OptionError(f"The codec {codec!r} is unknown; use one of {known}.")
    if chosen.family not in container.families:
        fitting = ", ".join(suffix for suffix, c in CONTAINERS.items() if chosen.family in c.families)
        raise OptionError(
            f"A {out.suffix} file cannot hold {codec} video; name the output {fitting}, or use auto."
        )
    return chosen


def _pixel_format(codec: Codec, pix_fmt: str) -> tuple[str, tuple[str, ...]]:
    """The encoder's format nearest to that of the frames, and what is lost by it."""
    known = codec.formats or tuple(
        f.name
        for f in av.Codec(codec.encoder, "w").video_formats or ()
        if not f.name.startswith("yuvj") and (codec.encoder == "ffv1" or not f.name.startswith("gray"))
    )
    if pix_fmt.startswith("gray"):
        # Many players cannot show monochrome H.264 and HEVC; with colourless chroma nothing is lost.
        coloured = pix_fmt.replace("gray", "yuv420p")
        if pix_fmt not in known and coloured in known:
            return coloured, ()
    if pix_fmt in known:
        return pix_fmt, ()
    best, _ = find_best_pix_fmt_of_list(list(known), pix_fmt, False)
    if best is None:
        raise OptionError(f"The encoder {codec.encoder} takes no pixel format near {pix_fmt}; use ffv1.")
    name = best.name
    if name in ("p010le", "bgr0"):  # the same samples, packed in another way
        return name, ()
    return name, (
        f"The source's pixel format {pix_fmt} was written as {name}, the nearest that {codec.encoder} takes.",
    )


def _even_size(codec: Codec, form: str, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Sizes as H.264 and HEVC need them: whole chroma samples. FFV1 and VP9 take any size."""
    if codec.family not in ("h264", "hevc"):
        return size, ()
    width, height = _whole_chroma(form, size)
    if (width, height) == size:
        return size, ()
    return (width, height), (
        f"The size {size[0]}x{size[1]} was extended to {width}x{height} by repeating the last row or column, "
        f"because {codec.family} takes no odd size at {form}; use ffv1 to keep it.",
    )


def _whole_chroma(form: str, size: tuple[int, int]) -> tuple[int, int]:
    """The size, extended to whole chroma samples."""
    shape = layout("yuv420p") if form == "p010le" else layout(form)
    width, height = (-(-n // step) * step for n, step in zip(size, (shape.across, shape.down), strict=True))
    return width, height


_NVENC_PRESETS = {"ultrafast": "p1", "superfast": "p2", "veryfast": "p3", "faster": "p4", "fast": "p4"}
_NVENC_SLOW = {"medium": "p5", "slow": "p6", "slower": "p7", "veryslow": "p7"}
_VP9_SPEED = {"ultrafast": "8", "superfast": "7", "veryfast": "6", "faster": "5", "fast": "4", "medium": "3"}


def _options(encoder: str, crf: int, preset: str) -> dict[str, str]:
    """Encoder options. `crf` is x264's scale; the others' scales are close enough to read it as theirs."""
    if encoder == "libx264":
        return {"crf": str(crf), "preset": preset}
    if encoder == "libx265":
        return {"crf": str(crf), "preset": preset, "x265-params": "log-level=error"}
    if encoder == "ffv1":
        return {"level": "3", "coder": "1", "context": "1", "slices": "4", "slicecrc": "1"}
    if encoder == "libvpx-vp9":
        speed = _VP9_SPEED.get(preset, "2")
        return {"crf": str(crf), "b": "0", "deadline": "good", "cpu-used": speed, "row-mt": "1"}
    level = (_NVENC_PRESETS | _NVENC_SLOW).get(preset, "p4")
    return {"rc": "vbr", "cq": str(crf), "b": "0", "preset": level}


@lru_cache(maxsize=16)
def _opens(encoder: str, form: str, size: tuple[int, int]) -> bool:
    """Whether a hardware encoder opens here for that format and size."""
    try:
        context = av.CodecContext.create(encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = size[0], size[1], form
        context.time_base = Fraction(1, 25)
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True
