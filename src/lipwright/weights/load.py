"""Bundle to networks: built without memory on the meta device, filled from mapped files."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lipwright.device import DeviceChoice
from lipwright.errors import WeightsError
from lipwright.latents.codec import OpenCodec, PlainCodec, PosteriorCodec
from lipwright.models.articulation import ArticulationConfig, ArticulationEncoder
from lipwright.models.listener import Listener, ListenerConfig
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig
from lipwright.models.temporal import PositionTable
from lipwright.models.temporal import position_table as frame_table
from lipwright.models.unet import UNet3D, UNetConfig, current_name
from lipwright.models.vae import build_vae
from lipwright.models.whisper import AudioEncoder, WhisperConfig, position_table
from lipwright.speech.ears import ArticulationEars, Ears, ListenerEars, WhisperEars
from lipwright.weights.bundle import Bundle
from lipwright.weights.checkpoint import check_finite, read_checkpoint
from lipwright.weights.manifest import TEMPORAL, check_fit, compare

Network = TypeVar("Network", bound=nn.Module)
MAPPED_BYTES = 1 << 26  # a file is mapped anew after this much was read, so that what was read can go


def load_weights(network: nn.Module, file: Path) -> None:
    """Fill a network in place; every name and shape must fit. WeightsError lists what does not."""
    _check(network, file)
    own = network.state_dict()
    with torch.no_grad():
        for key, tensor in _stored(file):
            if key in own and key not in _tables(network):
                own[key].copy_(tensor)


def load_checkpoint(network: UNet3D, file: Path, *, from_stage1: bool = False) -> None:
    """Fill a U-Net in place from a published or trained file (`.pt` or safetensors), for training.

    from_stage1: a file without temporal layers is welcome in a network with them; those keep their values
    (new ones do nothing at first). Raises WeightsError when anything else is missing, unknown or mis-shaped.
    """
    tensors = {current_name(key): value for key, value in read_checkpoint(file)[0].items()}
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if from_stage1 and not any(TEMPORAL in key for key in found):
        expected = {key: shape for key, shape in expected.items() if TEMPORAL not in key}
    check_fit(file, "a checkpoint of this network", expected, found)
    network.load_state_dict(tensors, strict=False)


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
    part = _part(bundle, "unet", ("latentsync",))
    config = UNetConfig.from_json(part["config"])
    return _loaded(lambda: UNet3D(config), bundle, "unet", choice)


def load_codec(bundle: Bundle, choice: DeviceChoice) -> OpenCodec:
    """The way between crops and latents of a bundle."""
    part = _part(bundle, "autoencoder", CODECS)
    return CODECS[part["kind"]](bundle, part, choice)


def load_ears(bundle: Bundle, choice: DeviceChoice) -> Ears:
    """The speech side of a bundle."""
    part = _part(bundle, "speech", EARS)
    return EARS[part["kind"]](bundle, part, choice)


def _pixel(bundle: Bundle, part: Mapping[str, Any], choice: DeviceChoice) -> OpenCodec:
    config = PixelAutoencoderConfig.from_json(dict(part["config"]))
    network = _loaded(lambda: PixelAutoencoder(config), bundle, "autoencoder", choice)
    return PlainCodec(network, scale=float(part["scaling"]), shift=float(part["shift"]), factor=config.factor)


def _sd_vae(bundle: Bundle, part: Mapping[str, Any], choice: DeviceChoice) -> OpenCodec:
    network = _loaded(lambda: build_vae(part["config"]), bundle, "autoencoder", choice)
    return PosteriorCodec(network, scale=float(part["scaling"]), shift=float(part["shift"]))


def _articulation(bundle: Bundle, part: Mapping[str, Any], choice: DeviceChoice) -> Ears:
    config = ArticulationConfig.from_json(part["config"])
    encoder = _loaded(lambda: ArticulationEncoder(config), bundle, "speech", choice)
    return ArticulationEars(encoder, float(part["window_s"]), float(part["context_s"]))


def _listener(bundle: Bundle, part: Mapping[str, Any], choice: DeviceChoice) -> Ears:
    config = ListenerConfig.from_json(part["config"])
    return ListenerEars(_loaded(lambda: Listener(config), bundle, "speech", choice))


def _whisper(bundle: Bundle, part: Mapping[str, Any], choice: DeviceChoice) -> Ears:
    config = WhisperConfig.from_json(part["config"])
    encoder = _loaded(lambda: AudioEncoder(config), bundle, "speech", choice)
    return WhisperEars(encoder, float(part["window_s"]), float(part["context_s"]))


CODECS: Mapping[str, Callable[[Bundle, Mapping[str, Any], DeviceChoice], OpenCodec]] = MappingProxyType(
    {"pixel": _pixel, "sd-vae": _sd_vae}
)
EARS: Mapping[str, Callable[[Bundle, Mapping[str, Any], DeviceChoice], Ears]] = MappingProxyType(
    {"articulation": _articulation, "listener": _listener, "whisper": _whisper}
)


def _part(bundle: Bundle, name: str, kinds: Mapping[str, object] | tuple[str, ...]) -> Mapping[str, Any]:
    part = bundle.part(name)
    if part.get("kind") not in kinds:
        raise WeightsError(
            f"The {name} of bundle {bundle.name} is of kind {part.get('kind')!r}, but this lipwright "
            f"loads {', '.join(map(repr, kinds))}; upgrade lipwright or use another bundle."
        )
    return part


def _loaded(build: Callable[[], Network], bundle: Bundle, part: str, choice: DeviceChoice) -> Network:
    """A network of a bundle on its device, for use; memory is needed once, in the final number format."""
    file = bundle.file(part)
    with torch.device("meta"):
        network = build()
    _check(network, file)
    tables = _tables(network)
    # Tensors that need no change of format stay mapped: the system reads them when they are used.
    state = {
        key: tensor.to(choice.device, choice.dtype) for key, tensor in _stored(file) if key not in tables
    }
    network.load_state_dict(state, strict=False, assign=True)
    _restore_tables(network, choice)
    return network.eval().requires_grad_(False)


def _check(network: nn.Module, file: Path) -> None:
    """Names and shapes, from the file's header alone."""
    try:
        with safe_open(file, "pt") as stored:
            found = {key: tuple(stored.get_slice(key).get_shape()) for key in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{file} cannot be read as safetensors ({error}); fetch or make the bundle again."
        ) from error
    tables = _tables(network)
    wrong = compare(
        {key: tuple(value.shape) for key, value in network.state_dict().items() if key not in tables},
        {key: shape for key, shape in found.items() if key not in tables},
    )
    if wrong:
        raise WeightsError(f"{file} does not fit its description: {wrong}; make the bundle again.")


def _stored(file: Path) -> Iterator[tuple[str, Tensor]]:
    """All tensors of a file, views of its mapping, checked to be numbers."""
    with safe_open(file, "pt") as stored:
        keys = list(stored.keys())
    while keys:
        read = 0
        with safe_open(file, "pt") as stored:
            while keys and read < MAPPED_BYTES:
                key = keys.pop()
                tensor = stored.get_tensor(key)
                check_finite(file, key, tensor)
                read += tensor.nbytes
                yield key, tensor


def _tables(network: nn.Module) -> set[str]:
    """Buffers: tables that the architecture defines, not weights."""
    return {name for name, _ in network.named_buffers()}


def _restore_tables(network: nn.Module, choice: DeviceChoice) -> None:
    """Compute the tables of a network that was built without memory."""
    for module in network.modules():
        if isinstance(module, PositionTable):
            length, width = cast(Tensor, module.pe).shape[1:]
            module.pe = frame_table(length, width).to(choice.device, choice.dtype)
        elif isinstance(module, AudioEncoder):
            length, width = cast(Tensor, module.positional_embedding).shape
            module.positional_embedding = position_table(length, width).to(choice.device, choice.dtype)
    if left := [name for name, tensor in network.named_buffers() if tensor.is_meta]:
        raise RuntimeError(f"no rule computes the tables {left}")
