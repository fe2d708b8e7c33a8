"""Which device computes, and in which number format: decided once per engine, passed everywhere."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lipwright.errors import OptionError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class DeviceChoice:
    """Where the networks live. Geometry and pasting stay fp32 on the CPU whatever this says."""

    device: "torch.device"
    dtype: "torch.dtype"


def choose_device(name: str | None = None, dtype: str | None = None) -> DeviceChoice:
    """Choose the device and the number format of the networks.

    `name`: "cpu", "cuda", "cuda:N", "mps", or None for the best one present (cuda, then mps, then cpu).
    `dtype`: "fp32", "bf16", "fp16", or None: bf16 on a CUDA device that computes it, fp16 on an older one,
    fp32 elsewhere.
    Raises OptionError when the device is unknown or absent, or the format is unknown.
    """
    import torch

    device = _device(name)
    formats = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if dtype is not None and dtype not in formats:
        raise OptionError(f"dtype is {dtype!r}, but must be one of {', '.join(formats)}.")
    if dtype is None:
        dtype = "fp32"
        if device.type == "cuda":
            with torch.cuda.device(device):
                dtype = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return DeviceChoice(device, formats[dtype])


def _device(name: str | None) -> "torch.device":
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name is None:
        name = next(kind for kind, there in present.items() if there)
    kind, _, index = name.partition(":")
    if kind not in present or (index and not (kind == "cuda" and index.isdigit())):
        raise OptionError(f"device is {name!r}, but must be cpu, cuda, cuda:N or mps.")
    if not present[kind]:
        found = ", ".join(known for known, there in present.items() if there)
        raise OptionError(f"device is {name!r}, but this machine has only {found}.")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if index and int(index) >= count:
        raise OptionError(f"device is {name!r}, but this machine has {count} CUDA devices.")
    return torch.device(name)


def computes_bf16() -> bool:
    """Whether this CPU has bfloat16 units. Without them that format is emulated, 25 times slower than fp32
    (measured on an AVX2 machine, torch 2.13).
    """
    import torch

    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is None:  # before torch 2.9
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    found = ask()
    return any(bool(found.get(unit, False)) for unit in ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16"))


def quick_autocast() -> "torch.autocast":
    """Networks that train on a CPU compute in bf16 where it has units for that, else as they are."""
    import torch

    return torch.autocast("cpu", torch.bfloat16, enabled=computes_bf16())
