"""The embedded model's ears: a small Whisper-shaped encoder that also says what the mouth does.

Sound and picture meet in a few mouth measures: here they are predicted from sound, and each feature row
carries them beside the encoder's own activations, so that the U-Net (and later `adapt`) can use either.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lipwright.models.whisper import AudioEncoder, WhisperConfig


@dataclass(frozen=True)
class ArticulationConfig:
    """Shape of the encoder. `context`: rows (50 per second) of one window; `measures`: names, in order."""

    width: int
    heads: int
    layers: int
    context: int
    measures: tuple[str, ...]
    visemes: int
    mels: int = 80

    @property
    def token_width(self) -> int:
        """Values per feature row: activations and measures."""
        return self.width + len(self.measures)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ArticulationConfig":
        """Build from the `config` of a bundle; unknown keys raise TypeError."""
        values: dict[str, Any] = {**data, "measures": tuple(data["measures"])}
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


class Heard(NamedTuple):
    """What the encoder makes of a stretch of sound, 50 rows per second."""

    features: Float[Tensor, "b r w"]
    measures: Float[Tensor, "b r m"]
    visemes: Float[Tensor, "b r v"]

    @property
    def tokens(self) -> Float[Tensor, "b r t"]:
        """Feature rows for the U-Net: activations, then measures."""
        return torch.cat([self.features, self.measures], dim=-1)


class ArticulationEncoder(nn.Module):
    """Normalised log-mel (b, 80, 2r) to activations, measures, viseme scores (r rows, at most `context`)."""

    def __init__(self, config: ArticulationConfig) -> None:
        super().__init__()
        self.config = config
        shape = WhisperConfig(config.mels, config.context, config.width, config.heads, config.layers)
        self.encoder = AudioEncoder(shape)
        self.norm = nn.LayerNorm(config.width)
        self.measures = nn.Linear(config.width, len(config.measures))
        self.visemes = nn.Linear(config.width, config.visemes)

    def forward(self, mel: Float[Tensor, "b mels m"]) -> Heard:
        """Raises ValueError (from the encoder) when the stretch is longer than the context."""
        features = self.norm(self.encoder(mel)[:, :, -1])
        return Heard(features, self.measures(features), self.visemes(features))


def with_places(tokens: Float[Tensor, "f n c"]) -> Float[Tensor, "f n c_and_n"]:
    """Tokens with their place in the frame's span appended as a one-hot row: attention is blind to order."""
    f, n, _ = tokens.shape
    return torch.cat([tokens, torch.eye(n, device=tokens.device, dtype=tokens.dtype).expand(f, n, n)], dim=-1)
