"""Stable Diffusion's autoencoder: diffusers' AutoencoderKL, loaded strictly from its settings and tensors."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lipwright.errors import WeightsError

# Before diffusers 0.15 the mid-block attention had these names, and some files store its weights as 1x1
# convolutions.
_OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


class Posterior(Protocol):
    """Mean and standard deviation of the latents of a picture, both (n, 4, h/8, w/8)."""

    mean: Tensor
    std: Tensor


def current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under present names, with the old attention weights as matrices."""
    return {_current_name(key): _as_matrix(key, value) for key, value in state.items()}


def build_vae(settings: Mapping[str, Any]) -> nn.Module:
    """An AutoencoderKL with random weights; `settings`: its arguments (diffusers' config.json)."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    arguments = {key: value for key, value in settings.items() if not key.startswith("_")}
    vae: nn.Module = AutoencoderKL(**arguments)
    return vae


def load_vae(settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """An AutoencoderKL with these tensors. Raises WeightsError when any is missing, extra or mis-shaped."""
    vae = build_vae(settings)
    try:
        vae.load_state_dict(current_names(state), strict=True)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise WeightsError(f"the autoencoder's tensors do not fit its configuration: {detail}") from error
    return vae.eval()


@torch.no_grad()
def posterior(vae: nn.Module, pixels: Float[Tensor, "n 3 h w"]) -> Posterior:
    """Posterior of the unscaled latents of pictures in -1..1 (log-variance clamped to -30..20)."""
    found: Posterior = vae.encode(pixels).latent_dist  # type: ignore[operator]
    return found


def decode(vae: nn.Module, latents: Float[Tensor, "n 4 h w"]) -> Float[Tensor, "n 3 h8 w8"]:
    """Pictures of unscaled latents, about -1..1, not clamped."""
    pictures: Tensor = vae.decode(latents).sample  # type: ignore[operator]
    return pictures


def _current_name(key: str) -> str:
    if ".attentions." not in key:
        return key
    stem, name, kind = key.rsplit(".", 2)
    return f"{stem}.{_OLD_NAMES.get(name, name)}.{kind}"


def _as_matrix(key: str, value: Tensor) -> Tensor:
    if ".attentions." in key and value.ndim == 4:
        return value[:, :, 0, 0]
    return value
