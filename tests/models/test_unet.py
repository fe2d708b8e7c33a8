"""The U-Net beyond its recorded numbers: toy sizes, independence of frames, memory layout, configuration."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lipwright.errors import WeightsError
from lipwright.models.unet import UNet3D, UNetConfig, current_name
from lipwright.weights.deterministic import fill

TOY = UNetConfig(
    block_out_channels=(32, 48, 64),
    down_block_types=("CrossAttnDownBlock3D",) * 3,
    up_block_types=("CrossAttnUpBlock3D",) * 3,
    layers_per_block=1,
    attention_head_dim=2,
    cross_attention_dim=24,
    norm_num_groups=16,
    norm_across_frames=False,
    use_motion_module=False,
)
# Temporal layers have 32 groups whatever the network's own.
TEMPORAL = replace(TOY, block_out_channels=(32, 64, 96), use_motion_module=True)


def _network(config: UNetConfig) -> UNet3D:
    network = UNet3D(config).eval()
    fill(network)
    return network


def _inputs(frames: int = 3, size: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 13, frames, size, size, generator=generator)
    return x, torch.tensor([7, 640]), torch.randn(2, frames, 10, 24, generator=generator)


@torch.no_grad()
def test_frames_are_independent_when_norms_see_one_frame() -> None:
    network, (x, t, audio) = _network(TOY), _inputs()
    together = network(x, t, audio)
    for frame in range(3):
        alone = network(x[:, :, frame : frame + 1], t, audio[:, frame : frame + 1])
        assert torch.allclose(together[:, :, frame : frame + 1], alone, atol=1e-5)


@torch.no_grad()
def test_frames_influence_each_other_when_norms_span_them() -> None:
    network, (x, t, audio) = _network(replace(TOY, norm_across_frames=True)), _inputs()
    alone = network(x[:, :, :1], t, audio[:, :1])
    assert not torch.allclose(network(x, t, audio)[:, :, :1], alone, atol=1e-3)


@torch.no_grad()
def test_temporal_layers_see_the_order_of_frames() -> None:
    network, (x, t, audio) = _network(TEMPORAL), _inputs()
    backwards = network(x.flip(2), t, audio.flip(1)).flip(2)
    assert not torch.allclose(network(x, t, audio), backwards, atol=1e-3)


@torch.no_grad()
def test_a_fresh_temporal_layer_changes_nothing() -> None:
    x, t, audio = _inputs()
    plain = _network(replace(TEMPORAL, use_motion_module=False))
    temporal = UNet3D(TEMPORAL)
    missing, extra = temporal.load_state_dict(plain.state_dict(), strict=False)
    assert missing
    assert all("motion_modules" in key for key in missing)
    assert not extra
    assert torch.allclose(temporal(x, t, audio), plain(x, t, audio), atol=1e-5)


@torch.no_grad()
def test_zero_audio_is_not_the_same_as_no_audio() -> None:
    network, (x, t, audio) = _network(TOY), _inputs()
    assert not torch.allclose(network(x, t, torch.zeros_like(audio)), network(x, t, None), atol=1e-4)


@torch.no_grad()
def test_channels_last_gives_the_same_prediction() -> None:
    network, (x, t, audio) = _network(TEMPORAL), _inputs()
    expected = network(x, t, audio)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stubs
    assert torch.allclose(network(x, t, audio), expected, atol=1e-4)


def test_checkpointing_gives_the_same_gradients() -> None:
    network, (x, t, audio) = _network(TEMPORAL), _inputs()
    gradients = []
    for checkpointing in (False, True):
        network.gradient_checkpointing = checkpointing
        network.zero_grad()
        network(x, t, audio).square().mean().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        assert plain is not None
        assert recomputed is not None
        assert torch.allclose(plain, recomputed, atol=1e-6)


def test_bfloat16_training_keeps_close_to_float32() -> None:
    network, (x, t, audio) = _network(TOY), _inputs()
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(x, t, audio)
        rough.float().square().mean().backward()
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - network(x, t, audio)).std() < 0.05 * rough.float().std()


@torch.no_grad()
@pytest.mark.parametrize("size", [(8, 8), (9, 14)])
def test_any_latent_size_and_window_length(size: tuple[int, int]) -> None:
    network = _network(TEMPORAL)
    for frames in (1, 5):
        x = torch.zeros(1, 13, frames, *size)
        assert network(x, torch.tensor([1]), None).shape == (1, 4, frames, *size)


@torch.no_grad()
def test_a_window_longer_than_the_position_table_is_refused() -> None:
    network = _network(replace(TEMPORAL, temporal_position_encoding_max_len=2))
    x, t, audio = _inputs()
    with pytest.raises(ValueError, match="longer than the position table"):
        network(x, t, audio)


def test_the_configuration_survives_its_json_form() -> None:
    assert UNetConfig.from_json(TOY.to_json()) == TOY
    assert UNetConfig.from_json({}) == UNetConfig()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"act_fn": "relu"}, "act_fn"),
        ({"chanels": 3}, "unknown settings: chanels"),
        ({"block_out_channels": [32, 64]}, "2 channel widths, 4 down"),
        ({"motion_module_kwargs": {"attention_block_types": ["Cross"]}}, "unsupported temporal attentions"),
        ({"motion_module_kwargs": {"temporal_attention_dim_div": 2}}, "temporal_attention_dim_div"),
    ],
)
def test_a_configuration_it_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        UNetConfig.from_json(settings)


def test_an_unknown_block_type_is_refused() -> None:
    with pytest.raises(WeightsError, match="unknown block type 'Other'"), torch.device("meta"):
        UNet3D(replace(TOY, down_block_types=("Other",) * 3))


def test_names_of_version_1_0_are_translated() -> None:
    start = "up_blocks.1.attentions.0.transformer_blocks.0."
    assert current_name(start + "audio_cross_attn.norm.weight") == start + "norm2.weight"
    assert current_name(start + "audio_cross_attn.attn.to_q.weight") == start + "attn2.to_q.weight"
    assert current_name(start + "attn1.to_q.weight") == start + "attn1.to_q.weight"
