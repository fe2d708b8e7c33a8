"""Noise schedule and solvers, on distributions whose perfect denoiser is known."""

import pytest
import torch
from torch import Tensor

from lipwright.diffusion.samplers import sample
from lipwright.diffusion.schedule import PREDICTIONS, SOLVERS, SPACINGS, Schedule
from lipwright.errors import OptionError, WeightsError

SPREAD = 0.3

# diffusers turns tensors into arrays in a way numpy 2 warns about (torch 2.13 has no `copy` in `__array__`).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _perfect(schedule: Schedule, clean: Tensor, spread: float):  # type: ignore[no-untyped-def]  # a closure
    """The best possible prediction when latents are normal around `clean`."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        kept = schedule.kept()[int(t.round())]
        variance = kept * spread**2 + 1 - kept
        estimate = clean + kept.sqrt() * spread**2 / variance * (x - kept.sqrt() * clean)
        noise = (x - kept.sqrt() * estimate) / (1 - kept).sqrt()
        if schedule.prediction_type == "epsilon":
            return noise
        return kept.sqrt() * noise - (1 - kept).sqrt() * estimate

    return denoise


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "lcm"])  # for distilled networks only
def test_every_solver_arrives(name: str, prediction: str, spacing: str) -> None:
    schedule = Schedule(prediction_type=prediction, spacing=spacing)
    generator = torch.Generator().manual_seed(1)
    clean = torch.randn(1, 4, 1, 2, 2, generator=generator).expand(-1, -1, 400, -1, -1)
    noise = torch.randn(1, 4, 400, 2, 2, generator=generator)
    errors = []
    for steps in (5, 20, 100, 500):
        found = sample(_perfect(schedule, clean, SPREAD), noise, schedule.solver(name, steps))
        errors.append(abs(float((found - clean).std()) / SPREAD - 1))
    # "leading" with few steps starts well below full noise, so the mean is asked of the last walk only.
    assert float((found - clean).mean(dim=2).abs().max()) < 4 * SPREAD / 400**0.5
    # Few steps give too little spread; it converges to the true one.
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[2] < 0.06
    assert errors[3] < 0.015


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_target_leads_back_to_the_clean_latents(prediction: str) -> None:
    schedule = Schedule(prediction_type=prediction)
    clean, noise, t = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2), torch.tensor([0, 500, 999])
    noisy = schedule.add_noise(clean, noise, t)
    found = schedule.clean_estimate(noisy, schedule.target(clean, noise, t), t)
    assert torch.allclose(found, clean, atol=1e-4)


def test_the_released_numbers() -> None:
    kept = Schedule().kept()
    assert float(kept[0]) == pytest.approx(0.99914998, abs=1e-7)
    steps = Schedule().solver("ddim", 20).timesteps.tolist()
    assert (steps[0], steps[1], steps[-1]) == (951, 901, 1)
    assert Schedule().solver("ddim", 7).timesteps[0] == 853  # whole-number ratio 142


def test_trailing_steps_start_at_full_noise() -> None:
    assert Schedule(spacing="trailing").solver("ddim", 4).timesteps.tolist() == [999, 749, 499, 249]


@pytest.mark.parametrize(("name", "steps"), [("other", 5), ("ddim", 0), ("ddim", 1001)])
def test_unknown_solvers_and_step_counts_are_refused(name: str, steps: int) -> None:
    with pytest.raises(OptionError):
        Schedule().solver(name, steps)


@pytest.mark.parametrize("settings", [{"prediction_type": "x"}, {"spacing": "x"}, {"beta": 1}])
def test_unknown_schedules_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(WeightsError):
        Schedule.from_json(settings)


def test_the_schedule_survives_its_json_form() -> None:
    schedule = Schedule(prediction_type="v_prediction", spacing="trailing")
    assert Schedule.from_json(schedule.to_json()) == schedule


def test_the_consistency_solver_draws_one_noise_for_all_frames_and_only_from_its_seed() -> None:
    noise = torch.zeros(1, 4, 3, 2, 2)

    def walk(seed: int) -> torch.Tensor:
        solver = Schedule().solver("lcm", 4, seed=seed)
        x = noise
        for t in solver.timesteps:
            x = solver.step(torch.zeros_like(x), t, x)
        return x

    found = walk(1)
    assert torch.equal(found, walk(1))
    assert not torch.equal(found, walk(2))
    assert torch.equal(found[:, :, 0], found[:, :, 2])
    with pytest.raises(OptionError, match="1 to 50"):
        Schedule().solver("lcm", 51)
