"""Sound as samples: any audio that FFmpeg reads, as mono float32 at a chosen rate."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from lipwright.errors import MediaError
from lipwright.media.extent import cut_short
from lipwright.media.probe import audio_stream, opened, probe_audio, stated_audio_s

_FULL_SCALE = 32768.0
# Codecs fill their last packet up with silence; what exceeds the stated duration by less than this is such
# padding.
_PADDING_S = 0.1
# A stated duration counts as missed when more than this is missing: it may be rounded.
_MISSING_S = 0.25
_MISSING_SHARE = 0.01


def read_samples(
    path: Path | str,
    rate: int = 16000,
    *,
    salvage: bool = False,
    warn: Callable[[str], None] | None = None,
) -> NDArray[np.float32]:
    """The first audio stream as mono float32 in -1..1, shape (samples,), at `rate` Hz, from its start.

    Blocks are kept as int16 while they stream in: 10 minutes at 16 kHz are 19 MB, and the result 38.
    MediaError when the file has no sound or cannot be read; with `at_s` where it breaks or is truncated. With
    `salvage` the sound just ends there, and `warn` gets the sentence.
    """
    path = Path(path)
    blocks: list[NDArray[np.int16]] = []
    try:
        for block in _blocks(path, rate):
            blocks.append(block)
        _check_whole(path, sum(block.size for block in blocks) / rate)
    except MediaError as error:
        if not salvage or not blocks:
            raise
        if warn is not None:
            warn(str(error))
    if not blocks:
        raise MediaError(f"{path} holds no sound (0 s of audio); give a file with speech.")
    return _joined(blocks, round(probe_audio(path).duration_s * rate), rate)


def _joined(blocks: list[NDArray[np.int16]], stated: int, rate: int) -> NDArray[np.float32]:
    """Blocks as one float array, without the padding beyond the stated number of samples."""
    samples = np.empty(sum(block.size for block in blocks), np.float32)
    end = 0
    for block in blocks:
        np.multiply(block, np.float32(1 / _FULL_SCALE), out=samples[end : end + block.size], casting="unsafe")
        end += block.size
    return samples[:stated] if 0 < end - stated < _PADDING_S * rate else samples


def _check_whole(path: Path, decoded_s: float) -> None:
    """MediaError when the file holds less sound than its header states."""
    with opened(path) as container:
        stated_s = stated_audio_s(container, audio_stream(container, path)) or 0.0
    if cut_short(path) or stated_s - decoded_s > max(_MISSING_S, _MISSING_SHARE * stated_s):
        raise MediaError(
            f"The sound of {path} is truncated: it ends at {decoded_s:.2f} s; get the whole file, or use "
            "--force to render what is there.",
            at_s=decoded_s,
        )


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
                f"The sound of {path} is damaged: it cannot be decoded beyond {at_s:.2f} s; repair it, or "
                "use --force to render what comes before.",
                at_s=at_s,
            ) from error
