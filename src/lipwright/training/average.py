"""An exponential moving average of the trained weights, put into the network while it is looked at."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Averages of named parameters in float32; early on they follow faster than `keep` says."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], keep: float) -> None:
        self._parameters = dict(parameters)
        self._keep = keep
        self.values: dict[str, Tensor] = {
            name: parameter.detach().float().clone() for name, parameter in parameters.items()
        }

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move towards the present weights, after step number `step`."""
        keep = min(self._keep, (1 + step) / (10 + step))
        for name, parameter in self._parameters.items():
            self.values[name].lerp_(parameter.detach().float(), 1 - keep)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within the block the network holds the averaged weights."""
        before = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self._put(self.values)
        try:
            yield
        finally:
            self._put(before)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take over saved averages."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(values[name].to(parameter))
