"""The loop: what it reports, and how it is stopped."""

import pytest
import torch

from lipwright.diffusion.samplers import sample
from lipwright.diffusion.schedule import Schedule
from lipwright.errors import Cancelled

NOISE = torch.randn(1, 4, 2, 4, 4, generator=torch.Generator().manual_seed(0))


def test_every_step_is_reported_with_its_latents() -> None:
    seen = []
    found = sample(
        lambda x, t: x, NOISE, Schedule().solver("ddim", 5), lambda index, x: seen.append((index, x))
    )
    assert [index for index, _ in seen] == [0, 1, 2, 3, 4]
    assert torch.equal(seen[-1][1], found)


def test_a_job_is_cancelled_between_two_steps() -> None:
    calls = []

    def stop(index: int, latents: torch.Tensor) -> None:
        calls.append(index)
        if index == 1:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        sample(lambda x, t: x, NOISE, Schedule().solver("ddim", 5), stop)
    assert calls == [0, 1]
