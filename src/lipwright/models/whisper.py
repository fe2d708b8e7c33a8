"""The encoder half of Whisper, giving the activations of every layer. Key names: OpenAI's, less `encoder.`.

Why not the class of the `transformers` library: LatentSync reads the last layer *before* the final norm,
which that class does not give; `tiny` trains the same network at another width on windows of any length up
to 3 s, which that class refuses (it insists on its full context); and its import is heavy for a page of code.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from lipwright.models.attention import attend


@dataclass(frozen=True)
class WhisperConfig:
    """Audio part of OpenAI's `dims`; the defaults are `tiny`. Context is in output rows (50 per second)."""

    n_mels: int = 80
    n_audio_ctx: int = 1500
    n_audio_state: int = 384
    n_audio_head: int = 6
    n_audio_layer: int = 4

    @classmethod
    def from_json(cls, dims: Mapping[str, Any]) -> "WhisperConfig":
        """From OpenAI's ten `dims` (the text part is ignored) or from `to_json`'s form."""
        return cls(**{field.name: int(dims[field.name]) for field in fields(cls)})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def encoder_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a whole model's `model_state_dict` that belong to this encoder, under its names.

    The final norm (`ln_post`) is left out: the features are taken before it.
    """
    start = "encoder."
    wanted = [key for key in state if key.startswith(start) and not key.startswith(start + "ln_post.")]
    return {key.removeprefix(start): state[key] for key in wanted}


def position_table(length: int, width: int) -> Float[Tensor, "length width"]:
    """Sines in the first half of the columns, cosines in the second; wavelengths 2*pi to 2*pi*10000."""
    half = width // 2
    column = torch.arange(half, dtype=torch.float32, device="cpu")
    rate = torch.exp(column * (-math.log(10000.0) / (half - 1)))
    angle = torch.arange(length, dtype=torch.float32, device="cpu")[:, None] * rate[None]
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


class SelfAttention(nn.Module):
    """Multi-head self-attention; the key has no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b r c"]) -> Float[Tensor, "b r c"]:
        q, k, v = (
            rearrange(layer(x), "b r (h d) -> b h r d", h=self.heads)
            for layer in (self.query, self.key, self.value)
        )
        out: Tensor = self.out(rearrange(attend(q, k, v), "b h r d -> b r (h d)"))
        return out


class EncoderBlock(nn.Module):
    """Pre-norm attention, then a four times wider two-layer network with exact GELU."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = SelfAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "b r c"]) -> Float[Tensor, "b r c"]:
        x = x + self.attn(self.attn_ln(x))
        out: Tensor = x + self.mlp(self.mlp_ln(x))
        return out


class AudioEncoder(nn.Module):
    """Normalised log-mel (100 columns per second) to activations (50 rows per second)."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        width = config.n_audio_state
        self.conv1 = nn.Conv1d(config.n_mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", position_table(config.n_audio_ctx, width))
        self.blocks = nn.ModuleList(
            [EncoderBlock(width, config.n_audio_head) for _ in range(config.n_audio_layer)]
        )

    @property
    def layers(self) -> int:
        """Activations per row: the one after the convolutions, and one after each block."""
        return self.config.n_audio_layer + 1

    def forward(self, mel: Float[Tensor, "b mels m"]) -> Float[Tensor, "b r layers c"]:
        """Activations of every layer, r = ceil(m / 2) rows; none passes the final norm.

        Raises ValueError when the block is longer than the position table.
        """
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel))))
        table = cast(Tensor, self.positional_embedding)
        if x.shape[2] > table.shape[0]:
            raise ValueError(
                f"a block of {mel.shape[2]} columns exceeds the context of {table.shape[0]} rows"
            )
        x = rearrange(x, "b c r -> b r c") + table[: x.shape[2]].to(x.dtype)
        activations = [x]
        for block in self.blocks:
            x = block(x)
            activations.append(x)
        return torch.stack(activations, dim=2)
