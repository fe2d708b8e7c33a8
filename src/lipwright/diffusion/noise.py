"""Randomness of a run: every draw comes from a CPU generator, so a seed means the same on every device.

The released order on one generator: the shared noise, then for each window the posterior draws of the masked
and of the reference pictures. With `window_generator` a window's draws depend on the seed and its index only,
so windows can be made in any order, or again.
"""

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor

CHANNELS = 4


def clip_generator(seed: int) -> torch.Generator:
    """The generator of a whole clip."""
    return torch.Generator("cpu").manual_seed(seed)


def window_generator(seed: int, window: int) -> torch.Generator:
    """A generator of its own for one window; other seeds and other windows give unrelated streams."""
    mixed = seed * 0x9E3779B97F4A7C15 + (window + 1) * 0xD1B54A32D192ED03  # odd 64-bit constants
    return torch.Generator("cpu").manual_seed(mixed % 2**63)


def shared_noise(generator: torch.Generator, height: int, width: int) -> Float[Tensor, "1 4 1 y x"]:
    """One normal draw at latent size, for every frame of every window of a clip: what keeps a face still."""
    return torch.randn(1, CHANNELS, 1, height, width, generator=generator)


def over_frames(noise: Float[Tensor, "1 4 1 y x"], frames: int) -> Float[Tensor, "1 4 f y x"]:
    """The same noise for each frame of a window."""
    return repeat(noise, "1 c 1 y x -> 1 c f y x", f=frames)


def posterior_noise(
    generator: torch.Generator, frames: int, height: int, width: int
) -> Float[Tensor, "f 4 y x"]:
    """The draw of one encoding of a window: first for the masked pictures, then for the references."""
    return torch.randn(frames, CHANNELS, height, width, generator=generator)
