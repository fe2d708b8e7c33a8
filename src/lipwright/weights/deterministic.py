"""Weights drawn by a fixed rule (`detw-v1`): anyone can repeat them, so recorded outputs need no checkpoint.

For every key, a PCG64 generator seeded with the CRC-32 of the key draws a standard normal array; biases are
scaled by 0.02, one-dimensional scales become 1 + 0.1 draw, everything else is divided by sqrt(fan in).
"""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

# Fixed tables keep the values the architecture defines.
KEPT = ("pos_encoder.pe", "encoder.positional_embedding")


def stream(name: str, shape: Sequence[int]) -> NDArray[np.float32]:
    """The raw normal draw belonging to a name."""
    bits = np.random.PCG64(zlib.crc32(name.encode("utf-8")))
    return np.random.Generator(bits).standard_normal(tuple(shape), dtype=np.float32)


def weight(key: str, shape: Sequence[int]) -> NDArray[np.float32]:
    """The tensor of a state-dict key."""
    draw = stream(key, shape)
    if key.rsplit(".", 1)[-1].endswith("bias"):
        return draw * np.float32(0.02)
    if len(shape) < 2:
        return np.float32(1.0) + draw * np.float32(0.1)
    fan_in = np.prod(shape[1:], dtype=np.int64)
    return np.asarray(draw / np.float32(np.sqrt(fan_in)), dtype=np.float32)


def test_input(name: str, shape: Sequence[int]) -> NDArray[np.float32]:
    """An input that is named in a golden set but not stored there."""
    return stream("input:" + name, shape)


test_input.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


def fill(model: torch.nn.Module, *, prefix: str = "", skip: Sequence[str] = KEPT) -> None:
    """Overwrites every tensor of a model's state dict by the rule, in place.

    `prefix` is put before each key first: for a model that is part of a larger checkpoint.
    """
    for key, tensor in model.state_dict().items():
        name = prefix + key
        if not name.endswith(tuple(skip)):
            tensor.copy_(torch.from_numpy(weight(name, tuple(tensor.shape))))
