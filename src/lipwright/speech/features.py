"""Listening: a whole sound as feature rows (50 per second), encoded block by block when asked for."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from lipwright.speech import mel

Encode = Callable[[Float[Tensor, "1 80 m"]], Float[Tensor, "1 r layers c"]]
"""Normalised log-mel of one block to its rows, r = ceil(m / 2): an AudioEncoder, or anything like it."""

KEPT_BLOCKS = 3  # encoded blocks held at a time: windows move forward and look a little back


@dataclass(frozen=True)
class Blocks:
    """How a sound is cut for the encoder; lengths in feature rows (50 per second).

    kind "separate": as released. Blocks end to end, each encoded alone; nothing crosses their borders.
    kind "overlap": neighbours share 2 * context rows and are faded into each other over the middle half of
    them, so every row used has heard at least context / 2 rows on both sides, or the end of the sound.
    padding: a block shorter than `rows` is filled up with this value in normalised log-mel space (the
    released code: 0.0, which is not silence); None encodes it at its own length.
    """

    kind: Literal["separate", "overlap"] = "separate"
    rows: int = 1500
    context: int = 0
    padding: float | None = 0.0

    def __post_init__(self) -> None:
        if self.kind == "overlap" and not 0 < 4 * self.context <= self.rows:
            raise ValueError(
                f"a block of {self.rows} rows cannot have {self.context} of context on each side"
            )

    @property
    def stride(self) -> int:
        """Rows from one block's own part to the next one's."""
        return self.rows if self.kind == "separate" else self.rows - 2 * self.context


RELEASED = Blocks()
NATURAL = Blocks("overlap", rows=1500, context=100)  # 30 s blocks sharing 4 s
SHORT = Blocks("overlap", rows=150, context=25, padding=None)  # networks trained on 3 s windows


class Listening:
    """Feature rows of one sound, computed on demand; memory does not grow with the length asked for.

    samples: mono, 16 kHz, -1..1 or 16-bit. The encoder runs without gradients. Rows come back on the device
    of its output.
    """

    def __init__(
        self,
        encode: Encode,
        samples: mel.Sound,
        blocks: Blocks = RELEASED,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._encode = encode
        self._samples = samples
        self._blocks = blocks
        self._device = device
        self._dtype = dtype
        self._loudest: float | None = None
        self._cache: OrderedDict[int, Tensor] = OrderedDict()
        self.count = row_count(mel.columns(len(samples)), blocks)
        """Rows of the whole sound."""

    def rows(self, first: int, stop: int) -> Float[Tensor, "r layers c"]:
        """Rows first .. stop - 1. Raises IndexError outside 0 .. count."""
        if not 0 <= first < stop <= self.count:
            raise IndexError(f"rows {first} to {stop} asked of a sound of {self.count} rows")
        stride = self._blocks.stride
        if self._blocks.kind == "separate":
            parts = [
                self._block(block)[max(first - block * stride, 0) : stop - block * stride]
                for block in range(first // stride, (stop - 1) // stride + 1)
            ]
            return torch.cat(parts)
        fade = self._blocks.context // 2
        wanted = range(max(first - fade - 1, 0) // stride, (stop - 1 + fade) // stride + 1)
        blocks = [block for block in wanted if block < self._block_count()]
        total = torch.zeros(0)
        for block in blocks:
            start, here = self._start(block), self._block(block)
            low, high = max(first, start), min(stop, start + len(here))
            share = self._share(block, np.arange(low, high))
            weighted = here[low - start : high - start] * torch.from_numpy(share).to(here)[:, None, None]
            if total.numel() == 0:
                total = here.new_zeros(stop - first, *here.shape[1:])
            total[low - first : high - first] += weighted
        return total

    def _block_count(self) -> int:
        return max(1, -(-self.count // self._blocks.stride))

    def _start(self, block: int) -> int:
        """First row of an overlapping block: its own part less the context, kept inside the sound."""
        ideal = block * self._blocks.stride - self._blocks.context
        return max(0, min(ideal, self.count - self._blocks.rows))

    def _share(self, block: int, rows: np.ndarray) -> Float32[np.ndarray, " r"]:
        """Weight of a block at its rows: 1 on its own part, ramps around its borders; all blocks sum to 1."""
        stride, width = self._blocks.stride, 2 * (self._blocks.context // 2) + 1
        share = np.ones(len(rows))
        if block > 0:
            share = np.minimum(share, _ramp((rows - block * stride) / width + 0.5))
        if block < self._block_count() - 1:
            share = np.minimum(share, 1 - _ramp((rows - (block + 1) * stride) / width + 0.5))
        return share.astype(np.float32)

    def _block(self, block: int) -> Float[Tensor, "r layers c"]:
        if block in self._cache:
            self._cache.move_to_end(block)
            return self._cache[block]
        start = block * self._blocks.rows if self._blocks.kind == "separate" else self._start(block)
        rows = min(self._blocks.rows, self.count - start)
        encoded = self._encoded(start, rows)
        self._cache[block] = encoded
        if len(self._cache) > KEPT_BLOCKS:
            self._cache.popitem(last=False)
        return encoded

    @torch.no_grad()
    def _encoded(self, start: int, rows: int) -> Float[Tensor, "r layers c"]:
        if self._loudest is None:
            self._loudest = mel.loudest(self._samples)
        columns = 2 * rows
        if self._blocks.kind == "separate":  # an odd last column is heard, though it gives no row
            columns = min(2 * self._blocks.rows, mel.columns(len(self._samples)) - 2 * start)
        power = mel.log_mel_power(self._samples, 2 * start, 2 * start + columns)
        heard = torch.from_numpy(mel.normalised(power, self._loudest))[None]
        if self._blocks.padding is not None:
            heard = functional.pad(heard, (0, 2 * self._blocks.rows - columns), value=self._blocks.padding)
        return self._encode(heard.to(self._device, self._dtype))[0, :rows]


def _ramp(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(x, 0.0, 1.0))


def row_count(columns: int, blocks: Blocks) -> int:
    """Feature rows of so many mel columns; each separate block gives half of its own, rounded down."""
    if blocks.kind == "overlap":
        return columns // 2
    whole, rest = divmod(columns, 2 * blocks.rows)
    return whole * blocks.rows + rest // 2
