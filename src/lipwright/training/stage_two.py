"""One step of stage 2: noisy latents in, four distances out, the temporal and attention layers moved.

Stage 2 adds judges of decoded pixels to the noise prediction of stage 1. All numbers are the published ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from lipwright.diffusion.schedule import Schedule
from lipwright.latents.codec import SCALE
from lipwright.models import vae as autoencoder
from lipwright.models.stable_syncnet import StableSyncNet
from lipwright.models.unet import UNet3D
from lipwright.models.videomae import VideoMAE
from lipwright.training.losses import SYNC_SIDE, reconstruction_loss, sync_loss, trepa_loss

TRAINED = ("motion_modules.", "attentions.")
"""Parts of the names of the tensors that stage 2 trains."""
LEARNING_RATE = 1e-5
LARGEST_NORM = 1.0


@dataclass(frozen=True)
class LossWeights:
    """How much each distance counts."""

    reconstruction: float = 1.0
    sync: float = 0.05
    trepa: float = 10.0


@dataclass(frozen=True)
class Judges:
    """Frozen networks that look at what a prediction implies. scale: of the autoencoder's latents."""

    vae: nn.Module
    syncnet: StableSyncNet
    videomae: VideoMAE
    sync_side: int = SYNC_SIDE
    scale: float = SCALE


@dataclass(frozen=True)
class Batch:
    """Clips of one step. Latents are (b, 4, f, y, x) and scaled; pixels -1..1; mask: 1 keep, 0 repaint."""

    pixels: Float[Tensor, "b f 3 h w"]
    clean: Float[Tensor, "b 4 f y x"]
    masked: Float[Tensor, "b 4 f y x"]
    reference: Float[Tensor, "b 4 f y x"]
    latent_mask: Float[Tensor, "y x"]
    audio: Float[Tensor, "b f n d"]
    mel: Float[Tensor, "b 1 80 52"]
    noise: Float[Tensor, "b 4 f y x"]
    t: Int[Tensor, " b"]


@dataclass(frozen=True)
class StepLosses:
    """The distances of one step, and what they were measured on."""

    reconstruction: Tensor
    sync: Tensor
    trepa: Tensor
    total: Tensor
    prediction: Float[Tensor, "b 4 f y x"]
    clean: Float[Tensor, "b 4 f y x"]
    pixels: Float[Tensor, "b f 3 h w"]


def step_losses(
    unet: UNet3D, judges: Judges, schedule: Schedule, batch: Batch, weights: LossWeights
) -> StepLosses:
    """All distances of one batch; gradients flow through the decoder into the network."""
    noisy = schedule.add_noise(batch.clean, batch.noise, batch.t)
    mask = repeat(batch.latent_mask.to(noisy), "y x -> b 1 f y x", b=len(noisy), f=noisy.shape[2])
    shown = torch.cat([noisy, mask, batch.masked, batch.reference], dim=1)
    prediction: Tensor = unet(shown, batch.t, batch.audio)
    target = schedule.target(batch.clean, batch.noise, batch.t)
    clean = schedule.clean_estimate(noisy, prediction, batch.t)
    frames = rearrange(clean, "b c f y x -> (b f) c y x") / judges.scale
    pixels = rearrange(autoencoder.decode(judges.vae, frames), "(b f) c h w -> b f c h w", b=len(noisy))
    reconstruction = reconstruction_loss(prediction, target)
    sync = sync_loss(judges.syncnet, pixels, batch.mel, judges.sync_side)
    trepa = trepa_loss(judges.videomae, pixels, batch.pixels)
    total = weights.reconstruction * reconstruction + weights.sync * sync + weights.trepa * trepa
    return StepLosses(reconstruction, sync, trepa, total, prediction, clean, pixels)


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
