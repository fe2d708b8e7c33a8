"""The training loop of every network: one process or many, any precision, resumed exactly.

What is random comes from item numbers (draws.py), so a state is weights, optimiser, averages, counters. In a
run of n processes each takes its share of the same items.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from lipwright.errors import LipwrightError, OptionError
from lipwright.training.average import Average
from lipwright.training.fit_config import FitConfig
from lipwright.training.fit_log import FitLog
from lipwright.training.run_state import load_state, save_state

Items = dict[str, Tensor]
Say = Callable[[str], None]
_ACCELERATE = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
BAD_BATCH_FILE = "bad-batch.pt"


class Task(Protocol):
    """One network to train, and what it is trained on."""

    name: str
    network: nn.Module

    @property
    def item(self) -> Callable[[int], Items]:
        """Makes the tensors of one item from its number; sent to the workers that read ahead."""
        ...

    def trained(self) -> Mapping[str, nn.Parameter]:
        """What the optimiser moves, by name."""
        ...

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        """Named distances of a batch; the one called `loss` is minimised. network: called for gradients."""
        ...

    def check(self) -> dict[str, float]:
        """Figures on held-out clips."""
        ...

    def show(self, folder: Path, step: int) -> None:
        """Render something to look at; may do nothing."""
        ...

    def identity(self) -> dict[str, Any]:
        """What a state must have been made with to fit this run."""
        ...

    def alarms(self, curve: Sequence[Mapping[str, float]]) -> list[str]:
        """What is wrong with the run, in sentences with advice."""
        ...


class _ItemSet(Dataset[Items]):
    def __init__(self, item: Callable[[int], Items]) -> None:
        self._item = item

    def __getitem__(self, number: int) -> Items:
        return self._item(number)


class _Numbers(Sampler[int]):
    """Item numbers of one process, from a pass on. A pass of all processes together is one run of numbers."""

    def __init__(self, first_pass: int, passes: int, batch: int, rank: int, world: int) -> None:
        self._span = (first_pass, passes, batch, rank, world)

    def __iter__(self) -> Iterator[int]:
        first, passes, batch, rank, world = self._span
        for number in range(first, passes):
            start = (number * world + rank) * batch
            yield from range(start, start + batch)

    def __len__(self) -> int:
        first, passes, batch, _, _ = self._span
        return max(0, passes - first) * batch


def make_accelerator(config: FitConfig, device: str | None) -> Accelerator:
    """The processes, device and precision of a run. Raises OptionError for what this machine cannot do."""
    on_cpu = device == "cpu" or (device is None and not torch.cuda.is_available())
    if config.precision == "fp16" and on_cpu:
        raise OptionError(
            "fit.precision is 'fp16', but a CPU trains in fp32 or bf16 only; choose one of them."
        )
    if device is not None and device.startswith("cuda") and not torch.cuda.is_available():
        raise OptionError(
            f"device is {device!r}, but this machine has no CUDA device; leave it out or say cpu."
        )
    AcceleratorState._reset_state()  # an earlier run of this process may have had another precision
    return Accelerator(cpu=on_cpu, mixed_precision=_ACCELERATE[config.precision])


def fit(
    task: Task, config: FitConfig, folder: Path, accelerator: Accelerator, say: Say = print
) -> list[dict[str, float]]:
    """Train to the last step or second, resuming from `folder` when it holds this run's state.

    Returns the curve. Raises LipwrightError when a loss is no number (the batch is saved, the last state
    stays), OutputError when the disk is full, OptionError or WeightsError for another run's state.
    """
    return _Run(task, config, folder, accelerator, say).to_the_end()


class _Run:
    def __init__(
        self, task: Task, config: FitConfig, folder: Path, accelerator: Accelerator, say: Say
    ) -> None:
        self.task, self.config, self.folder, self.accelerator = task, config, folder, accelerator
        folder.mkdir(parents=True, exist_ok=True)
        self.parameters = dict(task.trained())
        if not self.parameters:
            raise OptionError(f"Nothing of {task.name} is trained; name parts that it has.")
        optimiser = torch.optim.AdamW(
            list(self.parameters.values()),
            lr=config.rate,
            betas=(config.beta1, config.beta2),
            eps=config.eps,
            weight_decay=config.weight_decay,
        )
        task.network.to(accelerator.device)
        self.network, self.optimiser = accelerator.prepare(task.network, optimiser)
        self.average = Average(self.parameters, config.ema) if config.ema > 0 else None
        self.step, self.seconds = 0, 0.0
        self.log = FitLog(task.name, config, folder, say if accelerator.is_main_process else _silent)
        self._resume()

    def identity(self) -> dict[str, Any]:
        kept = (
            "batch",
            "accumulate",
            "rate",
            "schedule",
            "warm_steps",
            "ema",
            "seed",
            "precision",
            "weight_decay",
        )
        own = {name: getattr(self.config, name) for name in kept}
        own["batch"] = self.config.batch * self.accelerator.num_processes  # of all processes together
        return {"task": self.task.name, "fit": own, **self.task.identity()}

    def _resume(self) -> None:
        state = load_state(self.folder, self.identity())
        if state is None:
            return
        with torch.no_grad():
            for name, value in state["weights"].items():
                self.parameters[name].copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load(state["average"])
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.log.resume(state["log"], self.step)

    def save(self) -> None:
        """Write the state; only the first process does."""
        if self.accelerator.is_main_process:
            scaler = self.accelerator.scaler
            state = {
                "weights": {name: value.detach() for name, value in self.parameters.items()},
                "optimiser": self.optimiser.state_dict(),
                "average": {} if self.average is None else self.average.values,
                "scaler": {} if scaler is None else scaler.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "log": self.log.state(),
            }
            save_state(self.folder, self.identity(), state)
        self.accelerator.wait_for_everyone()

    def to_the_end(self) -> list[dict[str, float]]:
        config = self.config
        finished = self.step >= config.steps or self._out_of_time()
        batches = iter(self._batches())
        while not finished:
            began, counted = time.monotonic(), _clock(config)
            parts, norm, waited = self._one_step(batches)
            self.step += 1
            self.seconds += _clock(config) - counted
            self.log.add(parts, norm, waited, time.monotonic() - began)
            finished = self.step >= config.steps or self._out_of_time()
            self._look(finished)
        self._put_average()
        return self.log.curve

    def _one_step(self, batches: Iterator[Items]) -> tuple[dict[str, Tensor], Tensor, float]:
        config, waited = self.config, 0.0
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate_at(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for number in range(config.accumulate):
            began = time.monotonic()
            batch = {key: value.to(self.accelerator.device) for key, value in next(batches).items()}
            waited += time.monotonic() - began
            last = number == config.accumulate - 1
            with nullcontext() if last else self.accelerator.no_sync(self.network):
                with self.accelerator.autocast():
                    parts = self.task.losses(self.network, batch)
                self._stop_if_no_number(parts["loss"], batch, parts)
                self.accelerator.backward(parts["loss"] / config.accumulate)
            for key, value in parts.items():
                sums[key] = (
                    sums.get(key, torch.zeros_like(value.detach())) + value.detach() / config.accumulate
                )
        limit = config.clip_norm if config.clip_norm > 0 else float("inf")
        norm = self.accelerator.clip_grad_norm_(list(self.parameters.values()), limit)
        if self.accelerator.scaler is None:  # a scaler steps over gradients that overflow
            self._stop_if_no_number(norm, batch, parts)
        self.optimiser.step()
        if self.average is not None:
            self.average.follow(self.step + 1)
        return sums, norm, waited

    def _batches(self) -> Iterator[Items]:
        config, world = self.config, self.accelerator.num_processes
        passes = (self.step * config.accumulate, config.steps * config.accumulate)
        numbers = _Numbers(*passes, config.batch, self.accelerator.process_index, world)
        settings: dict[str, Any] = {"multiprocessing_context": "spawn"} if config.workers else {}
        loader = DataLoader(
            _ItemSet(self.task.item),
            batch_size=config.batch,
            sampler=numbers,
            num_workers=config.workers,
            **settings,
        )
        yield from loader

    def _look(self, finished: bool) -> None:
        """Log, check, show and save where the step asks for it."""
        config, step = self.config, self.step
        checks = finished or (config.check_every > 0 and step % config.check_every == 0)
        shows = config.show_every > 0 and (finished or step % config.show_every == 0)
        logs = checks or step % config.log_every == 0
        if logs and self.accelerator.num_processes > 1:
            self.log.share(lambda value: self.accelerator.reduce(value, "mean"))
        figures: dict[str, float] = {}
        if (checks or shows) and self.accelerator.is_main_process:
            shown = self.average.shown() if self.average is not None else nullcontext()
            with shown, torch.no_grad(), self.accelerator.autocast():
                self.task.network.eval()
                figures = self.task.check() if checks else {}
                if shows:
                    self.task.show(self.folder, step)
                self.task.network.train()
        if logs:
            self.log.point(step, config.rate_at(step - 1), figures)
        if logs and self.accelerator.is_main_process:
            self.log.write(self.task.alarms(self.log.curve), self._facts())
        if finished or step % config.save_every == 0:
            self.save()

    def _facts(self) -> dict[str, object]:
        return {
            "step": f"{self.step} of {self.config.steps}",
            "training seconds": round(self.seconds, 1),
            "processes": self.accelerator.num_processes,
            "device, precision": f"{self.accelerator.device}, {self.config.precision}",
            "values trained": f"{sum(p.numel() for p in self.parameters.values()):,}",
            "items per step": self.config.batch * self.config.accumulate * self.accelerator.num_processes,
        }

    def _out_of_time(self) -> bool:
        if self.config.seconds <= 0:
            return False
        over = torch.tensor(float(self.seconds >= self.config.seconds), device=self.accelerator.device)
        return bool(self._over_all(over) > 0)

    def _stop_if_no_number(self, value: Tensor, batch: Items, parts: Mapping[str, Tensor]) -> None:
        bad = 1.0 - torch.isfinite(value.detach()).float()
        if self._over_all(bad) == 0:
            return
        file = self.folder / BAD_BATCH_FILE
        if float(bad) > 0:
            losses = {key: float(part.detach()) for key, part in parts.items()}
            torch.save({"step": self.step, "batch": batch, "losses": losses}, file)
        raise LipwrightError(
            f"The loss of {self.task.name} is not a number at step {self.step}; its batch is in {file} and "
            "the last state is whole: lower fit.rate, or use fp32, and run again."
        )

    def _over_all(self, value: Tensor) -> Tensor:
        if self.accelerator.num_processes == 1:
            return value
        total: Tensor = self.accelerator.reduce(value, "sum")
        return total

    def _put_average(self) -> None:
        """The averaged weights are the result."""
        if self.average is not None:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(self.average.values[name].to(parameter))


def _clock(config: FitConfig) -> float:
    return time.process_time() if config.clock == "cpu" else time.monotonic()


def _silent(line: str) -> None:
    del line
