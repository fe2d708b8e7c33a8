"""What the network is shown besides the noisy latents: keep mask, masked picture, reference picture."""

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from lipwright.latents.codec import FACTOR, Codec

CHANNELS = 9  # mask 1, masked-image latents 4, reference latents 4


def masked(pixels: Float[Tensor, "f 3 h w"], keep_mask: Float[Tensor, "h w"]) -> Float[Tensor, "f 3 h w"]:
    """Pictures (-1..1) with the part to repaint set to 0, mid-grey. keep_mask: 1 keep, 0 repaint."""
    return pixels * keep_mask


def latent_mask(keep_mask: Float[Tensor, "h w"], factor: int = FACTOR) -> Float[Tensor, "y x"]:
    """The mask at latent size, nearest neighbour: the top-left pixel of each block of factor x factor px."""
    return keep_mask[::factor, ::factor]


def assemble(
    mask: Float[Tensor, "y x"], masked: Float[Tensor, "f 4 y x"], reference: Float[Tensor, "f 4 y x"]
) -> Float[Tensor, "1 9 f y x"]:
    """The nine channels the network sees behind the noisy latents, in the order it was trained with."""
    over_frames = repeat(mask.to(masked.dtype), "y x -> f 1 y x", f=len(masked))
    return rearrange(torch.cat([over_frames, masked, reference], dim=1), "f c y x -> 1 c f y x")


def condition(
    codec: Codec,
    pixels: Float[Tensor, "f 3 h w"],
    keep_mask: Float[Tensor, "h w"],
    *,
    reference: Float[Tensor, "f 3 h w"] | None = None,
    masked_noise: Float[Tensor, "f 4 y x"] | None = None,
    reference_noise: Float[Tensor, "f 4 y x"] | None = None,
) -> Float[Tensor, "1 9 f y x"]:
    """Encode one window of aligned crops (-1..1) into its condition.

    reference: pictures that show the person; None takes the crops themselves, unmasked, as the released
    inference does. The noises are the posterior draws, made in this order: masked, then reference.
    """
    hidden = codec.encode(masked(pixels, keep_mask), masked_noise)
    shown = codec.encode(pixels if reference is None else reference, reference_noise)
    return assemble(latent_mask(keep_mask, codec.factor), hidden, shown)
