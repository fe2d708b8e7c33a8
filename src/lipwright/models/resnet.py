"""The convolutional half of the U-Net: group norms that may span frames, residual blocks, resampling.

Frames are folded into the batch, "(b f) c h w". In channels-last memory regrouping them for a norm over all
frames is a view, not a copy. The memory layout follows the weights (`layout`): channels-last is faster, but
PyTorch's group norm for it on a CPU loses about three digits on flat pictures (measured, torch 2.13: errors
of 1e-3 in place of 2e-6), so recorded numbers are checked in the default layout.
"""

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def layout(x: Tensor) -> torch.memory_format:
    """The memory layout of a 4-D tensor."""
    if x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
        return torch.contiguous_format
    return torch.channels_last


class FrameGroupNorm(nn.GroupNorm):
    """Group norm over one frame, or over all frames of a window together (`across`).

    The released networks use the second kind in the residual blocks and at the output, so a frame's result
    depends on the other frames of its window.
    """

    def __init__(self, groups: int, channels: int, eps: float, across: bool) -> None:
        super().__init__(groups, channels, eps=eps)
        self.across = across

    def forward(self, x: Float[Tensor, "bf c h w"], frames: int = 1) -> Float[Tensor, "bf c h w"]:
        if not self.across or frames == 1:
            return super().forward(x)
        window = rearrange(x, "(b f) c h w -> b c (f h) w", f=frames)
        return rearrange(super().forward(window), "b c (f h) w -> (b f) c h w", f=frames)


class ResnetBlock(nn.Module):
    """norm, SiLU, 3x3 conv, + time, norm, SiLU, 3x3 conv, + shortcut (1x1 conv when the channels change)."""

    def __init__(
        self, inputs: int, outputs: int, time_width: int, *, groups: int, eps: float, across: bool
    ) -> None:
        super().__init__()
        self.norm1 = FrameGroupNorm(groups, inputs, eps, across)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, outputs)
        self.norm2 = FrameGroupNorm(groups, outputs, eps, across)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(
        self, x: Float[Tensor, "bf c h w"], time: Float[Tensor, "b e"], frames: int
    ) -> Float[Tensor, "bf d h w"]:
        hidden = self.conv1(functional.silu(self.norm1(x, frames)))
        shift = self.time_emb_proj(functional.silu(time))
        hidden = hidden + repeat(shift, "b d -> (b f) d 1 1", f=frames)
        hidden = self.conv2(functional.silu(self.norm2(hidden, frames)))
        shortcut = x if self.conv_shortcut is None else self.conv_shortcut(x)
        return torch.add(hidden, shortcut)


class Downsample(nn.Module):
    """Halves height and width: 3x3 convolution, stride 2, padding 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Float[Tensor, "bf c h w"]) -> Float[Tensor, "bf c h2 w2"]:
        out: Tensor = self.conv(x)
        return out


class Upsample(nn.Module):
    """Nearest neighbour to a given size (twice the input, or one less for odd skips), then a 3x3 conv."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "bf c h w"], size: tuple[int, int]) -> Float[Tensor, "bf c h2 w2"]:
        out: Tensor = self.conv(functional.interpolate(x, size=size, mode="nearest"))
        return out
