"""StableSyncNet against the released code."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, agreement_loss, cosine_similarity
from lipwright.weights.deterministic import fill


@pytest.mark.parametrize("name", ["stable_syncnet_16_pixel_attn", "syncnet_16_pixel", "syncnet_16_latent"])
def test_names_and_shapes_are_those_of_the_released_files(name: str, checkpoints: dict[str, Any]) -> None:
    released = checkpoints[name]
    with torch.device("meta"):
        network = StableSyncNet(SyncNetConfig.from_json(released["config"]))
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == released["shapes"]


def test_embeddings_and_loss_equal_the_recorded_ones(golden: Callable[[str], Any]) -> None:
    settings, arrays = golden("syncnet_small")
    network = StableSyncNet(SyncNetConfig.from_json(settings["model_config"])).eval()
    fill(network)
    with torch.no_grad():
        picture, sound = network(torch.from_numpy(arrays["v"]), torch.from_numpy(arrays["a"]))
        found = {
            "vision_embeds": picture,
            "audio_embeds": sound,
            "cosine": cosine_similarity(picture, sound),
            "loss_y1": agreement_loss(picture, sound, torch.ones(1)),
            "loss_y0": agreement_loss(picture, sound, torch.zeros(1)),
        }
    for key, value in found.items():
        assert np.abs(value.numpy() - arrays[key]).max() < 1e-5, key
