"""Comparing what we compute with what was recorded, array by array."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lipwright.device import DeviceChoice
from lipwright.verify.record import Record

GREY_OUTLIERS = 0.002
"""Share of the values of a picture that may be two levels off where one is allowed."""

PASSED, FAILED = "passed", "failed"
Value = Tensor | NDArray[Any] | float


@dataclass(frozen=True)
class ArrayError:
    """How far one array is off. `max_abs_error` is infinite when shapes differ or values are not finite."""

    max_abs_error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.max_abs_error <= self.tolerance


@dataclass
class SetResult:
    """What became of one set. `reason`: why it failed other than by an array; empty otherwise."""

    name: str
    kind: str
    arrays: dict[str, ArrayError] = field(default_factory=dict)
    not_compared: list[str] = field(default_factory=list)
    reason: str = ""

    @property
    def status(self) -> str:
        """PASSED when something was compared and everything fits."""
        fine = self.arrays and not self.reason and all(row.passed for row in self.arrays.values())
        return PASSED if fine else FAILED


class Check:
    """One set being recomputed: its record, the device, the comparisons made so far."""

    def __init__(self, record: Record, choice: DeviceChoice) -> None:
        self.record = record
        self.choice = choice
        self.rows: dict[str, ArrayError] = {}

    def tensor(self, name: str, dtype: torch.dtype | None = None) -> Tensor:
        """A recorded input on the device, floats in the number format asked for (default: the device's)."""
        return self.on_device(self.record[name], dtype)

    def on_device(self, array: NDArray[Any], dtype: torch.dtype | None = None) -> Tensor:
        """An array as a tensor on the device; floats in the number format, integers as they are."""
        tensor = torch.from_numpy(np.array(array))
        if tensor.is_floating_point():
            tensor = tensor.to(self.choice.dtype if dtype is None else dtype)
        return tensor.to(self.choice.device)

    def array(self, name: str, found: Value, tolerance: float) -> None:
        """Compare with the recorded array `name`."""
        self.value(name, found, self.record[name], tolerance)

    def relative(self, name: str, found: Value, tolerance: float) -> None:
        """As `array`, the tolerance in units of the recorded array's standard deviation."""
        recorded = self.record[name]
        self.value(name, found, recorded, tolerance * float(np.std(recorded, dtype=np.float64)))

    def grey(self, name: str, found: Value, level: float = 1.0) -> None:
        """As `array` for pictures: one grey level, two on at most 0.2 % of the values. level: its size."""
        recorded, ours = _numbers(self.record[name]), _numbers(found)
        tolerance = level
        if ours.shape == recorded.shape:
            off = np.abs(ours - recorded) > level
            if off.any() and off.mean() <= GREY_OUTLIERS:
                tolerance = 2 * level
        self.value(name, ours, recorded, tolerance)

    def value(self, name: str, found: Value, recorded: Value, tolerance: float) -> None:
        """Compare any two values; one name may be compared in parts, the worst counts."""
        ours, theirs = _numbers(found), _numbers(recorded)
        error = float("inf")
        if ours.shape == theirs.shape:
            error = float(np.max(np.abs(ours - theirs), initial=0.0))
            error = error if np.isfinite(error) else float("inf")
        row = ArrayError(error, tolerance)
        before = self.rows.get(name)
        if before is None or _badness(row) > _badness(before):
            self.rows[name] = row

    def statistics(
        self, name: str, found: Value, recorded: Sequence[float], order: Sequence[str], tolerance: float
    ) -> None:
        """Compare figures of an array that was not stored itself. Sums are taken per value."""
        ours = figures(found)
        count = _numbers(found).size
        per = {"sum": count, "l2": np.sqrt(count)}
        for key, value in zip(order, recorded, strict=True):
            if key in ours:
                self.value(name, ours[key] / per.get(key, 1), value / per.get(key, 1), tolerance)


def figures(found: Value) -> Mapping[str, float]:
    """Mean, deviation, extremes, length and sum of an array, in double precision."""
    values = _numbers(found)
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "l2": float(np.sqrt(np.square(values).sum())),
        "sum": float(values.sum()),
    }


def _numbers(value: Value) -> NDArray[np.float64]:
    if isinstance(value, Tensor):
        value = value.detach().to("cpu", torch.float64).numpy()
    return np.asarray(value, np.float64)


def _badness(row: ArrayError) -> float:
    if row.tolerance > 0:
        return row.max_abs_error / row.tolerance
    return float("inf") if row.max_abs_error > 0 else 0.0
