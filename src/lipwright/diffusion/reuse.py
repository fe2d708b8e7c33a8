"""Step reuse (DeepCache): neighbouring steps share their deep features, so most steps cost a tenth."""

from jaxtyping import Float, Int
from torch import Tensor

from lipwright.errors import OptionError
from lipwright.models.unet import UNet3D

INTERVAL = 3
"""Steps per full one in the released command lines."""


class StepReuse:
    """The network over one walk of one window: every `interval`-th step in full, the others on stored
    deep features.

    As released (branch 0): step 0 is full. On a cached step the first convolution, the time embedding, the
    last residual block and spatial transformer on the way up, its temporal module and the output are
    computed afresh. Solvers must ask once per step.
    """

    def __init__(self, network: UNet3D, interval: int = INTERVAL) -> None:
        if interval < 1:
            raise OptionError(f"the reuse interval is {interval}, but must be 1 or more")
        self._network = network
        self._interval = interval
        self._steps = 0
        self._deep: Tensor | None = None

    def __call__(
        self,
        x: Float[Tensor, "b 13 f h w"],
        t: Int[Tensor, "#b"],
        audio: Float[Tensor, "b f n d"] | None,
    ) -> Float[Tensor, "b 4 f h w"]:
        """As the network itself; stateful: it counts its calls."""
        full = self._steps % self._interval == 0
        self._steps += 1
        prediction, self._deep = self._network.predict(x, t, audio, None if full else self._deep)
        return prediction
