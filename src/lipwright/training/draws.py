"""What chance decides about one training item: everything comes from the run's seed and the item's number.

So nothing random has to be saved to resume exactly, items can be made by any worker of any process, and two
processes with half the batch each see what one with the whole batch sees.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch

ITEMS = ("epochs", "random")


def item_rng(seed: int, number: int, purpose: str) -> np.random.Generator:
    """A stream of its own for each item and purpose."""
    return np.random.default_rng([seed, number, zlib.crc32(purpose.encode())])


def item_generator(seed: int, number: int, purpose: str) -> torch.Generator:
    """The same for tensors, on the CPU whatever the device."""
    return torch.Generator().manual_seed(int(item_rng(seed, number, purpose).integers(2**62)))


@dataclass
class ClipOrder:
    """Which clip an item shows. "epochs": all clips once in a drawn order, then all again in another.
    "random": any clip each time, as the released code does (some are seen late or never).
    """

    clips: int
    seed: int
    items: str = "epochs"

    def __post_init__(self) -> None:
        self._epoch = -1
        self._order = np.zeros(0, np.int64)

    def clip(self, number: int) -> int:
        """The clip of an item."""
        if self.items == "random":
            return int(item_rng(self.seed, number, "clip").integers(self.clips))
        epoch, place = divmod(number, self.clips)
        if epoch != self._epoch:
            self._order = item_rng(self.seed, epoch, "order").permutation(self.clips)
            self._epoch = epoch
        return int(self._order[place])


def other_start(rng: np.random.Generator, starts: int, start: int, least: int = 1) -> int:
    """Another start of 0 .. starts - 1, at least `least` frames away. ValueError when there is none."""
    choices = np.arange(starts)
    choices = choices[np.abs(choices - start) >= least]
    if not len(choices):
        raise ValueError(f"no start of {starts} lies {least} away from {start}")
    return int(rng.choice(choices))
