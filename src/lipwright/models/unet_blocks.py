"""Levels of the U-Net: rows of (residual block, spatial transformer, temporal module), then resampling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lipwright.models.attention import SpatialTransformer
from lipwright.models.resnet import Downsample, ResnetBlock, Upsample
from lipwright.models.temporal import TemporalModule


@dataclass(frozen=True)
class LayerShape:
    """What every layer of one network shares."""

    time_width: int
    groups: int
    eps: float
    across: bool
    heads: int
    audio_width: int | None
    temporal_heads: int
    temporal_blocks: int
    temporal_attentions: int
    temporal_length: int | None
    temporal_zero: bool

    def resnet(self, inputs: int, outputs: int) -> ResnetBlock:
        return ResnetBlock(
            inputs, outputs, self.time_width, groups=self.groups, eps=self.eps, across=self.across
        )

    def spatial(self, channels: int) -> SpatialTransformer:
        return SpatialTransformer(channels, self.heads, self.audio_width, groups=self.groups)

    def temporal(self, channels: int) -> TemporalModule:
        return TemporalModule(
            channels,
            heads=self.temporal_heads,
            blocks=self.temporal_blocks,
            attentions=self.temporal_attentions,
            length=self.temporal_length,
            zero=self.temporal_zero,
        )


@dataclass(frozen=True)
class Condition:
    """What a layer is told besides its input: time (b, e), audio (b*f, n, d) or None, frames per window."""

    time: Tensor
    audio: Tensor | None
    frames: int
    checkpointing: bool = False


class Level(nn.Module):
    """Residual blocks with their optional spatial and temporal parts; row i of each list belongs together."""

    def __init__(
        self, channels: Sequence[tuple[int, int]], shape: LayerShape, *, spatial: bool, temporal: bool
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([shape.resnet(i, o) for i, o in channels])
        self.attentions = nn.ModuleList([shape.spatial(o) for _, o in channels]) if spatial else None
        self.motion_modules = nn.ModuleList([shape.temporal(o) for _, o in channels]) if temporal else None

    def row(self, index: int, x: Float[Tensor, "bf c h w"], told: Condition) -> Float[Tensor, "bf d h w"]:
        """Row `index`: residual block, then spatial transformer, then temporal module."""
        x = self.resnets[index](x, told.time, told.frames)
        if self.attentions is not None:
            x = self.attentions[index](x, told.audio)
        if self.motion_modules is not None:
            x = self.motion_modules[index](x, told.frames)
        return x

    def run_row(self, index: int, x: Float[Tensor, "bf c h w"], told: Condition) -> Float[Tensor, "bf d h w"]:
        """`row`, recomputed in the backward pass when checkpointing is on."""
        return _maybe_checkpoint(lambda x: self.row(index, x, told), x, told)


class DownLevel(Level):
    """A level on the way down; returns its result and every intermediate for the skip connections."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        rows: int,
        shape: LayerShape,
        *,
        spatial: bool,
        temporal: bool,
        last: bool,
    ) -> None:
        channels = [(inputs if i == 0 else outputs, outputs) for i in range(rows)]
        super().__init__(channels, shape, spatial=spatial, temporal=temporal)
        self.downsamplers = None if last else nn.ModuleList([Downsample(outputs)])

    def forward(self, x: Float[Tensor, "bf c h w"], told: Condition) -> tuple[Tensor, list[Tensor]]:
        skips = []
        for index in range(len(self.resnets)):
            x = self.run_row(index, x, told)
            skips.append(x)
        if self.downsamplers is not None:
            x = self.downsamplers[0](x)
            skips.append(x)
        return x, skips


class UpLevel(Level):
    """A level on the way up: each row takes one skip connection; then the size of the next skip."""

    def __init__(
        self,
        channels: Sequence[tuple[int, int]],
        shape: LayerShape,
        *,
        spatial: bool,
        temporal: bool,
        last: bool,
    ) -> None:
        super().__init__(channels, shape, spatial=spatial, temporal=temporal)
        self.upsamplers = None if last else nn.ModuleList([Upsample(channels[-1][1])])

    def forward(
        self, x: Float[Tensor, "bf c h w"], skips: Sequence[Tensor], told: Condition
    ) -> tuple[Tensor, Tensor]:
        """The level's result, and what entered its last row (without its skip connection).

        `skips`: the open skip connections; the last of them are used, from the end.
        """
        rows = len(self.resnets)
        deep = x
        for index in range(rows):
            deep = x
            x = self.run_row(index, torch.cat([x, skips[-1 - index]], dim=1), told)
        if self.upsamplers is not None:
            height, width = skips[-1 - rows].shape[2:]
            x = self.upsamplers[0](x, (height, width))
        return x, deep

    def last_row(
        self, deep: Float[Tensor, "bf c h w"], skip: Float[Tensor, "bf s h w"], told: Condition
    ) -> Float[Tensor, "bf d h w"]:
        """The last row alone, on what entered it earlier and a new skip connection."""
        return self.run_row(len(self.resnets) - 1, torch.cat([deep, skip], dim=1), told)


class MidLevel(nn.Module):
    """Residual block, spatial transformer (and temporal module when asked), residual block."""

    def __init__(self, channels: int, shape: LayerShape, *, temporal: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([shape.resnet(channels, channels) for _ in range(2)])
        self.attentions = nn.ModuleList([shape.spatial(channels)])
        self.motion_modules = nn.ModuleList([shape.temporal(channels)]) if temporal else None

    def forward(self, x: Float[Tensor, "bf c h w"], told: Condition) -> Float[Tensor, "bf c h w"]:
        def body(x: Tensor) -> Tensor:
            x = self.resnets[0](x, told.time, told.frames)
            x = self.attentions[0](x, told.audio)
            if self.motion_modules is not None:
                x = self.motion_modules[0](x, told.frames)
            out: Tensor = self.resnets[1](x, told.time, told.frames)
            return out

        return _maybe_checkpoint(body, x, told)


def _maybe_checkpoint(body: Callable[[Tensor], Tensor], x: Tensor, told: Condition) -> Tensor:
    if told.checkpointing and torch.is_grad_enabled():
        out: Tensor = checkpoint(body, x, use_reentrant=False)
        return out
    return body(x)
