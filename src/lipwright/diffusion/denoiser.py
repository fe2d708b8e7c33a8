"""The network with everything it is told about one window, as a function of noisy latents and time."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lipwright.diffusion.reuse import StepReuse
from lipwright.models.unet import UNet3D


class Denoiser:
    """Predicts for one window; with guidance above 1 in a batch of two, without and with the audio.

    condition: keep mask, masked-image and reference latents. audio: tokens of each frame; None leaves the
    cross-attention out. "Without audio" means tokens that are all zero, as the released code has it:
    prediction = zero + guidance * (audio - zero). Latents stay float32; the network runs in its own dtype.
    reuse: every that many steps the network runs in full (see `StepReuse`); None runs it always. A denoiser
    with reuse serves one walk.
    """

    def __init__(
        self,
        network: UNet3D,
        condition: Float[Tensor, "1 9 f y x"],
        audio: Float[Tensor, "1 f n d"] | None,
        *,
        guidance: float = 1.0,
        reuse: int | None = None,
    ) -> None:
        weight = network.conv_in.weight
        self._network = network if reuse is None else StepReuse(network, reuse)
        self._condition = condition.to(weight.device, weight.dtype)
        self._guidance = guidance if audio is not None else 1.0
        self._audio = None if audio is None else audio.to(weight.device, weight.dtype)
        if self._audio is not None and self._guidance > 1:
            self._audio = torch.cat([torch.zeros_like(self._audio), self._audio])

    @torch.no_grad()
    def __call__(self, x: Float[Tensor, "1 4 f y x"], t: Int[Tensor, ""]) -> Float[Tensor, "1 4 f y x"]:
        """The prediction (noise or velocity) for noisy latents at training time step t."""
        shown = torch.cat([x.to(self._condition), self._condition], dim=1)
        time = t.to(shown.device)
        if self._guidance <= 1:
            prediction: Tensor = self._network(shown, time.expand(1), self._audio)
            return prediction.to(x)
        both: Tensor = self._network(shown.expand(2, -1, -1, -1, -1), time.expand(2), self._audio)
        silent, spoken = both.to(x).chunk(2)
        return torch.lerp(silent, spoken, self._guidance)
