"""Codecs: scaling, posterior noise, and pieces that equal the whole."""

import pytest
import torch

from lipwright.latents.codec import FRAMES_AT_ONCE, PlainCodec, PosteriorCodec
from lipwright.models.vae import build_vae
from lipwright.weights.deterministic import fill

FRAMES = FRAMES_AT_ONCE + 3


class Halving:
    """Latents that are the pictures' first channel at every eighth pixel, four times."""

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures[:, :1, ::8, ::8].expand(-1, 4, -1, -1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)


@pytest.fixture(scope="module")
def posterior_codec() -> PosteriorCodec:
    settings = {
        "block_out_channels": [8] * 4,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "norm_num_groups": 4,
    }
    vae = build_vae(settings).eval()
    fill(vae)
    return PosteriorCodec(vae)


def test_noise_is_scaled_by_the_spread_of_the_posterior(posterior_codec: PosteriorCodec) -> None:
    pixels, noise = torch.rand(FRAMES, 3, 16, 24) * 2 - 1, torch.randn(FRAMES, 4, 2, 3)
    mean = posterior_codec.encode(pixels, None)
    one, two = posterior_codec.encode(pixels, noise), posterior_codec.encode(pixels, 2 * noise)
    assert mean.shape == noise.shape
    assert torch.allclose(two - mean, 2 * (one - mean), atol=1e-4)
    assert torch.allclose(mean, posterior_codec.encode(pixels, torch.zeros_like(noise)))


def test_pieces_equal_the_whole(posterior_codec: PosteriorCodec) -> None:
    pixels = torch.rand(FRAMES, 3, 16, 16) * 2 - 1
    latents = posterior_codec.encode(pixels, None)
    pictures = posterior_codec.decode(latents)
    assert pictures.shape == pixels.shape
    for frame in (0, FRAMES - 1):
        one = slice(frame, frame + 1)
        assert torch.allclose(latents[one], posterior_codec.encode(pixels[one], None), atol=1e-5)
        assert torch.allclose(pictures[one], posterior_codec.decode(latents[one]), atol=1e-4)


def test_pictures_in_channels_last_memory_lose_no_digits(posterior_codec: PosteriorCodec) -> None:
    pixels = torch.zeros(1, 3, 32, 32)
    pixels[:, :, :4] = 0.7  # mostly flat: where the other memory layout's group norm goes wrong
    other = pixels.to(memory_format=torch.channels_last)
    assert torch.equal(posterior_codec.encode(other, None), posterior_codec.encode(pixels, None))


def test_a_plain_codec_shifts_scales_and_goes_back() -> None:
    codec = PlainCodec(Halving(), scale=0.5, shift=0.25)
    pixels = torch.rand(2, 1, 1, 1).expand(-1, 3, 16, 16)
    latents = codec.encode(pixels, torch.randn(2, 4, 2, 2))
    assert torch.allclose(latents, (pixels[:, :1, :2, :2] - 0.25) * 0.5)
    assert torch.allclose(codec.decode(latents), pixels)
