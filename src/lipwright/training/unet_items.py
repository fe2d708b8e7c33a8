"""Training items of the U-Net: 16 frames to predict, 16 others of the person for reference, every draw.

Rendered clips can have the same frames with another mouth: those are what the model is shown then, as when it
runs on a user's video.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lipwright.latents.codec import CHANNELS, FACTOR
from lipwright.training.clip_shelf import ClipShelf, to_pixels
from lipwright.training.draws import ClipOrder, item_generator, item_rng, other_start
from lipwright.training.fit import Items
from lipwright.training.losses import mixed_noise

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class UNetItems:
    """Items by number; picklable, for workers.

    Keys: pixels (the target), shown (what is repainted), reference (f, 3, s, s) -1..1; spread (3, f, 4, y, x)
    posterior draws of target, masked and reference; noise (4, f, y, x); t; heard (0 or 1); clip, start, other
    (where the reference begins); mel (1, 80, 52) where a SyncNet `listens` (16 frames then). Without
    `encodes` (the latents are kept) shown, reference and spread are left out, and pixels too unless a judge
    `looks` at them. looked (n, 3, s, s): a few frames of the target from `look` on, where a judge sees as
    many. met: times that a share `met_share` of the items is drawn from, those of the sampler that the model
    is meant for.
    """

    shelf: ClipShelf
    order: ClipOrder
    seed: int
    frames: int
    noise: str
    mixing: float
    audio_dropout: float
    listens: bool
    encodes: bool = True
    looks: bool = True
    factor: int = FACTOR
    looked: int = 0
    met: tuple[int, ...] = ()
    met_share: float = 0.0

    @property
    def shortest(self) -> int:
        """Frames of a clip: a reference window that does not touch the target's always exists (released: "
        "48)."""
        return shortest_clip(self.frames)

    def __call__(self, number: int) -> Items:
        rng = item_rng(self.seed, number, "unet")
        draws = item_generator(self.seed, number, "noise")
        clip, count = self.order.clip(number), self.frames
        row = self.shelf.rows[clip]
        starts = row.frames - count + 1
        start = int(rng.integers(starts))
        other = start if row.other else other_start(rng, starts, start, count)
        side = self.shelf.side // self.factor
        item = {
            "noise": self._noise(draws, side),
            "t": torch.tensor(self._time(rng)),
            "heard": torch.tensor(float(rng.random() >= self.audio_dropout)),
            "clip": torch.tensor(clip),
            "start": torch.tensor(start),
            "other": torch.tensor(other),
        }
        if self.encodes or self.looks:
            item["pixels"] = to_pixels(self.shelf.frames(clip, start, count))
        if self.looked:
            look = int(rng.integers(count - self.looked + 1))
            item["look"] = torch.tensor(look)
            item["looked"] = to_pixels(self.shelf.frames(clip, start + look, self.looked))
        if self.encodes:
            item["reference"] = to_pixels(self.shelf.shown_frames(clip, other, count))
            item["shown"] = item["reference"] if row.other else item["pixels"]  # a pair's begin together
            item["spread"] = torch.randn(3, count, CHANNELS, side, side, generator=draws)
        if self.listens:
            item["mel"] = torch.from_numpy(np.array(self.shelf.mel(clip, start)))[None]
        return item

    def _time(self, rng: np.random.Generator) -> int:
        if self.met and rng.random() < self.met_share:
            return int(rng.choice(self.met))
        return int(rng.integers(TRAINING_STEPS))

    def _noise(self, draws: torch.Generator, side: int) -> Tensor:
        own = torch.randn(1, CHANNELS, self.frames, side, side, generator=draws)
        shared = torch.randn(1, CHANNELS, 1, side, side, generator=draws)
        if self.noise == "mixed":
            return mixed_noise(own, shared, self.mixing)[0]
        return own[0] if self.noise == "independent" else shared[0].expand_as(own[0]).clone()


def shortest_clip(frames: int) -> int:
    """See `UNetItems.shortest`."""
    return 3 * frames
