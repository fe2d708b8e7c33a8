"""One step of the U-Net's training: noisy latents in, up to four distances out.

Stage 1 is noise prediction alone; stage 2 adds judges of decoded pixels and moves only the temporal and
attention layers. All numbers are the published ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from lipwright.diffusion.schedule import Schedule
from lipwright.models.perceptual import OwnFeatures, Perceptual
from lipwright.models.stable_syncnet import StableSyncNet
from lipwright.models.videomae import VideoMAE
from lipwright.training.losses import (
    SYNC_SIDE,
    SYNC_TOP,
    latent_sync_loss,
    perceptual_loss,
    reconstruction_loss,
    sync_loss,
    trepa_loss,
)

TRAINED = ("motion_modules.", "attentions.")
"""Parts of the names of the tensors that stage 2 trains."""
TRAINED_EFFICIENT = ("motion_modules.", "attn2.")
"""The same for the configuration that fits on a small card."""
LEARNING_RATE = 1e-5
LARGEST_NORM = 1.0


@dataclass(frozen=True)
class LossWeights:
    """How much each distance counts; one that counts nothing is not computed."""

    reconstruction: float = 1.0
    sync: float = 0.05
    perceptual: float = 0.1
    trepa: float = 10.0


@dataclass(frozen=True)
class Judges:
    """Frozen networks that look at what a prediction implies; None where there is none.

    decode: scaled latents (n, 4, y, x) to pictures -1..1 (n, 3, h, w), gradients flowing. sync_side: width of
    the pictures that the SyncNet knows; None when it looks at latents. sync_top, look_top: shares of the
    picture above what SyncNet and the perceptual judge look at. look: as `decode`, for the perceptual judge
    where it sees a few frames only; None where it sees all that `decode` gives.
    """

    decode: Callable[[Tensor], Tensor] | None = None
    syncnet: StableSyncNet | None = None
    videomae: VideoMAE | None = None
    perceptual: Perceptual | OwnFeatures | None = None
    sync_side: int | None = SYNC_SIDE
    sync_top: float = SYNC_TOP
    look_top: float = SYNC_TOP
    look: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Batch:
    """Clips of one step. Latents are (b, 4, f, y, x) and scaled; pixels -1..1, None where no judge compares
    with them; mask: 1 keep, 0 repaint.

    audio None leaves the cross-attention out. weight: of each place of the reconstruction loss, None for 1.
    looked: true pictures of the n frames of each clip from `look_at` on, for a perceptual judge of a few.
    """

    pixels: Float[Tensor, "b f 3 h w"] | None
    clean: Float[Tensor, "b 4 f y x"]
    masked: Float[Tensor, "b 4 f y x"]
    reference: Float[Tensor, "b 4 f y x"]
    latent_mask: Float[Tensor, "y x"]
    audio: Float[Tensor, "b f n d"]
    mel: Float[Tensor, "b 1 80 52"] | None
    noise: Float[Tensor, "b 4 f y x"]
    t: Int[Tensor, " b"]
    weight: Float[Tensor, "y x"] | None = None
    looked: Float[Tensor, "b n 3 h w"] | None = None
    look_at: Int[Tensor, " b"] | None = None


@dataclass(frozen=True)
class StepLosses:
    """The distances of one step, and what they were measured on. Those that do not count are None."""

    reconstruction: Tensor
    sync: Tensor | None
    perceptual: Tensor | None
    trepa: Tensor | None
    total: Tensor
    prediction: Float[Tensor, "b 4 f y x"]
    clean: Float[Tensor, "b 4 f y x"]
    pixels: Float[Tensor, "b f 3 h w"] | None

    def parts(self) -> dict[str, Tensor]:
        """By name, the sum as `loss`."""
        named = {
            "loss": self.total,
            "reconstruction": self.reconstruction,
            "sync": self.sync,
            "perceptual": self.perceptual,
            "trepa": self.trepa,
        }
        return {name: value for name, value in named.items() if value is not None}


def step_losses(
    unet: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    judges: Judges,
    schedule: Schedule,
    batch: Batch,
    weights: LossWeights,
) -> StepLosses:
    """All distances of one batch; gradients flow through the decoder into the network.

    A distance counts when its weight is above 0 and its judge is there.
    """
    noisy = schedule.add_noise(batch.clean, batch.noise, batch.t)
    mask = repeat(batch.latent_mask.to(noisy), "y x -> b 1 f y x", b=len(noisy), f=noisy.shape[2])
    shown = torch.cat([noisy, mask, batch.masked, batch.reference], dim=1)
    prediction = unet(shown, batch.t, batch.audio)
    target = schedule.target(batch.clean, batch.noise, batch.t)
    clean = schedule.clean_estimate(noisy, prediction, batch.t)
    reconstruction = _reconstruction(prediction, target, batch.weight)
    total = weights.reconstruction * reconstruction

    sync_counts = judges.syncnet is not None and weights.sync > 0
    perceptual_counts = judges.perceptual is not None and weights.perceptual > 0
    trepa_counts = judges.videomae is not None and weights.trepa > 0
    pixels = None
    pictured = perceptual_counts and judges.look is None
    if pictured or trepa_counts or (sync_counts and judges.sync_side is not None):
        assert judges.decode is not None, "judges of pixels come with a decoder"
        frames = judges.decode(rearrange(clean, "b c f y x -> (b f) c y x"))
        pixels = rearrange(frames, "(b f) c h w -> b f c h w", b=len(noisy))
    sync = perceptual = trepa = None
    if sync_counts and judges.syncnet is not None:
        assert batch.mel is not None, "a SyncNet hears the sound of its frames"
        if judges.sync_side is None or pixels is None:
            sync = latent_sync_loss(judges.syncnet, clean, batch.mel)
        else:
            sync = sync_loss(judges.syncnet, pixels, batch.mel, judges.sync_side, judges.sync_top)
        total = total + weights.sync * sync
    if perceptual_counts and judges.perceptual is not None:
        made, true = (pixels, batch.pixels) if judges.look is None else _looked(judges.look, batch, clean)
        assert made is not None and true is not None, "the perceptual judge compares with the true pictures"
        perceptual = perceptual_loss(judges.perceptual, made, true, judges.look_top)
        total = total + weights.perceptual * perceptual
    if trepa_counts and judges.videomae is not None and pixels is not None:
        assert batch.pixels is not None, "TREPA compares with the true pictures"
        trepa = trepa_loss(judges.videomae, pixels, batch.pixels)
        total = total + weights.trepa * trepa
    return StepLosses(reconstruction, sync, perceptual, trepa, total, prediction, clean, pixels)


def _looked(
    look: Callable[[Tensor], Tensor], batch: Batch, clean: Float[Tensor, "b 4 f y x"]
) -> tuple[Tensor, Tensor]:
    """Made and true pictures of the few frames that the perceptual judge sees."""
    assert batch.looked is not None and batch.look_at is not None, "a judge of a few frames knows which"
    count = batch.looked.shape[1]
    few = [latents[:, int(at) : int(at) + count] for latents, at in zip(clean, batch.look_at, strict=True)]
    made = look(rearrange(torch.stack(few), "b c f y x -> (b f) c y x"))
    return rearrange(made, "(b f) c h w -> b f c h w", b=len(clean)), batch.looked


def _reconstruction(prediction: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return reconstruction_loss(prediction, target)
    return ((prediction.float() - target.float()).square() * weight.to(prediction.device)).mean()


def trained(network: nn.Module, parts: Sequence[str] = TRAINED) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters whose names hold one of `parts`, made trainable; all others are frozen."""
    for name, parameter in network.named_parameters():
        chosen = any(part in name for part in parts)
        parameter.requires_grad_(chosen)
        if chosen:
            yield name, parameter


def optimiser(parameters: Sequence[nn.Parameter]) -> torch.optim.AdamW:
    """AdamW as published."""
    return torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


def clip_gradients(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Scale gradients down to a total norm of 1 at most; returns their norm before."""
    return torch.nn.utils.clip_grad_norm_(parameters, LARGEST_NORM)
