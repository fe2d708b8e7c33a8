"""A task small enough to train in milliseconds, driven by the real loop; also run as a program, by several
processes together.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lipwright.training.draws import item_generator
from lipwright.training.fit import Items, fit, make_accelerator
from lipwright.training.fit_config import FitConfig

SEED = 5


def item(number: int) -> Items:
    """Four numbers; the first two, doubled, are to be found."""
    return {"x": torch.randn(4, generator=item_generator(SEED, number, "x")), "number": torch.tensor(number)}


class ToyTask:
    """See `Task`. nan_at: the item whose loss is no number. seen: items in order."""

    name = "toy"

    def __init__(self, nan_at: int | None = None, stop_at: int | None = None, width: int = 8) -> None:
        torch.manual_seed(3)
        self.network: nn.Module = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2))
        self.nan_at, self.stop_at, self.width = nan_at, stop_at, width
        self.seen: list[int] = []
        self.lost: list[float] = []

    @property
    def item(self) -> Callable[[int], Items]:
        return item

    def trained(self) -> Mapping[str, nn.Parameter]:
        return dict(self.network.named_parameters())

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        numbers = batch["number"].tolist()
        if self.stop_at is not None and self.stop_at in numbers:
            raise KeyboardInterrupt
        self.seen += numbers
        loss = (network(batch["x"]).float() - batch["x"][:, :2] * 2).square().mean()
        if self.nan_at in numbers:
            loss = loss * float("nan")
        self.lost.append(float(loss.detach()))
        return {"loss": loss, "half": loss / 2}

    def check(self) -> dict[str, float]:
        return {"held": float(self.network(torch.ones(1, 4)).sum())}

    def show(self, folder: Path, step: int) -> None:
        (folder / f"shown-{step}.txt").write_text("look")

    def identity(self) -> dict[str, Any]:
        return {"network": {"width": self.width}}

    def alarms(self, curve: Sequence[Mapping[str, float]]) -> list[str]:
        return ["Toys are not alarmed."] if len(curve) > 2 else []


def main(folder: Path, settings: str, out: Path) -> None:
    """Train in however many processes the environment says; the first one writes what came out."""
    config = FitConfig(**json.loads(settings))
    accelerator = make_accelerator(config, "cpu")
    task = ToyTask()
    curve = fit(task, config, folder, accelerator, lambda line: None)
    if accelerator.is_main_process:
        weights = {name: value.detach() for name, value in task.network.named_parameters()}
        torch.save({"curve": curve, "weights": weights, "seen": task.seen}, out)
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
