"""A sound as a mouth: measures, viseme probabilities, brightness and activations, 50 rows a second."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch.nn import functional

from lipwright.models.listener import Listener, Own, own_level, relative
from lipwright.speech import mel

ROWS_PER_S = 50
FRAME_SIGMA_S = 0.012  # rows are averaged this widely around a frame's time
BLOCK_ROWS = 1500  # 30 s at a time, so that memory does not grow with the sound
LEVEL_S = 30.0  # a sound's own loudness and spectrum are taken over so much of it at least
_COLUMNS = 2  # mel columns per row
_LOW, _BRIGHT = slice(4, 16), slice(30, 60)  # mel bands: 150 to 600 Hz, 1.2 to 3.4 kHz
_BAND_LIMITS = (-2.5, 2.0)  # decades
BRIGHT_SIGMA_S = 0.04
BRIGHT_LIMIT = 1.5


@dataclass(frozen=True)
class MouthTrack:
    """Row i is the mouth at (i + 0.5) / 50 s.

    names: of the measures, in order; measures: (r, 7); visemes: (r, 15) probabilities in the order of
    presenter.phonemes.VISEMES; activations: (r, w), the network's last layer; brightness: (r,), the balance
    of the bands above 1.2 kHz against those below 600 Hz in decades, 0 as usual for this sound: lips that
    are nearly closed let the low bands through alone.
    """

    names: tuple[str, ...]
    measures: Float32[np.ndarray, "r m"]
    visemes: Float32[np.ndarray, "r v"]
    activations: Float32[np.ndarray, "r w"]
    brightness: Float32[np.ndarray, " r"]

    def __len__(self) -> int:
        return len(self.measures)

    def at(self, times_s: NDArray[np.floating]) -> Float32[np.ndarray, "f m"]:
        """Measures at these times (seconds, any order or rate)."""
        return sampled(self.measures, times_s)

    def one(self, name: str, times_s: NDArray[np.floating]) -> Float32[np.ndarray, " f"]:
        """One measure by name at these times. Raises ValueError when there is none of that name."""
        column = self.names.index(name)
        return sampled(self.measures[:, column : column + 1], times_s)[:, 0]


def sampled(
    rows: Float32[np.ndarray, "r c"], times_s: NDArray[np.floating], sigma_s: float = FRAME_SIGMA_S
) -> Float32[np.ndarray, "f c"]:
    """Rows (50 per second) at any times, each a Gaussian mean of the rows around it; ends are held."""
    if len(rows) == 0:
        return np.zeros((len(times_s), rows.shape[1]), np.float32)
    at = np.asarray(times_s, np.float64) * ROWS_PER_S - 0.5
    reach = int(np.ceil(3 * sigma_s * ROWS_PER_S)) + 1
    near = np.round(at)[:, None] + np.arange(-reach, reach + 1)[None]
    weight = np.exp(-0.5 * ((near - at[:, None]) / (sigma_s * ROWS_PER_S)) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    picked = rows[np.clip(near, 0, len(rows) - 1).astype(np.int64)]
    return np.asarray((picked * weight[..., None]).sum(axis=1), np.float32)


def listen(listener: Listener, samples: mel.Sound) -> MouthTrack:
    """The mouth of a whole sound: mono, 16 kHz, -1..1 or 16-bit. Works through long sounds block by block."""
    columns = mel.columns(len(samples)) // _COLUMNS * _COLUMNS
    rows = columns // _COLUMNS
    context = listener.config.reach + 2
    parts: list[tuple[np.ndarray, ...]] = []
    for first in range(0, rows, BLOCK_ROWS):
        stop = min(first + BLOCK_ROWS, rows)
        low, high = max(0, first - context), min(rows, stop + context)
        own = _own(samples, low, high, rows)
        power = torch.from_numpy(mel.log_mel_power(samples, low * _COLUMNS, high * _COLUMNS))[None]
        with torch.no_grad():
            heard = listener(relative(power, own))
        kept = slice(first - low, stop - low)
        visemes = functional.softmax(heard.visemes[0, kept].float(), dim=-1)
        outputs = (heard.measures[0, kept].numpy(), visemes.numpy(), heard.features[0, kept].numpy())
        parts.append((*outputs, _brightness(power, own)[kept]))
    names = listener.config.measures
    if not parts:
        widths = (len(names), listener.config.visemes, listener.config.width)
        measures, probabilities, activations = (np.zeros((0, width), np.float32) for width in widths)
        return MouthTrack(names, measures, probabilities, activations, np.zeros(0, np.float32))
    return MouthTrack(names, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _brightness(power: Float[torch.Tensor, "1 mels m"], own: Own) -> Float32[np.ndarray, " r"]:
    """One value per row from log10 power, m = 2 r columns."""
    bands = (power - own.mean)[0].numpy().clip(*_BAND_LIMITS)
    balance = bands[_BRIGHT].mean(axis=0) - bands[_LOW].mean(axis=0)
    smooth = gaussian_filter1d(balance, BRIGHT_SIGMA_S * mel.COLUMNS_PER_S, mode="nearest")
    rows = smooth.reshape(-1, _COLUMNS).mean(axis=1).clip(-BRIGHT_LIMIT, BRIGHT_LIMIT)
    return np.asarray(rows, np.float32)


def _own(samples: mel.Sound, low: int, high: int, rows: int) -> Own:
    """Level and spectrum over the block and its surroundings, LEVEL_S at least where the sound has it."""
    missing = max(0, int(LEVEL_S * ROWS_PER_S) - (high - low))
    low, high = max(0, low - missing), min(rows, high + missing)
    power = mel.log_mel_power(samples, low * _COLUMNS, high * _COLUMNS)
    return own_level(torch.from_numpy(power)[None])
