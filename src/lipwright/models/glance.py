"""A glance: a small decoder from latents to small pictures, for judges that look at small ones anyway.

The whole decoder costs more than everything else in a step of stage 2; this one about a fiftieth of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class GlanceConfig:
    """latent_channels in; width: channels inside; factor: px per latent; blocks: residual ones."""

    latent_channels: int = 4
    width: int = 64
    factor: int = 4
    blocks: int = 2

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "GlanceConfig":
        """From a judge's record. Raises TypeError for what is unknown."""
        return cls(**settings)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Glance(nn.Module):
    """Scaled latents to pictures, about -1..1, without a norm: every frame for itself."""

    def __init__(self, config: GlanceConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.width
        self.enter = nn.Conv2d(config.latent_channels, wide, 3, padding=1)
        self.blocks = nn.ModuleList([nn.Conv2d(wide, wide, 3, padding=1) for _ in range(config.blocks)])
        self.leave = nn.Conv2d(wide, 3 * config.factor**2, 3, padding=1)

    def forward(self, latents: Float[Tensor, "n c y x"]) -> Float[Tensor, "n 3 h w"]:
        """h and w are factor times y and x."""
        hidden: Tensor = self.enter(latents)
        for block in self.blocks:
            hidden = hidden + block(functional.silu(hidden))
        pictures: Tensor = self.leave(functional.silu(hidden))
        return functional.pixel_shuffle(pictures, self.config.factor)
