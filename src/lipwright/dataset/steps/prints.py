"""What two copies of a clip share, however they were encoded: hashes of the crops, bits of the sound.

Sound, after Haitsma and Kalker (ISMIR 2002): in each frame 32 bits, whether the difference between two
neighbouring bands grew since the frame before. Picture: the 64 signs of the lowest cosines of a grey crop.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.manifest import RATE, SOUND_HZ
from lipwright.speech import mel

BITS = 32
_BANDS = slice(2, 68)  # of 80 mel bands, taken in pairs: 33 values
_COLUMNS = 100 // RATE  # of 10 ms, in a frame
_WINDOW_S = 0.24  # bits move slowly, so that a shift of some milliseconds changes few of them
_QUIET = 3.5  # decades below the loud frames there is only noise
_LOUD = 0.95
_SMALL_PX, _COSINES = 32, 8
EVERY = 5  # frames between hashes

Words = NDArray[np.uint32]


@dataclass(frozen=True)
class Prints:
    """words: (frames,) uint32 bits of the sound; heard: (frames,) whether something sounds there; hashes:
    (pictures,) uint64, of every EVERY-th crop.
    """

    words: Words
    heard: NDArray[np.bool_]
    hashes: NDArray[np.uint64]

    def to_json(self) -> dict[str, str]:
        """As text."""
        parts = {"words": self.words, "heard": self.heard, "hashes": self.hashes}
        return {name: base64.b64encode(part.tobytes()).decode() for name, part in parts.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Prints":
        """Inverse of to_json. Raises KeyError, TypeError or ValueError on other data."""

        def part(name: str, kind: Any) -> NDArray[Any]:
            return np.frombuffer(base64.b64decode(data[name], validate=True), kind)

        return cls(part("words", np.uint32), part("heard", np.bool_), part("hashes", np.uint64))


def take(samples: NDArray[np.float32], pictures: Sequence[NDArray[np.uint8]]) -> Prints:
    """Of a finished clip: samples at 16 kHz of exactly these crops."""
    words, heard = sound_words(samples, len(pictures))
    hashes = np.array([picture_hash(picture) for picture in pictures[::EVERY]], np.uint64)
    return Prints(words, heard, hashes)


def sound_words(samples: NDArray[np.float32], frames: int) -> tuple[Words, NDArray[np.bool_]]:
    """(words, heard) of so many frames."""
    needed = frames * SOUND_HZ // RATE
    sound = np.pad(samples[:needed], (0, max(0, needed - len(samples))))
    power = 10.0 ** mel.log_mel_power(sound)[_BANDS].astype(np.float64)
    power = np.pad(power, ((0, 0), (0, max(0, frames * _COLUMNS - power.shape[1]))), mode="edge")
    pairs = power.reshape(-1, 2, power.shape[1]).sum(axis=1)
    width = round(_WINDOW_S * 100)
    smooth = cv2.blur(pairs, (width, 1), borderType=cv2.BORDER_REPLICATE)
    bands = np.log10(np.asarray(smooth)[:, _COLUMNS // 2 :: _COLUMNS][:, :frames] + mel.LEAST_POWER)
    steps = np.diff(np.diff(bands, axis=0), axis=1, prepend=bands[1:, :1] - bands[:-1, :1])
    signs = (steps > 0).astype(np.uint64)
    words = (signs << np.arange(BITS, dtype=np.uint64)[:, None]).sum(axis=0).astype(np.uint32)
    level = bands.max(axis=0)
    return words, level > max(float(np.quantile(level, _LOUD)) - _QUIET, np.log10(mel.LEAST_POWER) + 1)


def picture_hash(picture: NDArray[np.uint8]) -> int:
    """64 bits of a crop (side, side, 3) RGB."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small))[:_COSINES, :_COSINES].ravel()
    bits = low > np.median(low[1:])
    return int(np.packbits(bits).view(">u8")[0])
