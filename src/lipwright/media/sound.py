"""Sound into an output file: taken over packet by packet where the container holds its format, else
encoded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from lipwright.errors import MediaError
from lipwright.media.codecs import Container
from lipwright.media.probe import audio_stream, opened, probe_audio

_LOSSLESS = ("pcm_", "flac", "alac", "wavpack", "tta", "ape")
_AAC_BITS_PER_SAMPLE = 6  # ISO/IEC 14496-3: at most 6144 bits per channel and frame of 1024 samples
_AAC_STEREO_RATE = 192_000
_BLOCK = 4096
_PACKET_SAMPLES = {"aac": 1024, "mp3": 1152, "ac3": 1536, "eac3": 1536, "opus": 960, "vorbis": 2048}
_USUAL_LAYOUT = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class Sound:
    """Packets of one audio stream of an output, muxed little by little beside the video."""

    def __init__(
        self, container: OutputContainer, packets: Iterator[Packet[Any]], notes: tuple[str, ...] = ()
    ) -> None:
        self._container = container
        self._packets = packets
        self._waiting: Packet[Any] | None = None
        self.notes = notes

    def pump(self, until: Fraction | None) -> None:
        """Mux the packets that start before a time in seconds; all that are left when it is None."""
        while True:
            packet = self._waiting if self._waiting is not None else next(self._packets, None)
            if packet is None:
                return
            self._waiting = packet
            if until is not None and (packet.pts or 0) * packet.time_base >= until:
                return
            self._waiting = None
            self._container.mux(packet)

    def close(self) -> None:
        """Let go of the input file."""
        close = getattr(self._packets, "close", None)
        if close is not None:
            close()


def file_sound(
    output: OutputContainer,
    form: Container,
    path: Path,
    duration: Fraction,
    frame: Fraction,
    *,
    salvage: bool = False,
) -> Sound:
    """The first audio stream of a file as sound of an output, cut to `duration` seconds.

    Copied when the container holds its format and the length fits: a cut goes by packets, so the format's
    packets must be shorter than a `frame` (seconds). Encoded otherwise, at its own rate and channels, with
    silence up to the duration.
    With `salvage`, damaged sound ends where it breaks; else MediaError.
    """
    info = probe_audio(path)
    gap = Fraction(info.duration_s) - duration
    cuts = gap > frame / 2
    fits = (
        info.codec in form.copies
        and -gap <= frame
        and not (cuts and _packet_s(info.codec, info.rate) > frame)
    )
    if fits:
        copied = _copied(output, path, duration, salvage)
        if copied is not None:
            return copied
    lossless = info.codec.startswith(_LOSSLESS)
    encoder = form.lossless_sound if lossless else form.sound
    stream, notes = _encoder(output, encoder, info.rate, _layout_of(path))
    blocks = _decoded(path, stream, salvage)
    return Sound(output, _encoded(stream, blocks, duration), notes)


def sample_sound(
    output: OutputContainer, form: Container, samples: NDArray[np.float32], rate: int, duration: Fraction
) -> Sound:
    """Samples (n,) or (n, channels) float32 of -1..1 as sound of an output, cut or filled with silence to
    `duration`.
    """
    planes = np.ascontiguousarray(np.atleast_2d(samples.T), np.float32)
    stream, notes = _encoder(output, form.lossless_sound, rate, _USUAL_LAYOUT[len(planes)])
    return Sound(output, _encoded(stream, _resampled(_blocks(planes, rate), stream), duration), notes)


def _packet_s(codec: str, rate: int) -> float:
    """Seconds of a packet of a compressed format; infinite for others: those are cut by encoding."""
    samples = _PACKET_SAMPLES.get(codec)
    return math.inf if samples is None else samples / (48000 if codec == "opus" else rate)


def _copied(output: OutputContainer, path: Path, duration: Fraction, salvage: bool) -> Sound | None:
    """Sound by copied packets; None when the container refuses the stream."""
    with opened(path) as source:
        template = audio_stream(source, path)
        raw = template.codec_context.name == "aac" and not template.codec_context.extradata
        if raw and output.format.name not in ("mp4", "mov"):
            return None  # packets with ADTS headers, which only the MP4 family's writer strips
        try:
            stream = output.add_stream_from_template(template)
        except (av.FFmpegError, ValueError):
            return None
    return Sound(output, _copied_packets(path, stream, duration, salvage))


def _copied_packets(
    path: Path, into: av.AudioStream, duration: Fraction, salvage: bool
) -> Iterator[Packet[Any]]:
    with opened(path) as source:
        stream = audio_stream(source, path)
        # What a player hears first becomes time 0; priming samples stay before it.
        origin = stream.start_time or 0
        end_s = 0.0
        try:
            for packet in source.demux(stream):
                if packet.pts is None or not packet.size:
                    continue
                packet.pts -= origin
                packet.dts = packet.pts
                end_s = float(packet.pts * packet.time_base)
                if end_s >= duration:
                    return
                packet.stream = into
                yield packet
        except av.FFmpegError as error:
            if not salvage:
                raise _broken(path, end_s) from error


def _broken(path: Path, at_s: float) -> MediaError:
    return MediaError(f"The sound of {path} is damaged: it cannot be read beyond {at_s:.2f} s.", at_s=at_s)


def _layout_of(path: Path) -> str:
    """The name of the file's channel layout; the usual one for its number of channels when it names none."""
    with opened(path) as source:
        stream = audio_stream(source, path)
        return (
            _USUAL_LAYOUT.get(stream.channels, "stereo")
            if "channels" in stream.layout.name
            else stream.layout.name
        )


def _encoder(
    output: OutputContainer, name: str, rate: int, layout: str
) -> tuple[av.AudioStream, tuple[str, ...]]:
    """An audio stream that encodes at that rate and layout, or at the nearest that the encoder takes."""
    rates = av.Codec(name, "w").audio_rates
    taken = rate
    if rates and rate not in rates:
        taken = max(rates) if name == "libopus" else min((r for r in rates if r >= rate), default=max(rates))
    wanted = layout if _takes(name, taken, layout) else "stereo"
    stream = output.add_stream(name, rate=taken)
    assert isinstance(stream, av.AudioStream)
    _set_up(stream.codec_context, taken, wanted)
    notes = []
    if taken != rate:
        notes.append(
            f"The sound's rate of {rate} Hz was written as {taken} Hz, the nearest that {name} takes."
        )
    if wanted != layout:
        notes.append(
            f"The sound's {layout} channels were written as stereo, because {name} does not take them."
        )
    return stream, tuple(notes)


def _takes(name: str, rate: int, layout: str) -> bool:
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    try:
        _set_up(context, rate, layout)
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _set_up(context: av.AudioCodecContext, rate: int, layout: str) -> None:
    context.sample_rate = rate
    context.layout = layout
    context.format = _deepest([f.name for f in context.codec.audio_formats or ()])
    if context.codec.name == "aac":
        share = max(1.0, context.channels / 2)
        context.bit_rate = int(min(_AAC_STEREO_RATE * share, _AAC_BITS_PER_SAMPLE * rate * context.channels))


def _deepest(formats: list[str]) -> str:
    return next((f for f in ("fltp", "flt", "s32", "s32p", "s16", "s16p") if f in formats), formats[0])


def _decoded(path: Path, stream: av.AudioStream, salvage: bool) -> Iterator[av.AudioFrame]:
    """A file's sound in the encoder's format, rate and layout."""
    with opened(path) as source:
        done = 0.0
        try:
            for frame in _resampled(_unstamped(source.decode(audio_stream(source, path))), stream):
                done += frame.samples / frame.sample_rate
                yield frame
        except av.FFmpegError as error:
            if not salvage:
                raise _broken(path, done) from error


def _unstamped(frames: Iterable[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    for frame in frames:
        frame.pts = None  # gaps and jumps of time stamps must not become silence or lost sound
        yield frame


def _blocks(planes: NDArray[np.float32], rate: int) -> Iterator[av.AudioFrame]:
    layout = _USUAL_LAYOUT[len(planes)]
    for start in range(0, planes.shape[1], _BLOCK):
        part = np.ascontiguousarray(planes[:, start : start + _BLOCK])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate = rate
        yield frame


def _resampled(frames: Iterable[av.AudioFrame], stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    context = stream.codec_context
    resampler = AudioResampler(context.format.name, context.layout.name, context.sample_rate)
    for frame in frames:
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _encoded(
    stream: av.AudioStream, frames: Iterator[av.AudioFrame], duration: Fraction
) -> Iterator[Packet[Any]]:
    """Packets of exactly `duration` seconds of sound: frames cut at the end, or followed by silence."""
    rate = stream.codec_context.sample_rate
    wanted = round(duration * rate)
    done = 0
    for frame in frames:
        part = frame if frame.samples <= wanted - done else _shortened(frame, wanted - done)
        if part is None:
            break
        yield from _stamped(stream, part, done)
        done += part.samples
    while done < wanted:
        part = _silence(stream, min(_BLOCK, wanted - done))
        yield from _stamped(stream, part, done)
        done += part.samples
    yield from stream.encode(None)


def _stamped(stream: av.AudioStream, frame: av.AudioFrame, start: int) -> list[Packet[Any]]:
    frame.pts, frame.time_base = start, Fraction(1, stream.codec_context.sample_rate)
    return stream.encode(frame)


def _shortened(frame: av.AudioFrame, count: int) -> av.AudioFrame | None:
    if count <= 0:
        return None
    samples = frame.to_ndarray()
    width = count if frame.format.is_planar else count * frame.layout.nb_channels
    return _frame_like(
        np.ascontiguousarray(samples[:, :width]), frame.format.name, frame.layout.name, frame.sample_rate
    )


def _silence(stream: av.AudioStream, count: int) -> av.AudioFrame:
    context = stream.codec_context
    kinds = {"flt": np.float32, "s32": np.int32, "s16": np.int16}
    kind = kinds[context.format.name.removesuffix("p")]
    planar = context.format.is_planar
    shape = (context.channels, count) if planar else (1, count * context.channels)
    return _frame_like(np.zeros(shape, kind), context.format.name, context.layout.name, context.sample_rate)


def _frame_like(samples: NDArray[Any], form: str, layout: str, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples, format=form, layout=layout)
    frame.sample_rate = rate
    return frame
