"""A small judge of patches, trained beside a decoder: is this a true picture or a drawn one?

As in the training of Stable Diffusion's autoencoder it is what makes a decoder draw fine detail that squared
errors only average away. It never ships: only its pupil does.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2
AT_FIRST = 48  # channels of the first level


class PatchCritic(nn.Module):
    """Pictures (n, 3, h, w) in -1..1 to one score for about every fourth px on each side; 1 says true."""

    def __init__(self, channels: int = AT_FIRST) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * channels, 1, 3, padding=1),
        )

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 y x"]:
        scores: Tensor = self.layers(pictures)
        return scores


def adversarial_losses(
    critic: PatchCritic, made: Float[Tensor, "n 3 h w"], true: Float[Tensor, "n 3 h w"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """(the critic's loss, the pupil's), least squares (Mao et al., 2017).

    The first moves the critic alone, the second the pupil alone, so that both may be minimised in one sum.
    """
    judged = critic(torch.cat([true, made.detach()]))
    own = (judged[: len(true)] - 1).square().mean() + judged[len(true) :].square().mean()
    frozen = {name: value.detach() for name, value in critic.named_parameters()}
    seen: Tensor = torch.func.functional_call(critic, frozen, (made,))
    return own, (seen - 1).square().mean()


def trained_together(*networks: nn.Module) -> Sequence[nn.Parameter]:
    """All parameters that are not frozen, in order."""
    return [value for network in networks for value in network.parameters() if value.requires_grad]
