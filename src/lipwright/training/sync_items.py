"""Items of a SyncNet's training by number: 16 frames, and a stretch of sound that is theirs or not."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lipwright.models.stable_syncnet import stack_frames
from lipwright.training.clip_shelf import ClipShelf, to_pixels
from lipwright.training.draws import ClipOrder, item_rng, other_start
from lipwright.training.fit import Items
from lipwright.training.losses import seen_rows

FRAMES = 16
SHORTEST = 32  # frames of a clip, as released


@dataclass(frozen=True)
class SyncItems:
    """Released items; picklable, for workers. Keys: frames, mel, together (1 or 0), mel_shown (the sound that
    belongs to the frames), item, clip, shown (where in the clip the frames begin).

    top: of pixels, the rows that are seen (see SyncNetRun), frames stacked; None for whole, single frames.
    sees: whether frames are given; not where the latents of clips are kept.
    """

    shelf: ClipShelf
    order: ClipOrder
    seed: int
    least_shift: int
    top: float | None
    sees: bool = True

    def __call__(self, number: int) -> Items:
        rng = item_rng(self.seed, number, "sync")
        clip = self.order.clip(number)
        starts = self.shelf.rows[clip].frames - FRAMES + 1
        start = int(rng.integers(starts))
        together = bool(rng.random() < 0.5)
        shown = start if together else other_start(rng, starts, start, self.least_shift)
        item = {
            "mel": mel_of(self.shelf, clip, start),
            "mel_shown": mel_of(self.shelf, clip, shown),
            "together": torch.tensor(float(together)),
            "item": torch.tensor(number),
            "clip": torch.tensor(clip),
            "shown": torch.tensor(shown),
        }
        if self.sees:
            item["frames"] = frames_of(self.shelf, clip, shown, self.top)
        return item


@dataclass(frozen=True)
class SyncGroups:
    """Several stretches of one clip with their sounds, at least `least_shift` frames apart: each is wrong for
    the others. Keys as in SyncItems, each with a first axis of `windows`; mel is that of the frames.

    flips: half of the groups are mirrored.
    """

    shelf: ClipShelf
    order: ClipOrder
    seed: int
    least_shift: int
    top: float | None
    sees: bool
    windows: int
    flips: bool

    def __call__(self, number: int) -> Items:
        rng = item_rng(self.seed, number, "sync group")
        clip = self.order.clip(number)
        starts = starts_apart(rng, self.shelf.rows[clip].frames - FRAMES + 1, self.windows, self.least_shift)
        item = {
            "mel": torch.stack([mel_of(self.shelf, clip, int(start)) for start in starts]),
            "item": torch.full((self.windows,), number),
            "clip": torch.full((self.windows,), clip),
            "shown": torch.from_numpy(starts),
        }
        if self.sees:
            frames = torch.stack([frames_of(self.shelf, clip, int(start), self.top) for start in starts])
            item["frames"] = frames.flip(-1) if self.flips and rng.random() < 0.5 else frames
        return item


def starts_apart(rng: np.random.Generator, starts: int, count: int, least: int) -> NDArray[np.int64]:
    """`count` of the starts 0 .. starts - 1 in any order, each `least` or more away from the others.

    Raises ValueError when there is no room for them.
    """
    free = starts - (count - 1) * (least - 1)
    if free < count:
        raise ValueError(f"{count} starts of {starts} cannot all lie {least} apart")
    drawn = np.sort(rng.choice(free, count, replace=False)) + np.arange(count) * (least - 1)
    return rng.permutation(drawn).astype(np.int64)


def frames_of(shelf: ClipShelf, clip: int, start: int, top: float | None) -> Tensor:
    """16 frames as a network takes them; see `SyncItems`."""
    pixels = to_pixels(shelf.frames(clip, start, FRAMES))
    if top is None:
        return pixels
    return stack_frames(pixels[None, :, :, seen_rows(shelf.side, top)])[0]


def mel_of(shelf: ClipShelf, clip: int, start: int) -> Tensor:
    """Their sound, (1, 80, 52)."""
    return torch.from_numpy(np.array(shelf.mel(clip, start)))[None]
