"""Crops to latents and back, behind one interface for every autoencoder.

A codec gives latents scaled to a spread of about 1, as the noise prediction network wants them.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lipwright.models import vae as autoencoder

SCALE = 0.18215  # of the Stable Diffusion autoencoder; shift 0
FACTOR = 8  # pixels per latent, on each side, of the released autoencoder
CHANNELS = 4
FRAMES_AT_ONCE = 8  # bounds the memory of the convolutions at full resolution


class Codec(Protocol):
    """Frames as the first axis; pixels -1..1; h and w multiples of the factor."""

    factor: int
    """Pixels per latent, on each side."""

    def encode(
        self, pixels: Float[Tensor, "f 3 h w"], noise: Float[Tensor, "f 4 y x"] | None
    ) -> Float[Tensor, "f 4 y x"]:
        """Scaled latents: the posterior's mean, plus its spread times `noise` when given."""
        ...

    def decode(self, latents: Float[Tensor, "f 4 y x"]) -> Float[Tensor, "f 3 h w"]:
        """Pictures of scaled latents, about -1..1, not clamped."""
        ...


class OpenCodec(Codec, Protocol):
    """A codec through whose decoder training can look at pixels."""

    def decode_open(self, latents: Float[Tensor, "f 4 y x"]) -> Float[Tensor, "f 3 h w"]:
        """As `decode`, all frames at once; gradients flow back to the latents."""
        ...


class PosteriorCodec:
    """Stable Diffusion's autoencoder (diffusers' AutoencoderKL). Runs without gradients.

    Pictures are made contiguous first: on a CPU a channels-last picture (one from an (h, w, 3) array, say)
    would otherwise send the whole network through a group norm that is three digits less exact.
    """

    def __init__(self, vae: nn.Module, *, scale: float = SCALE, shift: float = 0.0) -> None:
        self.vae = vae
        self.factor = FACTOR
        self.scale = scale
        self.shift = shift

    @torch.no_grad()
    def encode(
        self, pixels: Float[Tensor, "f 3 h w"], noise: Float[Tensor, "f 4 y x"] | None
    ) -> Float[Tensor, "f 4 y x"]:
        """The released code draws a sample, not the mean: give it the noise."""

        def chunk(first: int, stop: int) -> Tensor:
            found = autoencoder.posterior(self.vae, pixels[first:stop].contiguous())
            latents = found.mean if noise is None else found.mean + found.std * noise[first:stop]
            return (latents - self.shift) * self.scale

        return _chunked(len(pixels), chunk)

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "f 4 y x"]) -> Float[Tensor, "f 3 h w"]:
        return _chunked(len(latents), lambda first, stop: self.decode_open(latents[first:stop]))

    def decode_open(self, latents: Float[Tensor, "f 4 y x"]) -> Float[Tensor, "f 3 h w"]:
        """As `decode`, all frames at once; gradients flow back to the latents."""
        return autoencoder.decode(self.vae, (latents / self.scale + self.shift).contiguous())


class PlainNetwork(Protocol):
    """An autoencoder without a random part, giving unscaled latents."""

    def encode(self, pictures: Tensor) -> Tensor: ...

    def decode(self, latents: Tensor) -> Tensor: ...


class PlainCodec:
    """An autoencoder without a random part (the embedded model's); noise is ignored. No gradients."""

    def __init__(
        self, network: PlainNetwork, *, scale: float, shift: float = 0.0, factor: int = FACTOR
    ) -> None:
        self.network = network
        self.factor = factor
        self.scale = scale
        self.shift = shift

    @torch.no_grad()
    def encode(
        self, pixels: Float[Tensor, "f 3 h w"], noise: Float[Tensor, "f 4 y x"] | None
    ) -> Float[Tensor, "f 4 y x"]:
        def chunk(first: int, stop: int) -> Tensor:
            return (self.network.encode(pixels[first:stop]) - self.shift) * self.scale

        return _chunked(len(pixels), chunk)

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "f 4 y x"]) -> Float[Tensor, "f 3 h w"]:
        return _chunked(len(latents), lambda first, stop: self.decode_open(latents[first:stop]))

    def decode_open(self, latents: Float[Tensor, "f 4 y x"]) -> Float[Tensor, "f 3 h w"]:
        """As `decode`, all frames at once; gradients flow back to the latents."""
        return self.network.decode(latents / self.scale + self.shift)


def _chunked(frames: int, work: Callable[[int, int], Tensor]) -> Tensor:
    parts = [work(at, min(at + FRAMES_AT_ONCE, frames)) for at in range(0, frames, FRAMES_AT_ONCE)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
