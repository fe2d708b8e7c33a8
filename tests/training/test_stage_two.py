"""One step of stage 2: what moves, and what the distances add up to. (Numbers: tests/verify, train_step.)"""

import torch

from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.training import stage_two
from lipwright.weights.deterministic import fill


def network() -> UNet3D:
    unet = UNet3D(
        UNetConfig(
            block_out_channels=(32, 32),
            down_block_types=("CrossAttnDownBlock3D",) * 2,
            up_block_types=("CrossAttnUpBlock3D",) * 2,
            layers_per_block=1,
            attention_head_dim=2,
            cross_attention_dim=16,
            norm_num_groups=8,
        )
    )
    fill(unet)
    return unet


def test_only_the_named_parts_are_trained() -> None:
    unet = network()
    chosen = dict(stage_two.trained(unet))
    assert chosen
    for name, parameter in unet.named_parameters():
        wanted = "motion_modules." in name or "attentions." in name
        assert parameter.requires_grad == wanted == (name in chosen)
    assert len(dict(stage_two.trained(unet, ("attn2.",)))) < len(chosen)


def test_gradients_are_clipped_together_and_the_optimiser_moves_by_its_rate() -> None:
    unet = network()
    parameters = [parameter for _, parameter in stage_two.trained(unet)]
    before = [parameter.detach().clone() for parameter in parameters]
    x = torch.randn(1, 13, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    loss = 1e3 * unet(x, torch.tensor([5]), torch.ones(1, 2, 4, 16)).square().mean()
    loss.backward()
    norm = stage_two.clip_gradients(parameters)
    assert float(norm) > 1
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = torch.stack([gradient.norm() for gradient in gradients]).norm()
    assert abs(float(total) - 1) < 1e-4
    stage_two.optimiser(parameters).step()
    moved = max(float((now - old).detach().abs().max()) for now, old in zip(parameters, before, strict=True))
    assert 0.5e-5 < moved < 1.2e-5
