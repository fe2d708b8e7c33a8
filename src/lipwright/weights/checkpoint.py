"""Checkpoint files as they are published: `.pt` opened weights-only and mapped, or safetensors."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lipwright.errors import WeightsError

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
# Where trainers put the weights, most telling first; everything beside it (steps, optimizer, EMA) is left.
_TOP_LEVEL = ("state_dict", "model_state_dict", "model", "module")
_WRAPPERS = ("module.", "_orig_mod.")  # data-parallel and compiled networks put these before every name
_CODE = re.compile(r"(unsupported|trying to load|blocked)\W+(global|class|\w* GLOBAL)", re.IGNORECASE)
COUNTER = ".num_batches_tracked"  # of a batch norm: how often it was trained, of no use to anybody else
FORMATS = (torch.float32, torch.float16, torch.bfloat16)


def read_checkpoint(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file by name, and what else lay beside them.

    The tensors are mapped from the file, not read, where the format allows it. Names lose the prefix of a
    wrapped network; counters of batch norms are left out. Raises WeightsError for a file that is missing,
    damaged, or holds more than weights.
    """
    if not file.is_file():
        raise WeightsError(f"There is no checkpoint file {file}; check the path.")
    if file.suffix == ".safetensors":
        return _unwrapped(file, _read_safetensors(file)), {}
    contents = _read_pickle(file)
    if not isinstance(contents, Mapping):
        raise WeightsError(f"{file} holds a {type(contents).__name__} and no named weights.")
    inside = next((key for key in _TOP_LEVEL if isinstance(contents.get(key), Mapping)), None)
    state = contents if inside is None else contents[inside]
    beside = {} if inside is None else {key: value for key, value in contents.items() if key != inside}
    return _unwrapped(file, state), beside


def check_finite(file: Path, name: str, tensor: Tensor) -> None:
    """Raise WeightsError when a tensor holds a value that is no number."""
    if tensor.numel() == 0:
        return
    low, high = torch.aminmax(tensor)  # NaN goes through to both; needs no second array
    if not bool(torch.isfinite(low + high)) and not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"{file} is damaged: {name} holds values that are no numbers; fetch it again.")


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{file} cannot be read as safetensors ({error}); it is damaged or was cut short: fetch it again."
        ) from error


def _read_pickle(file: Path) -> Any:
    """What a `.pt` file holds; nothing in it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickle versions; what matters is an error
            return _opened(file)
    except pickle.UnpicklingError as error:
        if _CODE.search(str(error)):
            raise WeightsError(
                f"{file} holds something other than weights, which could run code, and was not opened; use a "
                "file from a source you trust, or one in safetensors."
            ) from error
        raise WeightsError(_damaged(file)) from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WeightsError(_damaged(file)) from error


def _opened(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        return torch.load(file, map_location="cpu", weights_only=True)  # written by torch before 1.6


def _damaged(file: Path) -> str:
    size = file.stat().st_size
    return (
        f"{file} ({size:,} bytes) is no readable checkpoint: it is damaged, was cut short, or is something "
        "else; fetch it again."
    )


def _unwrapped(file: Path, state: Mapping[Any, Any]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(f"{file} holds {key!r} that is no tensor; it is no file of weights.")
        if key.endswith(COUNTER):
            continue
        tensors[key] = value.float() if value.dtype == torch.float64 else value
        if tensors[key].dtype not in FORMATS:
            raise WeightsError(f"{file} stores {key} as {value.dtype}; only fp32, fp16 and bf16 are read.")
    for wrapper in _WRAPPERS:
        if tensors and all(key.startswith(wrapper) for key in tensors):
            tensors = {key.removeprefix(wrapper): value for key, value in tensors.items()}
    return tensors
