"""Bundle to networks: built on the meta device, filled strictly from safetensors, moved to their device."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lipwright.device import DeviceChoice
from lipwright.errors import WeightsError
from lipwright.models.articulation import ArticulationConfig, ArticulationEncoder
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.weights.bundle import Bundle

Network = TypeVar("Network", bound=nn.Module)


def load_weights(network: nn.Module, file: Path) -> None:
    """Fill a network from a file; every name and shape must fit. WeightsError lists what does not."""
    try:
        found = load_file(file)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{file} cannot be read as safetensors ({error}); fetch or make the bundle again."
        ) from error
    expected = {key: value for key, value in network.state_dict().items() if key not in _tables(network)}
    found = {key: value for key, value in found.items() if key not in _tables(network)}
    wrong = [f"missing {key}" for key in expected.keys() - found.keys()]
    wrong += [f"unknown {key}" for key in found.keys() - expected.keys()]
    wrong += [
        f"{key} is {tuple(found[key].shape)}, not {tuple(expected[key].shape)}"
        for key in expected.keys() & found.keys()
        if found[key].shape != expected[key].shape
    ]
    if wrong:
        rest = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise WeightsError(f"{file} does not fit its description: {'; '.join(sorted(wrong)[:5])}{rest}.")
    network.load_state_dict({key: value.float() for key, value in found.items()}, strict=False)


def _tables(network: nn.Module) -> set[str]:
    """Buffers: tables that the architecture defines, not weights."""
    return {name for name, _ in network.named_buffers()}


def save_weights(network: nn.Module, file: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a network's weights (without its fixed tables) beside the target and rename into place."""
    tables = _tables(network)
    state: dict[str, Tensor] = {
        key: value.detach().to("cpu", dtype).contiguous()
        for key, value in network.state_dict().items()
        if key not in tables
    }
    part = file.with_suffix(".part")
    save_file(state, part)
    part.replace(file)


def load_unet(bundle: Bundle, choice: DeviceChoice) -> UNet3D:
    """The noise prediction network of a bundle."""
    network = UNet3D(UNetConfig.from_json(_config(bundle, "unet", "latentsync")))
    return _ready(network, bundle, "unet", choice)


def load_autoencoder(bundle: Bundle, choice: DeviceChoice) -> PixelAutoencoder:
    """The autoencoder of a bundle."""
    network = PixelAutoencoder(
        PixelAutoencoderConfig.from_json(dict(_config(bundle, "autoencoder", "pixel")))
    )
    return _ready(network, bundle, "autoencoder", choice)


def load_ears(bundle: Bundle, choice: DeviceChoice) -> ArticulationEncoder:
    """The speech encoder of a bundle."""
    network = ArticulationEncoder(ArticulationConfig.from_json(_config(bundle, "speech", "articulation")))
    return _ready(network, bundle, "speech", choice)


def _config(bundle: Bundle, part: str, kind: str) -> Mapping[str, Any]:
    description = bundle.part(part)
    if description.get("kind") != kind:
        raise WeightsError(
            f"The {part} of bundle {bundle.name} is of kind {description.get('kind')!r}, but this lipwright "
            f"loads {kind!r}; upgrade lipwright or use another bundle."
        )
    config: Mapping[str, Any] = description["config"]
    return config


def _ready(network: Network, bundle: Bundle, part: str, choice: DeviceChoice) -> Network:
    load_weights(network, bundle.file(part))
    return network.to(choice.device, choice.dtype).eval().requires_grad_(False)
