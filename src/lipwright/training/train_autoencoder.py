"""Crops to latents and back: patches drawn mostly around the mouth, then the decoder alone."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lipwright.device import quick_autocast
from lipwright.models.critic import PatchCritic, adversarial_losses, trained_together
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig
from lipwright.training.clip_material import ClipMaterial
from lipwright.training.config import AutoencoderConfig
from lipwright.training.loop import Stage

HELD_IDENTITIES = 20  # the first ones: never trained on, measured for the curve


def to_range(pictures: NDArray[np.uint8]) -> Float[Tensor, "n 3 h w"]:
    """(n, h, w, 3) bytes to -1..1, channels last in memory."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def gradient_distance(a: Float[Tensor, "n 3 h w"], b: Float[Tensor, "n 3 h w"]) -> Tensor:
    """L1 of the differences of neighbours 1, 2 and 4 px apart: edges matter more than flat skin."""
    d = a - b
    parts = [
        (d[..., k:] - d[..., :-k]).abs().mean() + (d[..., k:, :] - d[..., :-k, :]).abs().mean()
        for k in (1, 2, 4)
    ]
    return torch.stack(parts).sum() / 3


def picture_loss(a: Float[Tensor, "n 3 h w"], b: Float[Tensor, "n 3 h w"], gradient_weight: float) -> Tensor:
    """L1 + squared error + edges, all in the -1..1 range."""
    return functional.l1_loss(a, b) + functional.mse_loss(a, b) + gradient_weight * gradient_distance(a, b)


def psnr(a: Tensor, b: Tensor) -> float:
    """Decibel for pictures in -1..1 (peak 2)."""
    return float(10 * torch.log10(4 / (a - b).square().mean().clamp(min=1e-10)))


def draw_patches(
    clips: ClipMaterial,
    frames: NDArray[np.int64],
    config: AutoencoderConfig,
    generator: torch.Generator,
) -> Float[Tensor, "n 3 p p"]:
    """Square patches of drawn frames, two in five from sources, some mirrored, colours varied."""
    size, patch = clips.target.shape[1], config.patch_px
    draw = torch.rand(len(frames), 6, generator=generator).numpy()
    out = []
    for frame, (side, near, x, y, flip, _) in zip(frames, draw, strict=True):
        picture = (clips.source if side < 0.4 else clips.target)[frame]
        left, top = x * (size - patch), y * (size - patch)
        if near < config.mouth_share:
            box = clips.mouth[frame]
            left = (box[0] + box[2] - patch) / 2 + (x - 0.5) * patch * 0.6
            top = (box[1] + box[3] - patch) / 2 + (y - 0.5) * patch * 0.6
        left, top = int(np.clip(left, 0, size - patch)), int(np.clip(top, 0, size - patch))
        piece = picture[top : top + patch, left : left + patch]
        out.append(piece[:, ::-1] if flip < 0.5 else piece)
    patches = to_range(np.stack(out))
    gain = 1 + 0.12 * torch.randn(len(out), 3, 1, 1, generator=generator)
    shift = 0.08 * torch.randn(len(out), 3, 1, 1, generator=generator)
    return (patches * gain + shift).clamp(-1, 1)


def _check(network: PixelAutoencoder, clips: ClipMaterial) -> dict[str, float]:
    held = np.flatnonzero(np.asarray(clips.identity) < HELD_IDENTITIES)[::5][:48]
    with torch.no_grad():
        true = to_range(clips.target[held])
        found = network(true)
    mouths, edges = [], []
    for i, frame in enumerate(held):
        left, top, right, bottom = (int(v) for v in np.clip(clips.mouth[frame], 0, true.shape[-1] - 1))
        area = (i, slice(None), slice(top, bottom + 1), slice(left, right + 1))
        mouths.append(psnr(found[area], true[area]))
        edges.append([_edges(found[area]), _edges(true[area])])
    sharp = np.asarray(edges).mean(axis=0)
    return {
        "held_psnr": psnr(found, true),
        "held_psnr_mouth": float(np.mean(mouths)),
        "held_sharpness": float(sharp[0] / max(sharp[1], 1e-9)),
    }


def _edges(picture: Float[Tensor, "3 h w"]) -> float:
    """Variance of the Laplacian, as `evaluate presenter` measures sharpness."""
    grey = np.asarray(picture.mean(0).clamp(-1, 1), np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def train_autoencoder(
    folder: Path, config: AutoencoderConfig, clips: ClipMaterial, seed: int, say: Callable[[str], None]
) -> tuple[PixelAutoencoder, Stage]:
    """Both halves together, latents under light noise and a light pull to small power."""
    torch.manual_seed(seed)
    network = PixelAutoencoder(PixelAutoencoderConfig(channels=config.channels, block_px=config.block_px))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stage = Stage("autoencoder", network, folder, config.steps, config.rate, seed, ema=0.995, say=say)
    trained = np.flatnonzero(np.asarray(clips.identity) >= min(HELD_IDENTITIES, int(clips.identity.max())))

    def losses(generator: torch.Generator) -> dict[str, Tensor]:
        frames = trained[torch.randint(len(trained), (config.batch,), generator=generator).numpy()]
        true = draw_patches(clips, frames, config, generator)
        with quick_autocast():
            latents = network.encode(true).float()
            noise = torch.randn(latents.shape, generator=generator) * config.latent_noise
            found = network.decode(latents + noise * latents.detach().std())
        picture = picture_loss(found.float(), true, config.gradient_weight)
        return {"loss": picture + config.latent_power * latents.square().mean(), "picture": picture}

    def check() -> dict[str, float]:
        assert isinstance(stage.result, PixelAutoencoder)
        return _check(stage.result, clips)

    stage.run(losses, check)
    result = stage.result
    assert isinstance(result, PixelAutoencoder)
    return result.eval(), stage


class _Pupil(nn.Module):
    """The autoencoder with its critic: one state, one step."""

    def __init__(self, autoencoder: PixelAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.critic = PatchCritic()


def train_decoder(
    folder: Path,
    start: PixelAutoencoder,
    config: AutoencoderConfig,
    clips: ClipMaterial,
    seed: int,
    say: Callable[[str], None],
) -> tuple[PixelAutoencoder, Stage]:
    """The decoder goes on alone, a critic beside it, while the encoder and every latent stay as they are."""
    torch.manual_seed(seed)  # the critic's first weights
    start.requires_grad_(True)
    start.encoder.requires_grad_(False)
    pupil = _Pupil(start)
    stage = Stage(
        "decoder",
        pupil,
        folder,
        config.decoder_steps,
        config.decoder_rate,
        seed + 1,
        ema=0.998,
        say=say,
        trained=list(trained_together(pupil)),
    )
    trained = np.flatnonzero(np.asarray(clips.identity) >= min(HELD_IDENTITIES, int(clips.identity.max())))

    def losses(generator: torch.Generator) -> dict[str, Tensor]:
        frames = trained[torch.randint(len(trained), (config.decoder_batch,), generator=generator).numpy()]
        true = draw_patches(clips, frames, config, generator)
        with quick_autocast():
            with torch.no_grad():
                latents = start.encode(true).float()
            noise = torch.randn(latents.shape, generator=generator) * config.latent_noise * 0.5
            found = start.decode(latents + noise * latents.std())
        picture = picture_loss(found.float(), true, config.gradient_weight)
        if config.adversarial_weight == 0:
            return {"loss": picture, "picture": picture}
        critic, wish = adversarial_losses(pupil.critic, found.float(), true)
        weight = config.adversarial_weight if stage.step >= config.adversarial_from else 0.0
        return {"loss": picture + critic + weight * wish, "picture": picture, "critic": critic, "wish": wish}

    def check() -> dict[str, float]:
        return _check(_autoencoder_of(stage), clips)

    stage.run(losses, check)
    return _autoencoder_of(stage).eval(), stage


def _autoencoder_of(stage: Stage) -> PixelAutoencoder:
    result = stage.result
    assert isinstance(result, _Pupil)
    return result.autoencoder
