"""Memory of one training step, counted: every tensor that lives at the step's peak, without any memory used.

Networks are built on the meta device, and a step is traced there: what autograd keeps for the backward pass
is counted storage by storage, attention as the fused kernel keeps it. What a device adds (its context, work
space, fragments) is told apart as an allowance.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lipwright.errors import OptionError
from lipwright.models.perceptual import Perceptual
from lipwright.models.stable_syncnet import RELEASED, StableSyncNet
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.models.unet_blocks import Condition
from lipwright.models.vae import build_vae
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.models.whisper import AudioEncoder, WhisperConfig
from lipwright.training.lora import add_lora
from lipwright.training.losses import lower_halves
from lipwright.training.stage_two import trained
from lipwright.training.unet_config import UNetRun

GIB = 1 << 30
ALLOWANCE = 1.5 * GIB  # context, kernels' work space and fragments on a card; an assumption, not counted
MOMENTS = 2  # of AdamW, float32
# Stable Diffusion's autoencoder (its published configuration) and Whisper tiny: what released runs hold.
SD_VAE_SETTINGS = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}
AUDIO_TOKENS = 50


@dataclass(frozen=True)
class Estimate:
    """Bytes of one process by what they are for."""

    title: str
    weights: int
    casts: int
    gradients: int
    optimiser: int
    frozen: int
    unet_activations: int
    judge_activations: int
    values_trained: int

    @property
    def total(self) -> float:
        """The larger of two peaks, with the allowance: at the end of the forward pass, and in the optimiser's
        step, which needs as much again as there are gradients.
        """
        return self.weights + self.gradients + self.optimiser + self._moving

    @property
    def wrapped(self) -> float:
        """As the released code measures itself: always wrapped for many processes, whose exchange holds a
        second copy of the gradients.
        """
        return self.total + self.gradients

    @property
    def _moving(self) -> float:
        """What comes and goes within a step."""
        forward = self.casts + self.unet_activations + self.judge_activations
        return max(forward, self.gradients) + self.frozen + ALLOWANCE

    def sharded(self, processes: int) -> float:
        """Per process when weights, gradients and moments are spread over so many (fully sharded)."""
        return (self.weights + self.gradients + self.optimiser) / processes + self._moving


class _Keeper:
    """Sums the storages that autograd packs away, each once; those of weights are counted elsewhere."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        self.seen = {id(tensor.untyped_storage()): tensor.untyped_storage() for tensor in known}
        self.total = 0

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in self.seen:
            self.seen[id(storage)] = storage  # kept alive: an id must not come back for another storage
            self.total += storage.nbytes()
        return tensor


class _Fused(torch.autograd.Function):
    """Attention as a fused kernel remembers it: inputs, result and one number per row; never the matrix."""

    @staticmethod
    def forward(context: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        rows = torch.empty(q.shape[:-1], dtype=torch.float32, device=q.device)
        context.save_for_backward(q, k, v, out, rows)
        return out

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError("only forward passes are counted")


class _FusedAttention(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is nn.functional.scaled_dot_product_attention:
            return _Fused.apply(*args[:3])  # type: ignore[no-untyped-call]
        return func(*args, **({} if kwargs is None else kwargs))


@contextmanager
def _kept(*networks: nn.Module) -> Iterator[_Keeper]:
    keeper = _Keeper([tensor for network in networks for tensor in network.parameters()])
    hooks = torch.autograd.graph.saved_tensors_hooks(keeper.pack, lambda tensor: tensor)
    with torch.device("meta"), _FusedAttention(), hooks:
        yield keeper


def estimate(run: UNetRun, title: str = "") -> Estimate:
    """Count one step of a released-size run: batch and accumulation of one process as configured.

    The base's U-Net configuration is taken to be the released one, changed by `unet`. Raises OptionError for
    runs from `tiny`, whose step needs no estimate.
    """
    if run.base == "tiny":
        raise OptionError(
            "A run on `tiny` needs less than 2 GB; estimates are for the released size: say "
            "--from latentsync-1.5."
        )
    side = run.side if run.side is not None else (512 if run.base.endswith("1.6") else 256)
    # Activations are counted as the number format of autocast gives them; master weights are float32.
    half = torch.float32 if run.fit.precision == "fp32" else torch.bfloat16
    with torch.device("meta"):
        unet = UNet3D(UNetConfig.from_json(dict(run.unet)))
        unet.gradient_checkpointing = run.gradient_checkpointing
    everything = sum(p.numel() for p in unet.parameters())
    moved = (
        add_lora(unet, run.lora_rank, run.trained_parts)
        if run.lora_rank
        else dict(trained(unet, run.trained_parts if run.trained_parts else ("",)))
    )
    values = sum(p.numel() for p in moved.values())
    unet.to("meta", half)
    activations, prediction = _unet_step(unet, run, side, half)
    frozen, judged = _judges(run, side, half, prediction)
    average = values * 4 if run.fit.ema > 0 else 0
    return Estimate(
        title if title else f"stage {run.stage}, {side} px",
        weights=everything * 4 + (values * 4 if run.lora_rank else 0) + average,
        casts=0 if half == torch.float32 else everything * 2,
        gradients=values * 4,
        optimiser=values * 4 * MOMENTS,
        frozen=frozen,
        unet_activations=activations,
        judge_activations=judged,
        values_trained=values,
    )


def _unet_step(unet: UNet3D, run: UNetRun, side: int, half: torch.dtype) -> tuple[int, tuple[int, ...]]:
    batch, frames, small = run.fit.batch, run.frames, side // 8
    with torch.device("meta"):
        x = torch.zeros(batch, 13, frames, small, small, dtype=half)
        audio = torch.zeros(batch, frames, AUDIO_TOKENS, unet.config.cross_attention_dim, dtype=half)
        t = torch.zeros(batch, dtype=torch.long)
        with _kept(unet) as keeper:
            unet(x, t, audio)
        total = keeper.total
        if run.gradient_checkpointing:  # backward recomputes one row at a time: the largest lives once more
            total += _largest_row(unet, batch * frames, small, half)
    return total, (batch, frames, small)


def _largest_row(unet: UNet3D, rows: int, small: int, half: torch.dtype) -> int:
    """What the first level's row keeps inside while it is recomputed; it has the most pixels."""
    width = unet.config.block_out_channels[0]
    unet.gradient_checkpointing = False
    with torch.device("meta"):
        level = unet.up_blocks[-1]
        told = Condition(
            torch.zeros(1, 4 * width, dtype=half),
            torch.zeros(rows, AUDIO_TOKENS, unet.config.cross_attention_dim, dtype=half),
            rows,
        )
        x = torch.zeros(rows, 2 * width, small, small, dtype=half, requires_grad=True)
        with _kept(unet) as keeper:
            level.row(len(level.resnets) - 1, x, told)  # type: ignore[operator,arg-type]
    return keeper.total


def _judges(run: UNetRun, side: int, half: torch.dtype, shape: tuple[int, ...]) -> tuple[int, int]:
    """(bytes of frozen networks, bytes that their backward pass keeps)."""
    batch, frames, small = shape
    weights = run.weights
    with torch.device("meta"):
        # diffusers' own `to` warns about a list of modules that is empty here.
        vae = nn.Module.to(build_vae(SD_VAE_SETTINGS), half).requires_grad_(False)
        ears = AudioEncoder(WhisperConfig()).requires_grad_(False)
        networks: list[nn.Module] = [vae, ears]
        kept = 0
        if weights.sync > 0 or weights.perceptual > 0 or weights.trepa > 0:
            if run.gradient_checkpointing:
                vae.enable_gradient_checkpointing()  # type: ignore[operator]
            latents = torch.zeros(batch * frames, 4, small, small, dtype=half, requires_grad=True)
            with _kept(vae) as keeper:
                pixels = vae.decode(latents).sample  # type: ignore[operator]
            kept += keeper.total + _inside_decoder(
                vae, batch * frames, side, half, run.gradient_checkpointing
            )
            video = rearrange(pixels.detach(), "(b f) c h w -> b f c h w", b=batch).requires_grad_(True)
            for network, look in _lookers(run, half):
                networks.append(network)
                with _kept(network) as keeper:
                    look(network, video)
                kept += keeper.total
    total = sum(p.numel() * p.element_size() for network in networks for p in network.parameters())
    return total, kept


def _inside_decoder(vae: nn.Module, rows: int, side: int, half: torch.dtype, checkpointing: bool) -> int:
    """The decoder's last block, recomputed during the backward pass: half of all its memory at full size."""
    if not checkpointing:
        return 0
    block = vae.get_submodule("decoder.up_blocks.3")
    x = torch.zeros(rows, 256, side, side, dtype=half, device="meta", requires_grad=True)
    with _kept(vae) as keeper:
        block(x)
    return keeper.total


def _lookers(run: UNetRun, half: torch.dtype) -> list[tuple[nn.Module, Callable[[Any, Tensor], None]]]:
    found: list[tuple[nn.Module, Callable[[Any, Tensor], None]]] = []
    weights = run.weights

    def frozen(network: nn.Module, dtype: torch.dtype) -> nn.Module:
        for module in network.modules():
            if hasattr(module, "gradient_checkpointing"):
                module.gradient_checkpointing = run.gradient_checkpointing  # type: ignore[assignment]
        return network.to("meta", dtype).requires_grad_(False)

    if weights.sync > 0:
        found.append((frozen(StableSyncNet(RELEASED["pixel_attn"]), half), _sync))
    if weights.trepa > 0:
        found.append((frozen(VideoMAE(VideoMAEConfig()), half), _trepa))
    if weights.perceptual > 0:
        found.append((frozen(Perceptual(), torch.float32), _perceptual))
    return found


def _sync(network: StableSyncNet, video: Tensor) -> None:
    network.visual_encoder(lower_halves(video))


def _trepa(network: VideoMAE, video: Tensor) -> None:
    frames = rearrange(video, "b f c h w -> (b f) c h w")
    seen = nn.functional.interpolate(frames.float(), (224, 224), mode="bicubic") / 2 + 0.5
    network(rearrange(seen.clamp(0, 1), "(b f) c h w -> b c f h w", b=len(video)).to(video.dtype))


def _perceptual(network: Perceptual, video: Tensor) -> None:
    lower = rearrange(video[..., video.shape[-2] // 2 :, :].float(), "b f c h w -> (b f) c h w")
    network(lower, torch.zeros_like(lower))


def table(rows: Sequence[Estimate]) -> str:
    """Markdown, GB of 10^9 bytes."""
    head = (
        *("run", "values trained", "weights", "casts", "gradients", "AdamW", "frozen", "U-Net keeps"),
        *("judges keep", "in all", "wrapped", "sharded over 8"),
    )
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for row in rows:
        sizes = [row.weights, row.casts, row.gradients, row.optimiser, row.frozen]
        sizes += [row.unet_activations, row.judge_activations]
        sums = (f"**{row.total / 1e9:.1f}**", f"{row.wrapped / 1e9:.1f}", f"{row.sharded(8) / 1e9:.1f}")
        cells = [
            row.title,
            f"{row.values_trained / 1e6:.1f} M",
            *(f"{size / 1e9:.1f}" for size in sizes),
            *sums,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
