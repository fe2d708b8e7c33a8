"""The U-Net against the released code: names and shapes of every tensor, and its numbers."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from einops import rearrange

from lipwright.models.unet import UNet3D, UNetConfig, current_name
from lipwright.weights.deterministic import fill, weight

TOLERANCE = 1e-4  # outputs have a spread of about 0.55; we are at 5e-6

SETS = (
    "unet_small_motion_f1",
    "unet_small_motion_f4",
    "unet_small_motion_perbatch_t",
    "unet_small_motion_oddsize",
    "unet_small_decoder_only",
)


@pytest.mark.parametrize(
    "name", ["unet_stage2_256_v1.5", "unet_stage1_nomotion", "unet_stage2_efficient_decoderonly", "unet_v1.0"]
)
def test_names_and_shapes_are_those_of_the_released_files(name: str, checkpoints: dict[str, Any]) -> None:
    released = checkpoints[name]
    with torch.device("meta"):
        network = UNet3D(UNetConfig.from_json(released["config"]))
    ours = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    assert ours == {current_name(key): shape for key, shape in released["shapes"].items()}


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", SETS)
def test_predictions_equal_the_recorded_ones(
    name: str, channels_last: bool, golden: Callable[[str], Any]
) -> None:
    settings, arrays = golden(name)
    network = UNet3D(UNetConfig.from_json(settings["model_config"])).eval()
    fill(network)
    if channels_last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stubs
    x, t, audio = (torch.from_numpy(arrays[key]) for key in ("x", "t", "audio"))
    tokens = rearrange(audio, "(b f) n d -> b f n d", b=len(x))
    with torch.no_grad():
        assert np.abs(network(x, t, tokens).numpy() - arrays["y"]).max() < TOLERANCE
        assert np.abs(network(x, t, None).numpy() - arrays["y_noaudio"]).max() < TOLERANCE


def test_a_version_1_0_file_is_renamed_and_gives_the_recorded_numbers(golden: Callable[[str], Any]) -> None:
    settings, arrays = golden("unet_small_v1_0_keys")
    network = UNet3D(UNetConfig.from_json(settings["model_config"])).eval()
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    file = {_old_name(key): torch.from_numpy(weight(_old_name(key), shape)) for key, shape in shapes.items()}
    network.load_state_dict({current_name(key): tensor for key, tensor in file.items()}, strict=True)
    x, t, audio = (torch.from_numpy(arrays[key]) for key in ("x", "t", "audio"))
    with torch.no_grad():
        y = network(x, t, rearrange(audio, "(b f) n d -> b f n d", b=len(x)))
    assert np.abs(y.numpy() - arrays["y"]).max() < TOLERANCE


def _old_name(key: str) -> str:
    key = re.sub(r"(transformer_blocks\.0\.)norm2\.", r"\1audio_cross_attn.norm.", key)
    return re.sub(r"(transformer_blocks\.0\.)attn2\.", r"\1audio_cross_attn.attn.", key)
