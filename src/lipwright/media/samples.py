"""Sound as samples: any audio that FFmpeg reads, as mono float32 at a chosen rate."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from lipwright.errors import MediaError
from lipwright.media.probe import audio_stream, opened, probe_audio

_FULL_SCALE = 32768.0
_PADDING_S = 0.1
"""Codecs fill their last packet up with silence; what exceeds the stated duration by less than this is such
padding.
"""


def read_samples(path: Path | str, rate: int = 16000) -> NDArray[np.float32]:
    """The first audio stream as mono float32 in -1..1, shape (samples,), at `rate` Hz. Time 0 is its first
    sample.

    Blocks are kept as int16 while they stream in: 10 minutes at 16 kHz take 19 MB, plus the 38 MB of the
    result. MediaError (`at_s`: where) when the file has no sound, cannot be read, or breaks off.
    """
    path = Path(path)
    blocks = list(_blocks(path, rate))
    if not blocks:
        raise MediaError(f"{path} holds no sound (0 s of audio); give a file with speech.")
    samples = np.empty(sum(block.size for block in blocks), np.float32)
    end = 0
    for block in blocks:
        np.multiply(block, np.float32(1 / _FULL_SCALE), out=samples[end : end + block.size], casting="unsafe")
        end += block.size
    padding = end - round(probe_audio(path).duration_s * rate)
    return samples[: end - padding] if 0 < padding < _PADDING_S * rate else samples


def _blocks(path: Path, rate: int) -> Iterator[NDArray[np.int16]]:
    resampler = AudioResampler(format="s16", layout="mono", rate=rate)
    with opened(path) as container:
        stream = audio_stream(container, path)
        done = 0
        try:
            for frame in container.decode(stream):
                frame.pts = None  # gaps and jumps of time stamps must not become silence or lost sound
                for block in resampler.resample(frame):
                    done += block.samples
                    yield block.to_ndarray()[0]
            for block in resampler.resample(None):
                yield block.to_ndarray()[0]
        except av.FFmpegError as error:
            at_s = done / rate
            raise MediaError(
                f"The sound of {path} is damaged or truncated: it breaks at {at_s:.2f} s.", at_s=at_s
            ) from error
