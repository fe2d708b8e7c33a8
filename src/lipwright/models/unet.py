"""The noise prediction network: Stable Diffusion 1.5's U-Net over a window of frames, told by audio tokens.

One class for every size: the released checkpoints (1.0, 1.5, 1.6, stage 1, decoder-only temporal layers)
and the toy sizes of `tiny` differ in their configuration only.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lipwright.errors import WeightsError
from lipwright.models.resnet import FrameGroupNorm, layout
from lipwright.models.unet_blocks import Condition, DownLevel, LayerShape, MidLevel, UpLevel

# Settings of the released configuration files that name a choice we do not offer: only these values work.
_FIXED: dict[str, object] = {
    "act_fn": "silu",
    "center_input_sample": False,
    "downsample_padding": 1,
    "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock3DCrossAttn",
    "resnet_time_scale_shift": "default",
    "motion_module_type": "Vanilla",
    "custom_audio_layer": False,
    "audio_condition_method": "cross_attn",
    "unet_use_cross_frame_attention": False,
    "unet_use_temporal_attention": False,
}


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network; the defaults are the released 1.5 and 1.6 networks.

    `attention_head_dim` is the NUMBER of heads at every level (the released files' name for it).
    `norm_across_frames` False makes every group norm see one frame only (trained so: `tiny`).
    """

    block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    down_block_types: tuple[str, ...] = (*("CrossAttnDownBlock3D",) * 3, "DownBlock3D")
    up_block_types: tuple[str, ...] = ("UpBlock3D", *("CrossAttnUpBlock3D",) * 3)
    layers_per_block: int = 2
    in_channels: int = 13
    out_channels: int = 4
    attention_head_dim: int = 8
    cross_attention_dim: int = 384
    add_audio_layer: bool = True
    norm_num_groups: int = 32
    norm_eps: float = 1e-5
    norm_across_frames: bool = True
    flip_sin_to_cos: bool = True
    freq_shift: float = 0.0
    sample_size: int = 64
    use_motion_module: bool = True
    motion_module_resolutions: tuple[int, ...] = (1, 2, 4, 8)
    motion_module_mid_block: bool = False
    motion_module_decoder_only: bool = False
    num_attention_heads: int = 8
    num_transformer_block: int = 1
    temporal_attentions: int = 2
    temporal_position_encoding: bool = True
    temporal_position_encoding_max_len: int = 24
    zero_initialize: bool = True

    def __post_init__(self) -> None:
        levels = len(self.block_out_channels)
        if len(self.down_block_types) != levels or len(self.up_block_types) != levels:
            raise WeightsError(
                f"the U-Net configuration names {levels} channel widths, {len(self.down_block_types)} down "
                f"blocks and {len(self.up_block_types)} up blocks; the three must be equally many"
            )

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "UNetConfig":
        """From a mapping of the released form (temporal settings nested) or of `to_json`'s form.

        Raises WeightsError when a setting is unknown or asks for something this network cannot be.
        """
        flat = dict(settings)
        motion = dict(flat.pop("motion_module_kwargs", None) or {})
        if motion.pop("temporal_attention_dim_div", 1) != 1:
            raise WeightsError("the U-Net configuration sets temporal_attention_dim_div; only 1 is supported")
        if "attention_block_types" in motion:
            kinds = motion.pop("attention_block_types")
            if any(kind != "Temporal_Self" for kind in kinds):
                raise WeightsError(f"the U-Net configuration has unsupported temporal attentions {kinds}")
            flat["temporal_attentions"] = len(kinds)
        flat.update(motion)
        for key, only in _FIXED.items():
            if flat.pop(key, only) != only:
                raise WeightsError(f"the U-Net configuration sets {key}; only {only!r} is supported")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(flat) - known):
            raise WeightsError(f"the U-Net configuration has unknown settings: {', '.join(unknown)}")
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in flat.items()}
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """A flat mapping of plain values; `from_json` gives the same configuration back."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


def current_name(key: str) -> str:
    """The present name of a state-dict key: version 1.0 called the audio attention differently."""
    return key.replace("audio_cross_attn.norm.", "norm2.").replace("audio_cross_attn.attn.", "attn2.")


class TimeEmbedding(nn.Module):
    """Two linear layers with a SiLU between them, on a sinusoid of the time step."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, out)
        self.linear_2 = nn.Linear(out, out)

    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b e"]:
        out: Tensor = self.linear_2(functional.silu(self.linear_1(x)))
        return out


def sinusoid(t: Int[Tensor, " b"], width: int, *, cosine_first: bool, shift: float) -> Float[Tensor, "b c"]:
    """Frequencies 10000^(-i / (width/2 - shift)), one half cosine, the other sine."""
    half = width // 2
    step = torch.arange(half, dtype=torch.float32, device=t.device)
    angle = t.float()[:, None] * torch.exp(step * (-math.log(10000.0) / (half - shift)))[None]
    parts = [torch.cos(angle), torch.sin(angle)] if cosine_first else [torch.sin(angle), torch.cos(angle)]
    return torch.cat(parts, dim=-1)


class UNet3D(nn.Module):
    """Predicts the noise (or velocity) of a window of latents. Key names are the released files'.

    Tensors travel as (b f) c h w in the memory layout of the weights: `model.to(memory_format=
    torch.channels_last)` is the fast choice. `gradient_checkpointing` trades a second forward pass for
    memory.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False
        widths = config.block_out_channels
        shape = _layer_shape(config)
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], shape.time_width)
        self.down_blocks = nn.ModuleList([_down(config, shape, level) for level in range(len(widths))])
        self.mid_block = MidLevel(
            widths[-1], shape, temporal=config.use_motion_module and config.motion_module_mid_block
        )
        self.up_blocks = nn.ModuleList([_up(config, shape, level) for level in range(len(widths))])
        self.conv_norm_out = FrameGroupNorm(
            config.norm_num_groups, widths[0], config.norm_eps, config.norm_across_frames
        )
        self.conv_out = nn.Conv2d(widths[0], config.out_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]  # stubs: it may be None; not here

    def embed_time(self, t: Int[Tensor, " b"], dtype: torch.dtype) -> Float[Tensor, "b e"]:
        """The time embedding every residual block adds; the sinusoid is computed in float32."""
        wave = sinusoid(
            t,
            self.config.block_out_channels[0],
            cosine_first=self.config.flip_sin_to_cos,
            shift=self.config.freq_shift,
        )
        out: Tensor = self.time_embedding(wave.to(dtype))
        return out

    def forward(
        self,
        x: Float[Tensor, "b 13 f h w"],
        t: Int[Tensor, "#b"],
        audio: Float[Tensor, "b f n d"] | None,
    ) -> Float[Tensor, "b 4 f h w"]:
        """One prediction.

        x: noisy latents (4), keep mask (1), masked-image latents (4), reference latents (4).
        t: training time step of each window, 0..999. audio: tokens of each frame; None skips the
        cross-attention altogether (zero tokens do not: their output bias stays).
        """
        return self.predict(x, t, audio)[0]

    def predict(
        self,
        x: Float[Tensor, "b 13 f h w"],
        t: Int[Tensor, "#b"],
        audio: Float[Tensor, "b f n d"] | None,
        deep: Float[Tensor, "bf c h w"] | None = None,
    ) -> tuple[Float[Tensor, "b 4 f h w"], Float[Tensor, "bf c h w"]]:
        """A prediction, and the deep features that entered the last row of the last level up.

        Given the `deep` features of an earlier step, only the shallow ends run: the first convolution, that
        last row on its fresh skip connection, and the output. About a tenth of the work.
        """
        batch, frames = x.shape[0], x.shape[2]
        tokens = None if audio is None else rearrange(audio, "b f n d -> (b f) n d")
        told = Condition(
            self.embed_time(t.expand(batch), x.dtype), tokens, frames, self.gradient_checkpointing
        )
        entry: Tensor = rearrange(x, "b c f h w -> (b f) c h w")
        entry = self.conv_in(entry.contiguous(memory_format=layout(self.conv_in.weight)))
        if deep is None:
            hidden, deep = self._through(entry, told)
        else:
            hidden = cast(UpLevel, self.up_blocks[-1]).last_row(deep, entry, told)
        hidden = self.conv_out(functional.silu(self.conv_norm_out(hidden, frames)))
        return rearrange(hidden, "(b f) c h w -> b c f h w", b=batch), deep

    def _through(self, entry: Tensor, told: Condition) -> tuple[Tensor, Tensor]:
        """Down, across and up: what the last level gives, and what entered its last row."""
        hidden, skips = entry, [entry]
        for down in self.down_blocks:
            hidden, more = down(hidden, told)
            skips += more
        hidden = deep = self.mid_block(hidden, told)
        for up in self.up_blocks:
            hidden, deep = up(hidden, skips, told)
            del skips[-1 - self.config.layers_per_block :]
        return hidden, deep


def _layer_shape(config: UNetConfig) -> LayerShape:
    return LayerShape(
        time_width=4 * config.block_out_channels[0],
        groups=config.norm_num_groups,
        eps=config.norm_eps,
        across=config.norm_across_frames,
        heads=config.attention_head_dim,
        audio_width=config.cross_attention_dim if config.add_audio_layer else None,
        temporal_heads=config.num_attention_heads,
        temporal_blocks=config.num_transformer_block,
        temporal_attentions=config.temporal_attentions,
        temporal_length=config.temporal_position_encoding_max_len
        if config.temporal_position_encoding
        else None,
        temporal_zero=config.zero_initialize,
    )


def _down(config: UNetConfig, shape: LayerShape, level: int) -> DownLevel:
    widths = config.block_out_channels
    temporal = config.use_motion_module and not config.motion_module_decoder_only
    return DownLevel(
        widths[max(level - 1, 0)],
        widths[level],
        config.layers_per_block,
        shape,
        spatial=_is_cross(config.down_block_types[level]),
        temporal=temporal and 2**level in config.motion_module_resolutions,
        last=level == len(widths) - 1,
    )


def _up(config: UNetConfig, shape: LayerShape, level: int) -> UpLevel:
    widths = config.block_out_channels[::-1]
    out, skip_in = widths[level], widths[min(level + 1, len(widths) - 1)]
    rows = config.layers_per_block + 1
    channels = []
    for row in range(rows):
        before = widths[max(level - 1, 0)] if row == 0 else out
        skip = skip_in if row == rows - 1 else out
        channels.append((before + skip, out))
    return UpLevel(
        channels,
        shape,
        spatial=_is_cross(config.up_block_types[level]),
        temporal=config.use_motion_module
        and 2 ** (len(widths) - 1 - level) in config.motion_module_resolutions,
        last=level == len(widths) - 1,
    )


def _is_cross(block_type: str) -> bool:
    kinds = {
        "CrossAttnDownBlock3D": True,
        "DownBlock3D": False,
        "CrossAttnUpBlock3D": True,
        "UpBlock3D": False,
    }
    if block_type not in kinds:
        raise WeightsError(f"the U-Net configuration has an unknown block type {block_type!r}")
    return kinds[block_type]
