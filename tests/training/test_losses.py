"""The distances of training, on cases with known answers."""

import pytest
import torch

from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, TowerConfig
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.training import losses
from lipwright.weights.deterministic import fill

SOUND = TowerConfig(1, (32, 32, 32, 32, 32, 32), ((2, 1), 2, 2, 2, 2, (2, 3)), (0,) * 6)
PICTURE = TowerConfig(12, (32, 32, 32, 32, 32), ((1, 2), 2, 2, 2, 2), (0,) * 5)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0])
def test_mixed_noise_keeps_its_spread_and_shares_its_part(alpha: float) -> None:
    found = losses.mixed_noise(draw(1, 4, 8, 64, 64), draw(1, 4, 1, 64, 64, seed=1), alpha)
    assert float(found.std()) == pytest.approx(1, abs=0.02)
    shared = float((found[:, :, 0] * found[:, :, 1]).mean())
    assert shared == pytest.approx(alpha**2 / (1 + alpha**2), abs=0.02)


def test_syncnet_sees_lower_halves_frame_by_frame_at_its_size() -> None:
    pixels = draw(2, 4, 3, 32, 32)
    seen = losses.lower_halves(pixels, 32)
    assert seen.shape == (2, 12, 16, 32)
    assert torch.equal(seen[1, 3 * 2 + 1], pixels[1, 2, 1, 16:])
    assert losses.lower_halves(pixels, 64).shape == (2, 12, 32, 64)


def test_the_sync_loss_is_the_cross_entropy_of_the_cosine() -> None:
    network = StableSyncNet(SyncNetConfig(SOUND, PICTURE)).eval()
    fill(network)
    pixels, mel = draw(2, 4, 3, 32, 32), draw(2, 1, 80, 52)
    pixels.requires_grad_(True)
    loss = losses.sync_loss(network, pixels, mel, 32)
    picture, sound = network(losses.lower_halves(pixels, 32), mel)
    assert loss.item() == pytest.approx(-torch.log((picture * sound).sum(dim=1)).mean().item(), rel=1e-4)
    (gradient,) = torch.autograd.grad(loss, pixels)
    assert float(gradient[:, :, :, 16:].abs().max()) > 0
    assert float(gradient[:, :, :, :16].abs().max()) == 0, "the upper half is not looked at"


def test_trepa_is_nothing_for_equal_videos_and_two_minus_two_cosines_over_the_width() -> None:
    network = VideoMAE(VideoMAEConfig(img_size=28, embed_dim=24, depth=1, num_heads=2, num_classes=3)).eval()
    fill(network)
    network.requires_grad_(False)
    made, true = draw(1, 16, 3, 40, 30), draw(1, 16, 3, 40, 30, seed=1)
    assert float(losses.trepa_loss(network, made, made)) == 0
    cosine = (losses.motion_features(network, made) * losses.motion_features(network, true)).sum()
    assert float(losses.trepa_loss(network, made, true)) == pytest.approx(
        float(2 - 2 * cosine) / 24, rel=1e-3
    )
