"""What a run tells while it goes: means over steps as a curve, lines, files, TensorBoard."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lipwright.errors import OptionError
from lipwright.training.curves import draw_curves, write_csv
from lipwright.training.fit_config import FitConfig
from lipwright.training.health import trouble, write_health

CURVE_FILE, PICTURE_FILE = "curve.csv", "curves.png"


class FitLog:
    """Sums since the last point of the curve, and the curve."""

    def __init__(self, name: str, config: FitConfig, folder: Path, say: Callable[[str], None]) -> None:
        self.curve: list[dict[str, float]] = []
        self._name, self._config, self._folder, self._say = name, config, folder, say
        self._sums: dict[str, float] = {}
        self._count = 0
        self._board = _board(folder) if config.tensorboard else None

    def add(self, parts: Mapping[str, Tensor], norm: Tensor, waited: float, seconds: float) -> None:
        """One step's distances, gradient norm, seconds spent waiting for clips, and in all."""
        found = {key: float(value) for key, value in parts.items()}
        found |= {"grad_norm": float(norm), "wait_share": waited, "step_s": seconds}
        for key, value in found.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._count += 1

    def share(self, mean: Callable[[Tensor], Tensor]) -> None:
        """Put the mean over all processes in place of this one's sums."""
        keys = sorted(self._sums)
        values = mean(torch.tensor([self._sums[key] for key in keys], dtype=torch.float64).float())
        self._sums = dict(zip(keys, values.tolist(), strict=True))

    def point(self, step: int, rate: float, figures: Mapping[str, float]) -> None:
        """Close the sums as a point of the curve."""
        means = {key: value / max(1, self._count) for key, value in self._sums.items()}
        if means:
            means["wait_share"] /= max(means["step_s"], 1e-9)
        point = {"step": float(step), **means, "rate": rate, **figures}
        self._sums.clear()
        self._count = 0
        self.curve.append(point)
        shown = " ".join(f"{key} {value:.4g}" for key, value in point.items() if key != "step")
        self._say(f"{self._name} {step}/{self._config.steps}: {shown}")
        if self._board is not None:
            for key, value in point.items():
                self._board.add_scalar(key, value, step)

    def write(self, alarms: Sequence[str], facts: Mapping[str, object]) -> None:
        """Curve, picture and health page."""
        write_csv(self._folder / CURVE_FILE, self.curve)
        draw_curves(self._folder / PICTURE_FILE, self.curve)
        found = [*alarms, *trouble(self.curve, self._config.clip_norm)]
        write_health(self._folder, f"Training of {self._name}", self.curve, facts, found)

    def state(self) -> dict[str, Any]:
        """For the run's state."""
        return {"curve": self.curve, "sums": dict(self._sums), "count": self._count}

    def resume(self, state: Mapping[str, Any], step: int) -> None:
        """Go on from a state."""
        self.curve, self._sums = list(state["curve"]), dict(state["sums"])
        self._count = int(state["count"])
        self._say(f"{self._name}: resumed at step {step}")


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise OptionError(
            "fit.tensorboard is on, but TensorBoard is not installed; run "
            "`pip install 'lipwright[tensorboard]'`."
        ) from error
    return SummaryWriter(folder / "tensorboard")
