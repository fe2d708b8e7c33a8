"""From noise to latents: one plain loop over any denoiser and any solver."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from lipwright.diffusion.schedule import Solver

Denoise = Callable[[Float[Tensor, "b 4 f y x"], Int[Tensor, ""]], Float[Tensor, "b 4 f y x"]]


def sample(
    denoise: Denoise,
    noise: Float[Tensor, "b 4 f y x"],
    solver: Solver,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Float[Tensor, "b 4 f y x"]:
    """Walk from `noise` (spread 1) to latents with a fresh solver.

    on_step(index, latents) is called after each step; what it raises ends the walk (that is how a job is
    cancelled between two steps).
    """
    x = noise * solver.start_scale
    for index, t in enumerate(solver.timesteps):
        x = solver.step(denoise(solver.network_input(x, t), t), t, x)
        if on_step is not None:
            on_step(index, x)
    return x
