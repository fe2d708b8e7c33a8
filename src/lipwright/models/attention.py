"""Attention of the U-Net: multi-head attention, gated feed-forward, the spatial transformer with its audio
cross-attention. Key names are those of the released checkpoints."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from lipwright.models.resnet import layout


def attend(
    q: Float[Tensor, "n heads s d"], k: Float[Tensor, "n heads m d"], v: Float[Tensor, "n heads m d"]
) -> Float[Tensor, "n heads s d"]:
    """Scaled dot-product attention by PyTorch's fused kernel.

    On a CPU the kernel's bfloat16 backward pass is three to nine times slower than the float32 one (measured,
    torch 2.13, 16 frames of 256 tokens), so while gradients are kept it runs in float32 there.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            wide = functional.scaled_dot_product_attention(q.float(), k.float(), v.float())
        return wide.to(q.dtype)
    return functional.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head attention; q, k, v without bias unless `bias`, output with bias; scale 1/sqrt(head width).

    Keys and values come from `context` (cross-attention), or from `x` itself when it is None.
    """

    def __init__(
        self, width: int, heads: int, context_width: int | None = None, *, bias: bool = False
    ) -> None:
        super().__init__()
        context_width = width if context_width is None else context_width
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=bias)
        self.to_k = nn.Linear(context_width, width, bias=bias)
        self.to_v = nn.Linear(context_width, width, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(
        self, x: Float[Tensor, "n s c"], context: Float[Tensor, "n m d"] | None = None
    ) -> Float[Tensor, "n s c"]:
        source = x if context is None else context
        q = rearrange(self.to_q(x), "n s (h d) -> n h s d", h=self.heads)
        k = rearrange(self.to_k(source), "n s (h d) -> n h s d", h=self.heads)
        v = rearrange(self.to_v(source), "n s (h d) -> n h s d", h=self.heads)
        mixed = attend(q, k, v)
        out: Tensor = self.to_out[0](rearrange(mixed, "n h s d -> n s (h d)"))
        return out


class GatedProjection(nn.Module):
    """One linear layer to twice the width; the first half is multiplied by the exact GELU of the second."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Float[Tensor, "*n c"]) -> Float[Tensor, "*n d"]:
        value, gate = self.proj(x).chunk(2, dim=-1)
        out: Tensor = value * functional.gelu(gate)
        return out


class FeedForward(nn.Module):
    """Gated feed-forward, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # Index 1 is the dropout of the released network (rate 0): it keeps the key name `net.2`.
        self.net = nn.Sequential(
            GatedProjection(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Float[Tensor, "*n c"]) -> Float[Tensor, "*n c"]:
        out: Tensor = self.net(x)
        return out


class SpatialTransformerBlock(nn.Module):
    """Self-attention over the pixels of a frame, cross-attention to its audio tokens, feed-forward."""

    def __init__(self, width: int, heads: int, audio_width: int | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, heads)
        self.norm2 = None if audio_width is None else nn.LayerNorm(width)
        self.attn2 = None if audio_width is None else Attention(width, heads, audio_width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(
        self, x: Float[Tensor, "bf s c"], audio: Float[Tensor, "bf n d"] | None
    ) -> Float[Tensor, "bf s c"]:
        x = x + self.attn1(self.norm1(x))
        if audio is not None and self.attn2 is not None and self.norm2 is not None:
            x = x + self.attn2(self.norm2(x), audio)
        out: Tensor = x + self.ff(self.norm3(x))
        return out


class SpatialTransformer(nn.Module):
    """Per-frame group norm, 1x1 conv, one transformer block over the pixels, 1x1 conv, + input."""

    def __init__(self, channels: int, heads: int, audio_width: int | None, *, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([SpatialTransformerBlock(channels, heads, audio_width)])
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(
        self, x: Float[Tensor, "bf c h w"], audio: Float[Tensor, "bf n d"] | None
    ) -> Float[Tensor, "bf c h w"]:
        height = x.shape[2]
        tokens = rearrange(self.proj_in(self.norm(x)), "n c h w -> n (h w) c")
        for block in self.transformer_blocks:
            tokens = block(tokens, audio)
        pixels = rearrange(tokens, "n (h w) c -> n c h w", h=height)
        out: Tensor = self.proj_out(pixels.contiguous(memory_format=layout(x))) + x
        return out
