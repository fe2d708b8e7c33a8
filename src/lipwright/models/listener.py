"""Ears for real people: a dilated network from a sound's own bands to mouth measures, of any length.

What reaches the network is relative to the sound itself (its loudness, its mean spectrum while somebody
speaks), so that a microphone, a room or a voice far from the training voices changes little.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from lipwright.models.articulation import Heard

SPEECH_BELOW_TOP = 3.0  # columns up to 3 decades (30 dB) under the loud ones count as speech
TOP_QUANTILE = 0.97
LEAST_SPREAD = 0.3  # of a band, in decades; keeps steady hums from being blown up


@dataclass(frozen=True)
class ListenerConfig:
    """Shape of the network. `measures`: names, in order; `dilations`: one block each, in rows of 20 ms."""

    width: int
    hidden: int
    dilations: tuple[int, ...]
    measures: tuple[str, ...]
    visemes: int
    mels: int = 80

    @property
    def reach(self) -> int:
        """Rows on each side that a row hears, without the first convolution."""
        return sum(self.dilations)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ListenerConfig":
        """Build from the `config` of a bundle; unknown keys raise TypeError."""
        values = {**data, "measures": tuple(data["measures"]), "dilations": tuple(data["dilations"])}
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


class Own(NamedTuple):
    """What a sound is measured against. top: (b, 1, 1) loud level; mean, spread: (b, 80, 1) while speaking.

    All in log10 power.
    """

    top: Float[Tensor, "b 1 1"]
    mean: Float[Tensor, "b mels 1"]
    spread: Float[Tensor, "b mels 1"]


def own_level(power: Float[Tensor, "b mels m"]) -> Own:
    """Loudness and spectrum of each sound, from log10 mel power; quiet columns hardly count."""
    loudness = power.mean(dim=1, keepdim=True)
    top = torch.quantile(loudness, TOP_QUANTILE, dim=2, keepdim=True)
    weight = (loudness - top + SPEECH_BELOW_TOP).clamp(0.0, 1.0)
    weight = weight / weight.sum(dim=2, keepdim=True).clamp(min=1e-6)
    mean = (power * weight).sum(dim=2, keepdim=True)
    spread = ((power - mean).square() * weight).sum(dim=2, keepdim=True).sqrt()
    return Own(top, mean, spread)


def relative(power: Float[Tensor, "b mels m"], own: Own) -> Float[Tensor, "b two_mels m"]:
    """Bands against the sound's loud level, and against each band's own mean and spread."""
    level = ((power - own.top) / 2).clamp(-3.0, 2.0)
    shape = ((power - own.mean) / (own.spread + LEAST_SPREAD)).clamp(-4.0, 4.0)
    return torch.cat([level, shape], dim=1)


class _Block(nn.Module):
    """Looks one step of its dilation to each side; written as one matrix product, which is quick on a CPU."""

    def __init__(self, width: int, hidden: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.spread = nn.Linear(3 * width, hidden)
        self.join = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "b r w"]) -> Float[Tensor, "b r w"]:
        d = self.dilation
        padded = functional.pad(self.norm(x), (0, 0, d, d))
        rows = x.shape[1]
        three = torch.cat([padded[:, :rows], padded[:, d : d + rows], padded[:, 2 * d : 2 * d + rows]], dim=2)
        out: Tensor = x + self.join(functional.gelu(self.spread(three)))
        return out


class Listener(nn.Module):
    """Relative log-mel (b, 160, m), 100 columns per second, to activations, measures and viseme scores.

    50 rows per second, ceil(m / 2) of them, any length.
    """

    def __init__(self, config: ListenerConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv1d(2 * config.mels, config.width, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(_Block(config.width, config.hidden, d) for d in config.dilations)
        self.norm = nn.LayerNorm(config.width)
        self.measures = nn.Linear(config.width, len(config.measures))
        self.visemes = nn.Linear(config.width, config.visemes)

    def forward(self, heard: Float[Tensor, "b two_mels m"]) -> Heard:
        x = functional.gelu(self.first(heard)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        features = self.norm(x)
        return Heard(features, self.measures(features), self.visemes(features))
