"""Stable Diffusion's autoencoder at full size, also from a file with the attention's old names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lipwright.models.vae import build_vae, decode, load_vae, posterior
from lipwright.weights.deterministic import fill


def test_posterior_and_picture_equal_the_recorded_ones(
    golden: Callable[[str], Any], checkpoints: dict[str, Any]
) -> None:
    settings, arrays = golden("vae_full_64x48")
    released = checkpoints["sd_vae_ft_mse"]
    source = build_vae(settings["vae_config"])
    fill(source)
    state = source.state_dict()
    assert {key: list(tensor.shape) for key, tensor in state.items()} == released["shapes"]
    old = {released["legacy_aliases"].get(key, key): tensor for key, tensor in state.items()}
    query = "encoder.mid_block.attentions.0.query.weight"
    old[query] = old[query][:, :, None, None]  # some old files hold 1x1 convolutions

    vae = load_vae(settings["vae_config"], old)
    found = posterior(vae, torch.from_numpy(arrays["x"]))
    with torch.no_grad():
        picture = decode(vae, torch.from_numpy(arrays["z"]))
    assert np.abs(found.mean.numpy() - arrays["mean"]).max() < 1e-4
    assert np.abs(2 * np.log(found.std.numpy()) - arrays["logvar"]).max() < 1e-4
    assert np.abs(picture.numpy() - arrays["y"]).max() < 1e-4
