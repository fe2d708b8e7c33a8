"""Step reuse: which steps are full, what a cached one costs, and that full ones are the network's own."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lipwright.diffusion.denoiser import Denoiser
from lipwright.diffusion.reuse import StepReuse
from lipwright.errors import OptionError
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.weights.deterministic import fill

X = torch.randn(1, 13, 2, 8, 8, generator=torch.Generator().manual_seed(0))
AUDIO = torch.randn(1, 2, 10, 24, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def network() -> UNet3D:
    config = UNetConfig(
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock3D",) * 2,
        up_block_types=("CrossAttnUpBlock3D",) * 2,
        attention_head_dim=2,
        cross_attention_dim=24,
        norm_num_groups=8,
    )
    unet = UNet3D(config).eval()
    fill(unet)
    return unet


def at(t: int) -> torch.Tensor:
    return torch.tensor([t])


@torch.no_grad()
def test_a_full_step_is_the_networks_own_and_a_cached_one_is_fresh_at_both_ends(network: UNet3D) -> None:
    reuse = StepReuse(network, 2)
    assert torch.equal(reuse(X, at(801), AUDIO), network(X, at(801), AUDIO))
    # The same question again: the stored features are those of this very step, so nothing changes.
    assert torch.allclose(reuse(X, at(801), AUDIO), network(X, at(801), AUDIO), atol=1e-6)
    assert torch.equal(reuse(X, at(401), AUDIO), network(X, at(401), AUDIO)), "full again"
    cached, exact = reuse(0.9 * X, at(201), 0.5 * AUDIO), network(0.9 * X, at(201), 0.5 * AUDIO)
    assert not torch.allclose(cached, exact, atol=1e-3)
    stale = network(X, at(401), AUDIO)
    assert (cached - exact).norm() < (stale - exact).norm(), "nearer than the stored step itself"


@torch.no_grad()
def test_every_denoiser_begins_with_a_full_step(network: UNet3D) -> None:
    for _ in range(2):
        denoise = Denoiser(network, X[:, 4:], AUDIO, guidance=1.5, reuse=3)
        first = denoise(X[:, :4], torch.tensor(801))
        plain = Denoiser(network, X[:, 4:], AUDIO, guidance=1.5)(X[:, :4], torch.tensor(801))
        assert torch.equal(first, plain)
        denoise(X[:, :4], torch.tensor(401))


def test_an_interval_below_one_is_refused(network: UNet3D) -> None:
    with pytest.raises(OptionError, match="interval is 0"):
        StepReuse(network, 0)


@torch.no_grad()
@pytest.mark.parametrize("side", [32, 64])
def test_a_cached_step_of_the_released_network_costs_at_most_15_percent(side: int) -> None:
    """Counted, not timed: the full-size network on the meta device; 256 and 512 px."""
    with torch.device("meta"):
        reuse = StepReuse(UNet3D(UNetConfig()).to("meta"), 3)
        x, t = torch.empty(1, 13, 16, side, side), torch.zeros(1, dtype=torch.int64)
        audio = torch.empty(1, 16, 50, 384)
        counts = []
        for _ in range(3):
            with FlopCounterMode(display=False) as counter:
                reuse(x, t, audio)
            counts.append(counter.get_total_flops())
    assert counts[1] == counts[2]
    assert 0.05 < counts[1] / counts[0] <= 0.15
