"""VideoMAE v2's encoder as a judge of motion: 16 frames to one vector. Key names as released."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from lipwright.errors import WeightsError
from lipwright.models.attention import attend

# Settings of the released file that do not change the features, or of which only one value works.
_IGNORED = {"drop_path_rate"}
_FIXED: dict[str, object] = {"qkv_bias": True, "use_mean_pooling": True}


@dataclass(frozen=True)
class VideoMAEConfig:
    """Shape of the network; the defaults are the released ViT-giant (1.01 billion weights).

    The hidden layer is embed_dim * mlp_ratio wide, rounded down. num_classes is the unused classifier's.
    """

    img_size: int = 224
    patch_size: int = 14
    embed_dim: int = 1408
    depth: int = 40
    num_heads: int = 16
    mlp_ratio: str = "48/11"
    ln_eps: float = 1e-6
    num_classes: int = 174
    all_frames: int = 16
    tubelet_size: int = 2

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "VideoMAEConfig":
        """From a mapping of the released form. Raises WeightsError for what is unknown or not offered."""
        given = {key: value for key, value in settings.items() if key not in _IGNORED}
        for key, only in _FIXED.items():
            if given.pop(key, only) != only:
                raise WeightsError(f"the VideoMAE configuration sets {key}; only {only!r} is supported")
        if unknown := sorted(set(given) - {field.name for field in fields(cls)}):
            raise WeightsError(f"the VideoMAE configuration has unknown settings: {', '.join(unknown)}")
        if "mlp_ratio" in given:
            given["mlp_ratio"] = str(given["mlp_ratio"])
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def tokens(self) -> int:
        """Tokens of one video."""
        return self.all_frames // self.tubelet_size * (self.img_size // self.patch_size) ** 2

    @property
    def hidden(self) -> int:
        """Width inside the feed-forward layers."""
        return int(self.embed_dim * Fraction(self.mlp_ratio))


def released_state(content: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The tensors of a released file: the mapping itself, or what lies under `model` or `module`."""
    for name in ("model", "module"):
        if isinstance(content.get(name), Mapping):
            return cast("Mapping[str, Tensor]", content[name])
    return content


def position_table(tokens: int, width: int) -> Float[Tensor, "1 tokens width"]:
    """Sine at even, cosine at odd columns, wavelengths 2*pi to 2*pi*10000; the last axis of tokens is x."""
    column = torch.arange(width, dtype=torch.float64)
    rate = torch.exp(2 * torch.div(column, 2, rounding_mode="floor") * (-math.log(10000.0) / width))
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] * rate[None]
    angle[:, 0::2], angle[:, 1::2] = angle[:, 0::2].sin(), angle[:, 1::2].cos()
    return angle.float()[None]


class PatchEmbedding(nn.Module):
    """One token for each tubelet of 2 frames and 14 x 14 px."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        size = (config.tubelet_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(3, config.embed_dim, size, stride=size)

    def forward(self, x: Float[Tensor, "b 3 f h w"]) -> Float[Tensor, "b n c"]:
        patches: Tensor = self.proj(x)
        return rearrange(patches, "b c t y x -> b (t y x) c")


class SelfAttention(nn.Module):
    """Multi-head self-attention; query and value have a bias, the key has none."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        q, k, v = rearrange(
            functional.linear(x, self.qkv.weight, bias), "b n (k h d) -> k b h n d", k=3, h=self.heads
        )
        out: Tensor = self.proj(rearrange(attend(q, k, v), "b h n d -> b n (h d)"))
        return out


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Attention, then feed-forward, each on normalised tokens and added."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=config.ln_eps)
        self.attn = SelfAttention(config.embed_dim, config.num_heads)
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=config.ln_eps)
        self.mlp = FeedForward(config.embed_dim, config.hidden)

    def forward(self, x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class VideoMAE(nn.Module):
    """Videos to feature vectors: the mean over all tokens, then a layer norm. The classifier is not used."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbedding(config)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.depth)])
        self.fc_norm = nn.LayerNorm(config.embed_dim, eps=config.ln_eps)
        self.head = nn.Linear(config.embed_dim, config.num_classes)
        table = position_table(config.tokens, config.embed_dim)
        self.register_buffer("positions", table, persistent=False)
        self.gradient_checkpointing = False  # trades a second forward pass for memory

    def forward(self, x: Float[Tensor, "b 3 f h w"]) -> Float[Tensor, "b c"]:
        """x: 0..1, `all_frames` frames of `img_size` px; no mean or deviation is taken off."""
        out: Tensor = self.fc_norm(self.through(self.embed(x)).mean(dim=1))
        return out

    def embed(self, x: Float[Tensor, "b 3 f h w"]) -> Float[Tensor, "b n c"]:
        """All tokens of videos with their places added; the last axis of the tokens' order is x."""
        tokens: Tensor = self.patch_embed(x)
        return tokens + cast(Tensor, self.positions).to(tokens)

    def through(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Tokens, all or some of a video's, through the blocks."""
        for block in self.blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return tokens
