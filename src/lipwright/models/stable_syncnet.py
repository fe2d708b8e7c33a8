"""StableSyncNet: do these 16 frames and this stretch of sound belong together? Key names as released."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from lipwright.errors import WeightsError
from lipwright.models.attention import Attention, FeedForward

GROUPS = 32
EPS = 1e-6
HEADS = 8
Factor = int | tuple[int, int]


@dataclass(frozen=True)
class TowerConfig:
    """One encoder: per level its channels, down-sampling (one number, or height and width), attention.

    groups: of every norm (released: 32, which leaves a narrow network one or two channels in each).
    """

    in_channels: int
    block_out_channels: tuple[int, ...]
    downsample_factors: tuple[Factor, ...]
    attn_blocks: tuple[int, ...]
    groups: int = GROUPS

    def __post_init__(self) -> None:
        levels = {len(self.block_out_channels), len(self.downsample_factors), len(self.attn_blocks)}
        if len(levels) != 1:
            raise WeightsError("the SyncNet configuration's lists have different numbers of levels")

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "TowerConfig":
        """From the released form. Raises WeightsError for a dropout rate: it is not offered."""
        if settings.get("dropout", 0.0):
            rate = settings["dropout"]
            raise WeightsError(f"the SyncNet configuration asks for dropout {rate}; only 0 is supported")
        given = settings["downsample_factors"]
        factors = [tuple(factor) if isinstance(factor, list | tuple) else int(factor) for factor in given]
        return cls(
            in_channels=int(settings["in_channels"]),
            block_out_channels=tuple(settings["block_out_channels"]),
            downsample_factors=tuple(factors),
            attn_blocks=tuple(settings["attn_blocks"]),
            groups=int(settings.get("groups", GROUPS)),
        )


@dataclass(frozen=True)
class SyncNetConfig:
    """Both encoders; their last levels must be equally wide."""

    audio_encoder: TowerConfig
    visual_encoder: TowerConfig

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "SyncNetConfig":
        """From the released form (two nested mappings)."""
        return cls(*(TowerConfig.from_json(settings[name]) for name in ("audio_encoder", "visual_encoder")))

    def to_json(self) -> dict[str, Any]:
        """Plain values in the released form."""
        plain: dict[str, Any] = asdict(self)
        return plain


_SOUND = TowerConfig(
    1, (32, 64, 128, 256, 512, 1024, 2048), ((2, 1), 2, 2, 1, 2, 2, (2, 3)), (0, 0, 0, 0, 0, 0, 0)
)
_PICTURE = TowerConfig(
    48, (64, 128, 256, 256, 512, 1024, 2048, 2048), ((1, 2), 2, 2, 2, 2, 2, 2, 2), (0, 0, 0, 0, 0, 0, 0, 0)
)
RELEASED: Mapping[str, SyncNetConfig] = MappingProxyType(
    {
        "pixel": SyncNetConfig(_SOUND, _PICTURE),
        "pixel_attn": SyncNetConfig(
            replace(_SOUND, attn_blocks=(0, 0, 0, 1, 1, 0, 0)),
            replace(_PICTURE, attn_blocks=(0, 0, 0, 0, 1, 1, 0, 0)),
        ),
        "latent": SyncNetConfig(
            TowerConfig(1, (32, 64, 128, 256, 512, 1024), ((2, 1), 2, 2, 2, 2, (2, 3)), (0, 0, 0, 0, 0, 0)),
            TowerConfig(64, (64, 128, 256, 256, 512, 1024), (2, 2, 2, 1, 2, 2), (0, 0, 0, 0, 0, 0)),
        ),
    }
)
"""The released architectures: `pixel_attn` is that of the published checkpoint (401 million values)."""


class DownBlock(nn.Module):
    """Residual block (norm, SiLU, 3x3 conv, twice), then a strided 3x3 convolution unless the factor is 1."""

    def __init__(self, inputs: int, outputs: int, factor: Factor, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=EPS)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=EPS)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None
        self.factor = factor
        self.downsample_conv = None if factor == 1 else nn.Conv2d(outputs, outputs, 3, stride=factor)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        hidden: Tensor = self.conv1(functional.silu(self.norm1(x)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        hidden = hidden + (x if self.conv_shortcut is None else self.conv_shortcut(x))
        if self.downsample_conv is None:
            return hidden
        out: Tensor = self.downsample_conv(functional.pad(hidden, _padding(self.factor)))
        return out


class AttentionBlock(nn.Module):
    """Group norm, 1x1 conv, self-attention over the positions, feed-forward, 1x1 conv, + input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels, eps=EPS)
        self.conv_in = nn.Conv2d(channels, channels, 1)
        self.norm2 = nn.LayerNorm(channels)
        self.attn = Attention(channels, HEADS, bias=True)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)
        self.conv_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        height = x.shape[2]
        tokens = rearrange(self.conv_in(self.norm1(x)), "b c h w -> b (h w) c")
        tokens = tokens + self.attn(self.norm2(tokens))
        tokens = tokens + self.ff(self.norm3(tokens))
        out: Tensor = self.conv_out(rearrange(tokens, "b (h w) c -> b c h w", h=height)) + x
        return out


class Tower(nn.Module):
    """Convolution, levels down to one position, group norm, ReLU: one vector per item, values 0 and up."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        widths = config.block_out_channels
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        blocks: list[nn.Module] = []
        before = widths[0]
        rows = zip(widths, config.downsample_factors, config.attn_blocks, strict=True)
        for width, factor, attention in rows:
            blocks.append(DownBlock(before, width, factor, config.groups))
            if attention:
                blocks.append(AttentionBlock(width, config.groups))
            before = width
        self.down_blocks = nn.ModuleList(blocks)
        self.norm_out = nn.GroupNorm(config.groups, before, eps=EPS)
        self.gradient_checkpointing = False  # trades a second forward pass for memory

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b e"]:
        """Raises ValueError when the input is not reduced to one position."""
        size = tuple(x.shape[2:])
        x = self.conv_in(x)
        for block in self.down_blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        if x.shape[2:] != (1, 1):
            raise ValueError(f"an input of {size} ends as {tuple(x.shape[2:])} positions, not as one")
        return rearrange(functional.relu(self.norm_out(x)), "b c 1 1 -> b c")


class StableSyncNet(nn.Module):
    """Two unit vectors whose product is near 1 when picture and sound belong together (never below 0)."""

    def __init__(self, config: SyncNetConfig) -> None:
        super().__init__()
        self.config = config
        self.audio_encoder = Tower(config.audio_encoder)
        self.visual_encoder = Tower(config.visual_encoder)

    def forward(
        self, frames: Float[Tensor, "b c h w"], sound: Float[Tensor, "s 1 80 52"]
    ) -> tuple[Float[Tensor, "b e"], Float[Tensor, "s e"]]:
        """(picture, sound) embeddings of length 1; there may be more of one than of the other.

        frames: pixels -1..1 of the lower half, 16 frames stacked as channels (frame * 3 + colour), or their
        latents (frame * 4 + channel). sound: SyncNet mel, -4..4.
        """
        picture = functional.normalize(self.visual_encoder(frames), dim=1)
        return picture, functional.normalize(self.audio_encoder(sound), dim=1)


def stack_frames(frames: Float[Tensor, "b f c h w"]) -> Float[Tensor, "b fc h w"]:
    """Frames as channels, frame-major, as the network expects them."""
    return rearrange(frames, "b f c h w -> b (f c) h w")


def agreement_loss(
    picture: Float[Tensor, "b e"], sound: Float[Tensor, "b e"], together: Float[Tensor, " b"]
) -> Float[Tensor, " b"]:
    """Binary cross entropy of the cosine against 1 (together) or 0, per item; logarithms stop at -100.

    In float32 also where halves are computed with: near 1 a half's steps are too coarse for a logarithm.
    """
    with torch.autocast(picture.device.type, enabled=False):
        cosine = functional.cosine_similarity(picture.float(), sound.float())
        return functional.binary_cross_entropy(cosine.clamp(0, 1), together.float(), reduction="none")


def _padding(factor: Factor) -> Sequence[int]:
    """(left, right, top, bottom) before a strided 3x3 convolution: one row or column too few is added."""
    if factor == (1, 2):
        return (0, 1, 1, 1)
    if factor == (2, 1):
        return (1, 1, 0, 1)
    return (0, 1, 0, 1)


def cosine_similarity(picture: Float[Tensor, "b e"], sound: Float[Tensor, "b e"]) -> Float[Tensor, " b"]:
    """The sync score of each item, 0..1."""
    return torch.sum(picture * sound, dim=1)
