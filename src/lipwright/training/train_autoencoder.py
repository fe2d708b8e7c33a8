"""Crops to latents and back: patches drawn mostly around the mouth, then the decoder alone."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lipwright.device import quick_autocast
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig
from lipwright.training.clip_material import ClipMaterial
from lipwright.training.config import AutoencoderConfig
from lipwright.training.loop import Stage

BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green, blue: BT.601
ENERGY_PX = 6
GRID_CELLS = 4
ENERGY_FLOOR = 1e-5  # of squared differences in -1..1: below it there is nothing to see
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


def energy_distance(a: Float[Tensor, "n 3 h w"], b: Float[Tensor, "n 3 h w"]) -> Tensor:
    """How unlike the strength of edges and grain is around each place, wherever exactly they lie.

    L1 between the root mean squares, over squares of ENERGY_PX, of both first differences and of the
    Laplacian of the brightness: asked of each colour alone, edges get coloured fringes. Squared errors
    reward a decoder for blurring what it cannot place; this asks for as much of it as there is.
    """
    parts = [(x - y).abs().mean() for x, y in zip(_energies(a), _energies(b), strict=True)]
    return torch.stack(parts).sum()


def grid_distance(a: Float[Tensor, "n 3 h w"], b: Float[Tensor, "n 3 h w"], cell: int) -> Tensor:
    """How much of the grain is a grid: what repeats every `cell` px, by place in the cell, over a few cells.

    A decoder that must show grain which it cannot place draws stripes with the period of its own blocks.
    """
    return functional.l1_loss(_locked(a, cell), _locked(b, cell))


def _laplacian(pictures: Float[Tensor, "n 3 h w"]) -> Tensor:
    """Four times each inner px less its four neighbours."""
    bent = 4 * pictures[..., 1:-1, 1:-1] - pictures[..., 1:-1, 2:] - pictures[..., 1:-1, :-2]
    return bent - pictures[..., 2:, 1:-1] - pictures[..., :-2, 1:-1]


def _locked(pictures: Float[Tensor, "n 3 h w"], cell: int) -> Tensor:
    bent = _laplacian(pictures)
    height, width = (side // cell * cell for side in bent.shape[-2:])
    phases = functional.pixel_unshuffle(bent[..., :height, :width], cell)
    return functional.avg_pool2d(phases, min(GRID_CELLS, *phases.shape[-2:]), 1)


def _energies(pictures: Float[Tensor, "n 3 h w"]) -> list[Tensor]:
    grey = (pictures * pictures.new_tensor(BRIGHTNESS)[:, None, None]).sum(1, keepdim=True)
    inner = grey[..., 1:-1, 1:-1]
    across = grey[..., 1:-1, 2:] - inner
    down = grey[..., 2:, 1:-1] - inner
    return [
        (functional.avg_pool2d(found.square(), ENERGY_PX, ENERGY_PX // 2) + ENERGY_FLOOR).sqrt()
        for found in (across, down, _laplacian(grey))
    ]


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


def train_decoder(
    folder: Path,
    start: PixelAutoencoder,
    config: AutoencoderConfig,
    clips: ClipMaterial,
    seed: int,
    say: Callable[[str], None],
) -> tuple[PixelAutoencoder, Stage]:
    """The decoder goes on alone, for sharp edges and grain, while the encoder and every latent stay."""
    start.requires_grad_(True)
    start.encoder.requires_grad_(False)
    stage = Stage(
        "decoder",
        start,
        folder,
        config.decoder_steps,
        config.decoder_rate,
        seed + 1,
        ema=0.998,
        say=say,
        trained=list(start.decoder.parameters()),
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
        grain = energy_distance(found.float(), true)
        grid = grid_distance(found.float(), true, start.config.factor)
        loss = picture + config.energy_weight * grain + config.grid_weight * grid
        return {"loss": loss, "picture": picture, "energy": grain, "grid": grid}

    def check() -> dict[str, float]:
        assert isinstance(stage.result, PixelAutoencoder)
        return _check(stage.result, clips)

    stage.run(losses, check)
    result = stage.result
    assert isinstance(result, PixelAutoencoder)
    return result.eval(), stage
