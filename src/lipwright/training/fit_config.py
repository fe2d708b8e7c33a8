"""How a run is driven: steps, rates, precision, what is saved and when. The same for every network."""

from dataclasses import dataclass
from math import cos, pi

from lipwright.errors import OptionError
from lipwright.presenter.texts import EVALUATION_SEED

SCHEDULES = ("constant", "cosine", "linear")
CLOCKS = ("wall", "cpu")
PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class FitConfig:
    """The defaults are the released ones where the released code has the setting.

    batch: items of one process and one forward pass. accumulate: passes per step. rate: of AdamW; `schedule`
    brings it down to `last_rate` of itself after `warm_steps` of rising. ema: share of the averaged weights
    that each step keeps; 0 for no average (released). seconds: of training (checks not counted) after which
    the run ends before its steps; 0 for no limit. clock: "wall", or "cpu", this process's own processor time,
    which is fair where a machine is shared and nothing runs on a card. *_every in steps; 0 for
    never. workers: processes that read clips ahead; 0 reads in the trainer.
    """

    steps: int = 10_000
    seconds: float = 0.0
    clock: str = "wall"
    batch: int = 1
    accumulate: int = 1
    rate: float = 1e-5
    schedule: str = "constant"
    warm_steps: int = 0
    last_rate: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema: float = 0.0
    precision: str = "fp32"
    seed: int = 1247
    workers: int = 0
    log_every: int = 10
    check_every: int = 1000
    show_every: int = 10_000
    save_every: int = 1000
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name, least in (
            ("steps", 1),
            ("batch", 1),
            ("accumulate", 1),
            ("log_every", 1),
            ("save_every", 1),
        ):
            if getattr(self, name) < least:
                raise OptionError(f"fit.{name} is {getattr(self, name)}, but must be {least} or more.")
        for name in (
            "seconds",
            "warm_steps",
            "workers",
            "check_every",
            "show_every",
            "weight_decay",
            "clip_norm",
        ):
            if getattr(self, name) < 0:
                raise OptionError(f"fit.{name} is {getattr(self, name)}, but must be 0 or more.")
        self._check_values()

    def _check_values(self) -> None:
        if self.rate <= 0:
            raise OptionError(f"fit.rate is {self.rate:g}, but must be above 0.")
        if self.schedule not in SCHEDULES:
            raise OptionError(
                f"fit.schedule is {self.schedule!r}, but must be one of {', '.join(SCHEDULES)}."
            )
        if self.clock not in CLOCKS:
            raise OptionError(f"fit.clock is {self.clock!r}, but must be one of {', '.join(CLOCKS)}.")
        if self.precision not in PRECISIONS:
            raise OptionError(
                f"fit.precision is {self.precision!r}, but must be one of {', '.join(PRECISIONS)}."
            )
        if not 0 <= self.ema < 1:
            raise OptionError(f"fit.ema is {self.ema:g}, but must be from 0 to below 1.")
        if self.warm_steps >= self.steps:
            raise OptionError(
                f"fit.warm_steps is {self.warm_steps}, but must be below fit.steps, which is {self.steps}."
            )
        if not 0 <= self.seed < EVALUATION_SEED:
            raise OptionError(
                f"fit.seed is {self.seed}; seeds from {EVALUATION_SEED} up are for evaluation only."
            )

    def rate_at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        if step < self.warm_steps:
            return self.rate * (step + 1) / self.warm_steps
        part = min(1.0, (step - self.warm_steps) / max(1, self.steps - self.warm_steps))
        return self.rate * _falling(self.schedule, part, self.last_rate)


def _falling(schedule: str, part: float, last: float) -> float:
    if schedule == "constant":
        return 1.0

    left = 0.5 * (1 + cos(pi * part)) if schedule == "cosine" else 1 - part
    return last + (1 - last) * left
