"""Temporal layers: attention over the frames of a window at each pixel, with a fixed position table."""

import math
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lipwright.models.attention import FeedForward, attend
from lipwright.models.resnet import layout

GROUPS = 32  # the released modules ignore the network's own group count


def position_table(length: int, width: int) -> Float[Tensor, "1 length width"]:
    """Sine at even, cosine at odd columns, wavelengths 2*pi to 2*pi*10000."""
    position = torch.arange(length, dtype=torch.float32, device="cpu")[:, None]
    column = torch.arange(0, width, 2, dtype=torch.float32, device="cpu")
    rate = torch.exp(column * (-math.log(10000.0) / width))
    return torch.stack([torch.sin(position * rate), torch.cos(position * rate)], dim=-1).reshape(
        1, length, width
    )


class PositionTable(nn.Module):
    """The table as a stored buffer: it is part of the released files."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.register_buffer("pe", position_table(length, width))

    def forward(self, frames: int) -> Float[Tensor, "f 1 c"]:
        """The first `frames` rows; raises ValueError when the window is longer than the table."""
        table = cast(Tensor, self.pe)
        if frames > table.shape[1]:
            raise ValueError(
                f"a window of {frames} frames is longer than the position table ({table.shape[1]})"
            )
        return rearrange(table[:, :frames], "1 f c -> f 1 c")


class TemporalAttention(nn.Module):
    """Self-attention over frames; q, k and v all see the position added to the normalised tokens."""

    def __init__(self, width: int, heads: int, length: int | None) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(width, width, bias=False)
        self.to_v = nn.Linear(width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.pos_encoder = None if length is None else PositionTable(length, width)

    def forward(self, x: Float[Tensor, "b f s c"]) -> Float[Tensor, "b f s c"]:
        if self.pos_encoder is not None:
            x = x + self.pos_encoder(x.shape[1]).to(x.dtype)
        pattern = "b f s (h d) -> (b s) h f d"
        q = rearrange(self.to_q(x), pattern, h=self.heads)
        k = rearrange(self.to_k(x), pattern, h=self.heads)
        v = rearrange(self.to_v(x), pattern, h=self.heads)
        mixed = attend(q, k, v)
        out: Tensor = self.to_out[0](rearrange(mixed, "(b s) h f d -> b f s (h d)", b=x.shape[0]))
        return out


class TemporalBlock(nn.Module):
    """A number of temporal self-attentions, then a feed-forward, each on normalised tokens and added."""

    def __init__(self, width: int, heads: int, attentions: int, length: int | None) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(
            [TemporalAttention(width, heads, length) for _ in range(attentions)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(attentions)])
        self.ff = FeedForward(width)
        self.ff_norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "b f s c"]) -> Float[Tensor, "b f s c"]:
        for attention, norm in zip(self.attention_blocks, self.norms, strict=True):
            x = x + attention(norm(x))
        out: Tensor = x + self.ff(self.ff_norm(x))
        return out


class TemporalTransformer(nn.Module):
    """Per-frame group norm, linear in, temporal blocks on pixel tokens, linear out, + input."""

    def __init__(
        self, channels: int, *, heads: int, blocks: int, attentions: int, length: int | None, zero: bool
    ) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList(
            [TemporalBlock(channels, heads, attentions, length) for _ in range(blocks)]
        )
        self.proj_out = nn.Linear(channels, channels)
        if zero:  # a freshly added module changes nothing: stage 2 starts out equal to stage 1
            nn.init.zeros_(self.proj_out.weight)
            nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Float[Tensor, "bf c h w"], frames: int) -> Float[Tensor, "bf c h w"]:
        height = x.shape[2]
        tokens = self.proj_in(rearrange(self.norm(x), "(b f) c h w -> b f (h w) c", f=frames))
        for block in self.transformer_blocks:
            tokens = block(tokens)
        pixels: Tensor = rearrange(self.proj_out(tokens), "b f (h w) c -> (b f) c h w", h=height)
        return pixels.contiguous(memory_format=layout(x)) + x


class TemporalModule(nn.Module):
    """Holds the transformer under the name the released files use."""

    def __init__(
        self, channels: int, *, heads: int, blocks: int, attentions: int, length: int | None, zero: bool
    ) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(
            channels, heads=heads, blocks=blocks, attentions=attentions, length=length, zero=zero
        )

    def forward(self, x: Float[Tensor, "bf c h w"], frames: int) -> Float[Tensor, "bf c h w"]:
        out: Tensor = self.temporal_transformer(x, frames)
        return out
