"""The nine channels the network is shown."""

import torch
from torch import Tensor

from lipwright.latents.conditioning import assemble, condition, latent_mask, masked


class Recorder:
    """Encodes to a constant: the number of the call; notes what it was given."""

    factor = 8

    def __init__(self) -> None:
        self.pixels: list[Tensor] = []
        self.noises: list[Tensor | None] = []

    def encode(self, pixels: Tensor, noise: Tensor | None) -> Tensor:
        self.pixels.append(pixels)
        self.noises.append(noise)
        return torch.full((len(pixels), 4, 2, 2), float(len(self.pixels)))

    def decode(self, latents: Tensor) -> Tensor:
        raise NotImplementedError


def test_the_latent_mask_is_the_top_left_pixel_of_each_block() -> None:
    keep = torch.zeros(16, 16)
    keep[0, 0], keep[8, 8], keep[7, 15] = 1.0, 0.5, 1.0
    assert latent_mask(keep).tolist() == [[1.0, 0.0], [0.0, 0.5]]


def test_channels_are_mask_then_masked_then_reference() -> None:
    shown = assemble(torch.eye(2), torch.full((3, 4, 2, 2), 2.0), torch.full((3, 4, 2, 2), 3.0))
    assert shown.shape == (1, 9, 3, 2, 2)
    assert torch.equal(shown[0, 0, 1], torch.eye(2))
    assert shown[0, :, 2, 0, 1].tolist() == [0, 2, 2, 2, 2, 3, 3, 3, 3]


def test_the_picture_itself_is_the_reference_unless_another_is_given() -> None:
    pixels, other, keep = torch.rand(3, 3, 16, 16), torch.rand(3, 3, 16, 16), torch.zeros(16, 16)
    codec = Recorder()
    condition(codec, pixels, keep)
    condition(codec, pixels, keep, reference=other, masked_noise=torch.ones(3, 4, 2, 2))
    assert torch.equal(codec.pixels[0], masked(pixels, keep))
    assert float(codec.pixels[0].abs().max()) == 0  # mid-grey
    assert torch.equal(codec.pixels[1], pixels)
    assert torch.equal(codec.pixels[3], other)
    assert codec.noises[2] is not None
    assert codec.noises[3] is None
