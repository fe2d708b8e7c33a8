"""Guidance and what the network is shown."""

import pytest
import torch

from lipwright.diffusion.denoiser import Denoiser
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.weights.deterministic import fill

X = torch.randn(1, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
SHOWN = torch.randn(1, 9, 2, 8, 8, generator=torch.Generator().manual_seed(1))
AUDIO = torch.randn(1, 2, 10, 24, generator=torch.Generator().manual_seed(2))
T = torch.tensor(301)


@pytest.fixture(scope="module")
def network() -> UNet3D:
    config = UNetConfig(
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock3D",) * 2,
        up_block_types=("CrossAttnUpBlock3D",) * 2,
        layers_per_block=1,
        attention_head_dim=2,
        cross_attention_dim=24,
        norm_num_groups=8,
        use_motion_module=False,
    )
    unet = UNet3D(config).eval()
    fill(unet)
    return unet


@torch.no_grad()
def test_without_guidance_it_is_the_network(network: UNet3D) -> None:
    expected = network(torch.cat([X, SHOWN], dim=1), T.reshape(1), AUDIO)
    assert torch.allclose(Denoiser(network, SHOWN, AUDIO)(X, T), expected, atol=1e-6)


@torch.no_grad()
def test_guidance_goes_beyond_the_audio_away_from_silence(network: UNet3D) -> None:
    spoken = Denoiser(network, SHOWN, AUDIO)(X, T)
    silent = Denoiser(network, SHOWN, torch.zeros_like(AUDIO))(X, T)
    guided = Denoiser(network, SHOWN, AUDIO, guidance=2.5)(X, T)
    assert torch.allclose(guided, silent + 2.5 * (spoken - silent), atol=1e-4)


@torch.no_grad()
def test_without_audio_guidance_does_nothing(network: UNet3D) -> None:
    expected = network(torch.cat([X, SHOWN], dim=1), T.reshape(1), None)
    assert torch.allclose(Denoiser(network, SHOWN, None, guidance=2.0)(X, T), expected, atol=1e-6)


def test_latents_stay_float32_around_a_network_in_another_format(network: UNet3D) -> None:
    half = UNet3D(network.config).to(torch.bfloat16).eval()
    half.load_state_dict(network.state_dict())
    rough, exact = Denoiser(half, SHOWN, AUDIO)(X, T), Denoiser(network, SHOWN, AUDIO)(X, T)
    assert rough.dtype == torch.float32
    assert float((rough - exact).std()) < 0.1 * float(exact.std())
