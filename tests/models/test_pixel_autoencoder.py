"""The embedded model's autoencoder: any picture size, patches equal the whole, blocks of two to four px."""

import pytest
import torch

from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig, parameter_count

SMALL = (8, 8, 16)


def network(block_px: int) -> PixelAutoencoder:
    torch.manual_seed(0)
    return PixelAutoencoder(PixelAutoencoderConfig(channels=SMALL, block_px=block_px)).eval()


@pytest.mark.parametrize(("block_px", "factor"), [(2, 8), (3, 12), (4, 16)])
def test_latents_are_a_factor_smaller(block_px: int, factor: int) -> None:
    made = network(block_px)
    pictures = torch.rand(2, 3, 4 * factor, 6 * factor) * 2 - 1
    latents = made.encode(pictures)
    assert made.config.factor == factor and latents.shape == (2, 4, 4, 6)
    assert made(pictures).shape == pictures.shape


def test_finer_blocks_keep_the_latents_of_the_smaller_picture() -> None:
    """What was learned on latents at 128 px holds at 192: the encoder sees the same."""
    coarse, fine = network(2), network(3)
    fine.encoder.load_state_dict(coarse.encoder.state_dict())
    smooth = torch.linspace(-1, 1, 96)[None, None, None] * torch.linspace(-1, 1, 96)[None, None, :, None]
    large = smooth.expand(1, 3, -1, -1)
    small = torch.nn.functional.interpolate(large, (64, 64), mode="bicubic", antialias=True)
    torch.testing.assert_close(fine.encode(large), coarse.encode(small))


def test_a_patch_far_from_its_edges_is_as_in_the_whole_picture() -> None:
    made = network(2)
    picture = torch.rand(1, 3, 128, 128) * 2 - 1
    whole, part = made.encode(picture), made.encode(picture[..., 32:96, 32:96])
    torch.testing.assert_close(part[..., 3:5, 3:5], whole[..., 7:9, 7:9], atol=2e-3, rtol=0)


def test_config_goes_through_json() -> None:
    config = PixelAutoencoderConfig(channels=SMALL, block_px=3)
    assert PixelAutoencoderConfig.from_json(config.to_json()) == config
    old = {key: value for key, value in config.to_json().items() if key != "block_px"}
    assert PixelAutoencoderConfig.from_json(old).factor == 8  # bundles from before blocks could be chosen
    with pytest.raises(TypeError):
        PixelAutoencoderConfig.from_json({**config.to_json(), "unknown": 1})


def test_parameters_are_counted() -> None:
    made = network(2)
    assert parameter_count(made) == sum(value.numel() for value in made.state_dict().values())
