"""Latents of windows made one motion: faded where windows share frames, steadied by those beside."""

import torch
from jaxtyping import Float
from torch import Tensor

from lipwright.pipeline.windows import Window, fade


class JoinedLatents:
    """Latents that are taken in the frames' order; about two windows of them are held.

    steady: how much of each neighbour's latents, of the same run, becomes part of a frame's own. A network
    without temporal layers draws each frame for itself, so what it draws trembles a little from frame to
    frame. 0 for networks that see frames together.
    """

    def __init__(self, steady: float = 0.0) -> None:
        self._steady = steady
        self._sums: dict[int, tuple[Tensor, float]] = {}  # frame -> weighted latents, sum of weights
        self._runs: dict[int, int] = {}
        self._before: Window | None = None

    def add(self, window: Window, found: Float[Tensor, "f c y x"], after: Window | None) -> None:
        """What the network said of a window; `after` is the next one. Windows come in order."""
        for offset, weight in enumerate(fade(window, self._before, after).tolist()):
            index = window.start + offset
            old, sum_ = self._sums.get(index, (0.0, 0.0))
            self._sums[index] = (old + found[offset] * weight, sum_ + weight)
            self._runs[index] = window.run
        self._before = window

    def first_open(self, after: Window | None) -> int | None:
        """The first frame that the next window may still change; None when there is no next one."""
        if after is None:
            return None
        joins = self._steady > 0 and self._before is not None and self._before.run == after.run
        return after.start - 1 if joins else after.start

    def take(self, index: int) -> Float[Tensor, "c y x"]:
        """Latents of a frame that nothing changes any more; those of frames before it are forgotten."""
        own = self._mean(index)
        if self._steady > 0:
            beside = [
                self._mean(at) if self._runs.get(at) == self._runs[index] else own
                for at in (index - 1, index + 1)
            ]
            own = torch.add((1 - 2 * self._steady) * own, beside[0] + beside[1], alpha=self._steady)
        for old in [at for at in self._sums if at < index]:
            del self._sums[old], self._runs[old]
        return own

    def _mean(self, index: int) -> Float[Tensor, "c y x"]:
        total, weight = self._sums[index]
        return total / weight
