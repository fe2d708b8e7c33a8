"""Which tensors a file must hold, derived from the architecture, and what is wrong with one, in words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lipwright.errors import WeightsError
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.models.vae import build_vae
from lipwright.models.whisper import AudioEncoder, WhisperConfig

Shapes = dict[str, tuple[int, ...]]
TEMPORAL = ".motion_modules."
SHOWN = 3  # names per kind of mistake in a message


def unet_shapes(settings: Mapping[str, Any]) -> Shapes:
    """Of the noise prediction network, under present names."""
    config = UNetConfig.from_json(settings)
    return _shapes(lambda: UNet3D(config))


def vae_shapes(settings: Mapping[str, Any]) -> Shapes:
    """Of Stable Diffusion's autoencoder, under present names."""
    return _shapes(lambda: build_vae(settings))


def encoder_shapes(config: WhisperConfig) -> Shapes:
    """Of the part of Whisper that is used, under our names (OpenAI's, less `encoder.`)."""
    return _shapes(lambda: AudioEncoder(config))


def _shapes(build: Callable[[], nn.Module]) -> Shapes:
    with torch.device("meta"):
        network = build()
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


@dataclass(frozen=True)
class Mismatch:
    """What differs between the tensors expected and those found; all lists sorted."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    shapes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unknown or self.shapes)

    def __str__(self) -> str:
        kinds = (("missing", self.missing), ("unknown", self.unknown), ("of another shape", self.shapes))
        return ", ".join(f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds if names)


def compare(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> Mismatch:
    """Expected against found shapes, by name."""
    shapes = [
        f"{key} is {tuple(found[key])}, not {tuple(expected[key])}"
        for key in expected.keys() & found.keys()
        if tuple(found[key]) != tuple(expected[key])
    ]
    missing, unknown = expected.keys() - found.keys(), found.keys() - expected.keys()
    return Mismatch(tuple(sorted(missing)), tuple(sorted(unknown)), tuple(sorted(shapes)))


def check_fit(
    file: Path, what: str, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise WeightsError, listing what is wrong and what the file looks like, unless every tensor fits."""
    if wrong := compare(expected, found):
        raise WeightsError(f"{file} is not {what}: {wrong}; it looks like {looks_like(found)}.")


def looks_like(names: Iterable[str]) -> str:
    """In words, which known file has tensors of such names."""
    keys = list(names)
    if any(key.startswith("visual_encoder.") for key in keys):
        return "a SyncNet"
    if any(key.startswith("encoder.blocks.") for key in keys):
        return "a Whisper model"
    if any(key.startswith("decoder.up_blocks.") for key in keys):
        return "a Stable Diffusion autoencoder"
    if not any(key.startswith("down_blocks.") and ".transformer_blocks." in key for key in keys):
        return "no file that LatentSync comes with"
    if any("audio_cross_attn." in key for key in keys):
        return "the U-Net of LatentSync 1.0"
    if not any(TEMPORAL in key for key in keys):
        return "a U-Net without temporal layers (LatentSync 1.0 or a stage-1 training file)"
    if not any(TEMPORAL in key and key.startswith("down_blocks.") for key in keys):
        return "a U-Net with temporal layers in its decoder only"
    return "the U-Net of LatentSync 1.5 or 1.6"


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN
    return "; ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
