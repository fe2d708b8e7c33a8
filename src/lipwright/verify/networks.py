"""Recorded sets of single networks: `unet`, `syncnet`, `vae`."""

import re
from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, agreement_loss, cosine_similarity
from lipwright.models.unet import UNet3D, UNetConfig, current_name
from lipwright.models.vae import build_vae, decode, posterior
from lipwright.verify.check import Check
from lipwright.weights.deterministic import fill, weight

TOLERANCE = 1e-4


def ready(network: nn.Module, check: Check) -> Any:
    """The network on the set's device, in its number format, for inference."""
    # diffusers' own `to` warns about a list of modules that is empty here.
    return nn.Module.to(network, check.choice.device, check.choice.dtype).eval().requires_grad_(False)


def recorded_unet(check: Check) -> UNet3D:
    """The set's U-Net with its weights: `model_config` or `unet_config`, present or version 1.0 key names."""
    settings = check.record.settings
    network = UNet3D(
        UNetConfig.from_json(settings.get("model_config") or check.record.setting("unet_config"))
    )
    fill(network)
    if old := settings.get("keys_with_audio"):
        shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        renamed = {current_name(key): weight(key, shapes[current_name(key)]) for key in old}
        state = {key: torch.from_numpy(value) for key, value in renamed.items()}
        network.load_state_dict(network.state_dict() | state)
    found: UNet3D = ready(network, check)
    return found


def unet(check: Check) -> None:
    """Predictions with and without audio; figures of inner layers and weights where recorded."""
    record = check.record
    network = recorded_unet(check)
    for key, total in record.settings.get("weight_sums", {}).items():
        tensor = network.state_dict()[key].double()
        check.value("weight_sums", float(tensor.sum()) / len(tensor), total / len(tensor), TOLERANCE)
    x, t = check.tensor("x"), check.tensor("t").reshape(-1)
    audio = check.tensor("audio") if "audio" in record else None
    if audio is not None and audio.ndim == 3:
        audio = rearrange(audio, "(b f) n d -> b f n d", b=len(x))
    with _watched(network, record.settings.get("layer_stats", {})) as seen, torch.no_grad():
        check.array("y", network(x, t, audio), TOLERANCE)
    for layer, stats in record.settings.get("layer_stats", {}).items():
        tolerance = TOLERANCE * max(1.0, abs(stats["max"]), abs(stats["min"]))
        check.statistics(f"layer_stats.{layer}", seen[layer], list(stats.values()), list(stats), tolerance)
    if "y_noaudio" in record:
        with torch.no_grad():
            check.array("y_noaudio", network(x, t, None), TOLERANCE)


class _watched:
    """Outputs of named modules during a `with` block."""

    def __init__(self, network: nn.Module, names: dict[str, Any]) -> None:
        self._seen: dict[str, Tensor] = {}
        modules = dict(network.named_modules())
        self._hooks = [modules[name].register_forward_hook(self._keep(name)) for name in names]

    def _keep(self, name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._seen[name] = output[0] if isinstance(output, tuple) else output

        return keep

    def __enter__(self) -> dict[str, Tensor]:
        return self._seen

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()


def syncnet(check: Check) -> None:
    """Both embeddings, their cosine and the loss for either label; inputs stored, or drawn by the rule."""
    record = check.record
    network = StableSyncNet(SyncNetConfig.from_json(record.setting("model_config")))
    fill(network)
    network = ready(network, check)
    v, a = (check.on_device(_drawn(check, name)) for name in ("v", "a"))
    with torch.no_grad():
        picture, sound = network(v, a)
        for name, tower, given in (
            ("vision_raw_stats", network.visual_encoder, v),
            ("audio_raw_stats", network.audio_encoder, a),
        ):
            if name in record:
                order = record.settings.get("raw_stats_order", ["mean", "std", "min", "max", "l2", "sum"])
                check.statistics(name, tower(given), record[name].tolist(), order, TOLERANCE)
    picture, sound = picture.float(), sound.float()
    together = torch.ones(len(picture), device=picture.device)
    found = {
        "vision_embeds": picture,
        "audio_embeds": sound,
        "cosine": cosine_similarity(picture, sound),
        "loss_y1": agreement_loss(picture, sound, together),
        "loss_y0": agreement_loss(picture, sound, 0 * together),
    }
    for name, value in found.items():
        if name in record:
            check.array(name, value, TOLERANCE)


def _drawn(check: Check, name: str) -> Any:
    """A SyncNet input: stored, or a scaled draw; the note says "v = 0.6*N"."""
    record = check.record
    said = re.search(rf"\b{name} = ([0-9.]+)\*N", record.note)
    scale = float(said[1]) if said else {"v": 0.6, "a": 1.5}[name]
    return record.stored_or_drawn(name, record.settings.get(f"{name}_shape", ()), scale)


def vae(check: Check) -> None:
    """The posterior of a picture, and the picture of given latents."""
    network = build_vae(check.record.setting("vae_config"))
    fill(network)
    network = ready(network, check)
    found = posterior(network, check.tensor("x"))
    check.array("mean", found.mean, TOLERANCE)
    check.array("logvar", 2 * found.std.float().log(), TOLERANCE)
    with torch.no_grad():
        check.array("y", decode(network, check.tensor("z")), TOLERANCE)
