"""What the decoder is asked for: strength of edges without coloured fringes, grain that is no grid."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import tiny
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig
from lipwright.training.config import TOY
from lipwright.training.train_autoencoder import BRIGHTNESS, energy_distance, grid_distance
from lipwright.training.train_tiny import widened
from lipwright.weights.find import find_bundle
from lipwright.weights.load import load_weights


def grain(seed: int, spread: float = 0.1) -> Tensor:
    return (
        torch.randn(2, 1, 48, 48, generator=torch.Generator().manual_seed(seed)).expand(-1, 3, -1, -1)
        * spread
    )


def test_equal_strength_elsewhere_is_like_and_blur_is_not() -> None:
    other, blurred = grain(2), torch.nn.functional.avg_pool2d(grain(1), 3, 1, 1)
    assert float(energy_distance(grain(1), other)) < 0.35 * float(energy_distance(grain(1), blurred))
    assert float(energy_distance(grain(1), grain(1))) == 0


def test_colours_that_cancel_in_brightness_are_not_asked_for() -> None:
    red, green, _ = BRIGHTNESS
    fringes = grain(3) * torch.tensor([1 / red, -1 / green, 0])[:, None, None]
    assert float(energy_distance(grain(1) + fringes, grain(1))) < 1e-3
    assert float(energy_distance(grain(1) + grain(3), grain(1))) > 0.05


def test_a_grid_is_told_from_grain_of_equal_strength() -> None:
    cell = 4
    grid = torch.zeros(2, 3, 48, 48)
    grid[..., ::cell, :] = 1
    grid = (grid - grid.mean()) / grid.std() * 0.1
    assert float(grid_distance(grid, grain(1), cell)) > 1.5 * float(grid_distance(grain(2), grain(1), cell))


@pytest.mark.parametrize("block_px", [3, 4])
def test_a_wider_block_draws_what_was_drawn_before(tmp_path: Path, block_px: int) -> None:
    bundle = find_bundle(str(tiny.build(tmp_path)))
    old = PixelAutoencoder(
        PixelAutoencoderConfig.from_json(dict(bundle.part("autoencoder")["config"]))
    ).eval()
    load_weights(old, bundle.file("autoencoder"))
    new = widened(bundle, replace(TOY.autoencoder, block_px=block_px)).eval()
    latents = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        before, after = old.decode(latents), new.decode(latents)
    assert after.shape[-1] == 6 * 4 * block_px
    means = [torch.nn.functional.avg_pool2d(drawn, drawn.shape[-1] // 24) for drawn in (before, after)]
    torch.testing.assert_close(*means, rtol=0, atol=1e-4)
    assert all(
        torch.equal(value, new.encoder.state_dict()[key]) for key, value in old.encoder.state_dict().items()
    )
