"""What every training stage shares: schedule, running averages, curves, checkpoints that resume exactly."""

import copy
import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lipwright.errors import LipwrightError

SAVE_EVERY_S = 120.0
LOG_EVERY = 50


def cosine_rate(step: int, steps: int, rate: float, warm: int = 100) -> float:
    """Linear warm-up, then half a cosine to a hundredth of the rate."""
    if step < warm:
        return rate * (step + 1) / warm
    part = (step - warm) / max(1, steps - warm)
    return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, part))))


@torch.no_grad()
def average_into(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Exponential moving average of the weights; buffers are copied."""
    for old, new in zip(average.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - keep)
    for kept, now in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(now)


@dataclass
class Stage:
    """One network, its optimiser, its randomness and its curve, saved and resumed together."""

    name: str
    network: nn.Module
    folder: Path
    steps: int
    rate: float
    seed: int
    ema: float | None = None
    weight_decay: float = 0.01
    trained: list[nn.Parameter] | None = None
    say: Callable[[str], None] = print
    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chosen = list(self.network.parameters()) if self.trained is None else self.trained
        self.parameters = chosen
        self.optimiser = torch.optim.AdamW(
            chosen, lr=self.rate, betas=(0.9, 0.98), weight_decay=self.weight_decay
        )
        self.generator = torch.Generator().manual_seed(self.seed)
        self.average = (
            copy.deepcopy(self.network).eval().requires_grad_(False) if self.ema is not None else None
        )
        self.state_file = self.folder / f"{self.name}.state.pt"
        self._sums: dict[str, float] = {}
        self._saved = time.monotonic()
        if self.state_file.exists():
            self._resume()

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(self.state_file, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.step, self.curve = int(state["step"]), list(state["curve"])
        self._sums = dict(state.get("sums", {}))  # of the next point of the curve
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.say(f"{self.name}: resumed at step {self.step}")

    def save(self) -> None:
        """Write the state beside the old one and rename it into place."""
        state = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "curve": self.curve,
            "sums": self._sums,
            "average": None if self.average is None else self.average.state_dict(),
        }
        part = self.state_file.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.state_file)
        self._saved = time.monotonic()

    @property
    def result(self) -> nn.Module:
        """The averaged weights where an average is kept, otherwise the trained ones."""
        return self.network if self.average is None else self.average

    def run(
        self,
        losses: Callable[[torch.Generator], dict[str, Tensor]],
        check: Callable[[], dict[str, float]] | None = None,
    ) -> None:
        """Train to the last step. `losses` returns named parts; the part named `loss` is minimised.

        Raises LipwrightError when the loss is not a number (the last good state stays on disk).
        """
        began, first = time.monotonic(), self.step
        while self.step < self.steps:
            for group in self.optimiser.param_groups:
                group["lr"] = cosine_rate(self.step, self.steps, self.rate)
            parts = losses(self.generator)
            loss = parts["loss"]
            if not torch.isfinite(loss):
                raise LipwrightError(
                    f"the loss of {self.name} is not a number at step {self.step}; lower its rate"
                )
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimiser.step()
            self.step += 1
            if self.average is not None and self.ema is not None:
                average_into(self.average, self.network, min(self.ema, (1 + self.step) / (10 + self.step)))
            for key, value in parts.items():
                self._sums[key] = self._sums.get(key, 0.0) + float(value.detach())
            if self.step % LOG_EVERY == 0 or self.step == self.steps:
                self._log(began, first, check)
            if time.monotonic() - self._saved > SAVE_EVERY_S or self.step == self.steps:
                self.save()
        self.write_curve()

    def _log(self, began: float, first: int, check: Callable[[], dict[str, float]] | None) -> None:
        count = (self.step - 1) % LOG_EVERY + 1
        point = {"step": float(self.step), **{key: value / count for key, value in self._sums.items()}}
        self._sums.clear()
        if check is not None and (self.step % (LOG_EVERY * 10) == 0 or self.step == self.steps):
            point.update(check())
        self.curve.append(point)
        if self.step % (LOG_EVERY * 4) == 0 or self.step == self.steps:
            speed = (time.monotonic() - began) / max(1, self.step - first)
            numbers = " ".join(f"{key} {value:.4f}" for key, value in point.items() if key != "step")
            self.say(f"{self.name} {self.step}/{self.steps} ({speed * 1000:.0f} ms/step): {numbers}")

    def write_curve(self) -> Path:
        """The curve as CSV beside the state."""
        path = self.folder / f"{self.name}.csv"
        keys = list(dict.fromkeys(key for point in self.curve for key in point))
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, keys)
            writer.writeheader()
            writer.writerows(self.curve)
        return path
