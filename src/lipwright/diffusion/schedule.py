"""How much noise each training step adds, and the solvers that walk back: diffusers' schedulers by name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from lipwright.diffusion.noise import shared_noise, window_generator
from lipwright.errors import OptionError, WeightsError

SOLVERS = ("ddim", "dpmpp-2m", "unipc", "euler", "lcm")
TRAINING_STEPS = 1000
LCM_STEPS = 50  # of the schedule that consistency models are distilled on
PREDICTIONS = ("epsilon", "v_prediction")
SPACINGS = ("leading", "trailing")


class Solver(Protocol):
    """One walk from noise to latents: its time steps (descending) and a step. Made anew for each window."""

    timesteps: Tensor
    start_scale: float

    def network_input(self, x: Tensor, t: Tensor) -> Tensor: ...

    def step(self, prediction: Tensor, t: Tensor, x: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Schedule:
    """The schedule a network was trained with (a property of its bundle); the defaults are the released ones.

    Betas are linear in their square roots. `spacing` places the steps of ddim and euler: "leading" as
    released (k * floor(1000/n) + 1), "trailing" from step 999 down. The multistep solvers always trail:
    the library's "leading" leaves out the noisiest part for them, at many steps up to half of the schedule.
    """

    prediction_type: str = "epsilon"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    spacing: str = "leading"

    def __post_init__(self) -> None:
        if self.prediction_type not in PREDICTIONS:
            known = ", ".join(PREDICTIONS)
            raise WeightsError(
                f"the model predicts {self.prediction_type!r}, which is unknown; known: {known}"
            )
        if self.spacing not in SPACINGS:
            known = ", ".join(SPACINGS)
            raise WeightsError(f"the model's step spacing {self.spacing!r} is unknown; known: {known}")

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "Schedule":
        """From a bundle's mapping; what is absent keeps its default. Raises WeightsError when unknown."""
        if unknown := sorted(set(settings) - set(asdict(cls()))):
            raise WeightsError(f"the model's noise schedule has unknown settings: {', '.join(unknown)}")
        return cls(**settings)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def kept(self) -> Float[Tensor, " 1000"]:
        """alpha-bar: the share of the signal's power that is left after each training step."""
        root = torch.linspace(self.beta_start**0.5, self.beta_end**0.5, TRAINING_STEPS, dtype=torch.float32)
        return torch.cumprod(1 - root**2, dim=0)

    def add_noise(
        self, clean: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], t: Int[Tensor, " b"]
    ) -> Float[Tensor, "b ..."]:
        """sqrt(abar) clean + sqrt(1 - abar) noise, one time step per batch item."""
        signal, spread = self._shares(t, clean)
        return signal * clean + spread * noise

    def target(
        self, clean: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], t: Int[Tensor, " b"]
    ) -> Float[Tensor, "b ..."]:
        """What the network predicts: the noise, or the velocity sqrt(abar) noise - sqrt(1 - abar) clean."""
        if self.prediction_type == "epsilon":
            return noise
        signal, spread = self._shares(t, clean)
        return signal * noise - spread * clean

    def clean_estimate(
        self, noisy: Float[Tensor, "b ..."], prediction: Float[Tensor, "b ..."], t: Int[Tensor, " b"]
    ) -> Float[Tensor, "b ..."]:
        """The clean latents that a prediction implies, not clipped."""
        signal, spread = self._shares(t, noisy)
        if self.prediction_type == "epsilon":
            return (noisy - spread * prediction) / signal
        return signal * noisy - spread * prediction

    def _shares(self, t: Int[Tensor, " b"], like: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.kept().to(t.device)[t].to(like)
        kept = rearrange(kept, "b -> b" + " 1" * (like.ndim - 1))
        return kept.sqrt(), (1 - kept).sqrt()

    def sampler_times(self, steps: int) -> Int[Tensor, " steps"]:
        """The training steps at which a DDIM sampler of so many steps calls the network, descending."""
        return self.solver("ddim", steps).timesteps.long()

    def solver(self, name: str, steps: int, *, seed: int = 0) -> Solver:
        """A fresh solver of that many steps. Raises OptionError: unknown name, step count out of range.

        `seed` steers the noise that "lcm" adds between steps; the others draw nothing.
        """
        if name not in SOLVERS:
            raise OptionError(f"unknown solver {name!r}; known: {', '.join(SOLVERS)}")
        most = LCM_STEPS if name == "lcm" else TRAINING_STEPS
        if not 1 <= steps <= most:
            raise OptionError(f"{steps} steps asked for; the number of steps of {name} is 1 to {most}")
        if name == "lcm":
            return _ConsistencySolver(_scheduler(name, self), steps, window_generator(seed, 0))
        return _LibrarySolver(_scheduler(name, self), steps)


class _LibrarySolver:
    """A diffusers scheduler behind our interface. Its arithmetic stays in the precision of the latents."""

    def __init__(self, scheduler: Any, steps: int) -> None:
        scheduler.set_timesteps(steps)
        self._scheduler = scheduler
        self.timesteps: Tensor = scheduler.timesteps
        self.start_scale = float(scheduler.init_noise_sigma)

    def network_input(self, x: Tensor, t: Tensor) -> Tensor:
        scaled: Tensor = self._scheduler.scale_model_input(x, t)
        return scaled

    def step(self, prediction: Tensor, t: Tensor, x: Tensor) -> Tensor:
        previous: Tensor = self._scheduler.step(prediction, t, x, return_dict=False)[0]
        return previous


class _ConsistencySolver(_LibrarySolver):
    """Latent consistency: each step goes to clean latents and back to less noise, for networks distilled so.

    The noise between steps is one draw for all frames, like the noise at the start: a face must not flicker.
    """

    def __init__(self, scheduler: Any, steps: int, generator: torch.Generator) -> None:
        super().__init__(scheduler, steps)
        self._left = list(self.timesteps[1:])
        self._generator = generator

    def step(self, prediction: Tensor, t: Tensor, x: Tensor) -> Tensor:
        unused = torch.Generator(x.device).manual_seed(0)  # for the library's own draw, which flickers
        clean: Tensor = self._scheduler.step(prediction, t, x, generator=unused, return_dict=False)[1]
        if not self._left:
            return clean
        draw = shared_noise(self._generator, *x.shape[-2:]).to(x).expand(x.shape)
        noisy: Tensor = self._scheduler.add_noise(clean, draw, self._left.pop(0).reshape(1))
        return noisy


def _scheduler(name: str, schedule: Schedule) -> Any:
    shared = {
        "num_train_timesteps": TRAINING_STEPS,
        "beta_start": schedule.beta_start,
        "beta_end": schedule.beta_end,
        "beta_schedule": "scaled_linear",
        "prediction_type": schedule.prediction_type,
        "timestep_spacing": schedule.spacing,
        "steps_offset": 1,
    }
    if name == "ddim":
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        return DDIMScheduler(**shared, clip_sample=False, set_alpha_to_one=False)
    if name == "dpmpp-2m":
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        shared["timestep_spacing"] = "trailing"
        return DPMSolverMultistepScheduler(**shared, algorithm_type="dpmsolver++", solver_order=2)
    if name == "unipc":
        from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

        shared["timestep_spacing"] = "trailing"
        return UniPCMultistepScheduler(**shared, solver_order=2)
    if name == "lcm":
        from diffusers.schedulers.scheduling_lcm import LCMScheduler

        return LCMScheduler(**shared, set_alpha_to_one=False, original_inference_steps=LCM_STEPS)
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

    return EulerDiscreteScheduler(**shared)
