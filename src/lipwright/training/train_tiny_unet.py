"""Tokens and latents to the mouth: the U-Net of `tiny`, v-prediction on independent frames."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from lipwright.device import quick_autocast
from lipwright.diffusion.denoiser import Denoiser
from lipwright.diffusion.noise import over_frames, shared_noise
from lipwright.diffusion.samplers import sample
from lipwright.diffusion.schedule import TRAINING_STEPS, Schedule
from lipwright.faces.mask import TINY_MASK
from lipwright.latents.conditioning import latent_mask
from lipwright.models.articulation import Heard, with_places
from lipwright.models.listener import Listener, own_level, relative
from lipwright.models.pixel_autoencoder import PixelAutoencoder
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.speech.per_frame import AFTER, BEFORE
from lipwright.training.clip_material import ClipMaterial
from lipwright.training.config import UNetTrainConfig
from lipwright.training.loop import Stage
from lipwright.training.roughen_ears import roughen_ears
from lipwright.training.speech_material import SpeechMaterial
from lipwright.training.train_autoencoder import HELD_IDENTITIES, to_range
from lipwright.weights.load import load_checkpoint

SCHEDULE = Schedule(prediction_type="v_prediction", spacing="trailing")


def unet_config(config: UNetTrainConfig, token_width: int, latent_px: int) -> UNetConfig:
    """The released architecture at toy size, its group norms seeing one frame at a time."""
    levels = len(config.channels)
    return UNetConfig(
        block_out_channels=config.channels,
        down_block_types=("CrossAttnDownBlock3D",) * levels,
        up_block_types=("CrossAttnUpBlock3D",) * levels,
        layers_per_block=config.layers_per_block,
        attention_head_dim=config.heads,
        cross_attention_dim=token_width,
        norm_num_groups=config.groups,
        norm_across_frames=False,
        sample_size=latent_px,
        use_motion_module=False,
    )


@dataclass
class LatentMaterial:
    """What the U-Net sees, encoded once. target, source, masked: (n, 4, y, x) scaled; weight (n, 1, y, x)."""

    target: Tensor
    source: Tensor
    masked: Tensor
    weight: Tensor
    keep: Float[Tensor, "1 1 y x"]
    tokens: Float[Tensor, "v t w"]  # clean and rough versions of all feature rows
    row: Float[Tensor, " n"]
    first: Tensor  # feature rows of the frame's utterance: first, one past the last
    last: Tensor
    identity: Tensor
    jaw: Tensor
    scaling: float


@torch.no_grad()
def listen_all(
    encoder: Listener, speech: SpeechMaterial, utterances: Iterable[int], seed: int
) -> Float[Tensor, "2 t w"]:
    """Feature rows of these utterances, clean and roughened; those of all others are 0."""
    generator = torch.Generator().manual_seed(seed)
    width = encoder.config.width + len(encoder.config.measures)
    out = torch.zeros(2, int(speech.starts[-1]), width, dtype=torch.float16)
    for utterance in utterances:
        span, mel = speech.rows(utterance), np.asarray(speech.mel[speech.columns(utterance)], np.float32).T
        quiet = torch.from_numpy(np.asarray(speech.visemes[span]) == 0).float()
        clean = torch.from_numpy(mel)[None]
        rough = roughen_ears(clean, quiet.repeat_interleave(2)[None, None], generator)
        versions = torch.cat([clean, rough])
        with quick_autocast():
            heard: Heard = encoder(relative(versions, own_level(versions)))
        out[:, span] = heard.tokens.to(torch.float16)
    return out


@torch.no_grad()
def encode_all(
    autoencoder: PixelAutoencoder,
    encoder: Listener,
    clips: ClipMaterial,
    speech: SpeechMaterial,
    config: UNetTrainConfig,
    seed: int,
    scaling: float | None = None,
) -> LatentMaterial:
    """Latents of targets, sources and masked sources; scaled to a spread of 1 of the targets, or as given."""
    size, factor = clips.target.shape[1], autoencoder.config.factor
    keep_mask = torch.from_numpy(TINY_MASK.keep_mask(size))[None, None]
    sets: dict[str, list[Tensor]] = {"target": [], "source": [], "masked": []}
    for start in range(0, len(clips), 64):
        part = slice(start, start + 64)
        source, target = to_range(clips.source[part]), to_range(clips.target[part])
        with quick_autocast():
            for key, pictures in (("target", target), ("source", source), ("masked", source * keep_mask)):
                sets[key].append(autoencoder.encode(pictures).to(torch.float32))
    latents = {key: torch.cat(parts) for key, parts in sets.items()}
    scaling = 1 / float(latents["target"].std()) if scaling is None else scaling
    keep = latent_mask(keep_mask[0, 0], factor).float()[None, None]
    weight = torch.where(keep > 0.5, config.outside_weight, 1.0).repeat(len(clips), 1, 1, 1)
    boxes = np.asarray(clips.mouth) / factor
    for i, (left, top, right, bottom) in enumerate(boxes):
        weight[i, 0, max(0, int(top) - 1) : int(bottom) + 2, max(0, int(left)) : int(right) + 1] = (
            config.mouth_weight
        )
    utterance = np.asarray(clips.utterance)
    return LatentMaterial(
        **{key: (value * scaling).to(torch.float16) for key, value in latents.items()},
        weight=weight / weight.mean(),
        keep=keep,
        tokens=listen_all(encoder, speech, np.unique(utterance).tolist(), seed),
        row=torch.from_numpy(np.array(clips.row)),
        first=torch.from_numpy(np.array(speech.starts[utterance])),
        last=torch.from_numpy(np.array(speech.starts[utterance + 1])),
        identity=torch.from_numpy(np.array(clips.identity)),
        jaw=torch.from_numpy(np.array(clips.measures[:, 0])),
        scaling=scaling,
    )


def frame_tokens(material: LatentMaterial, frames: Tensor, version: Tensor) -> Float[Tensor, "b n w"]:
    """The ten tokens of each frame, taken around its own row, never outside its utterance."""
    at = material.row[frames].long()[:, None] + torch.arange(-BEFORE, AFTER + 1)
    at = torch.maximum(torch.minimum(at, material.last[frames, None] - 1), material.first[frames, None])
    return with_places(material.tokens[version[:, None], at].float())


class _Lips:
    """A linear lip-reader on latents: how far open the drawn mouth is, for the curve only."""

    def __init__(self, material: LatentMaterial, held: int) -> None:
        self.area = (slice(None), slice(None), slice(3, 15), slice(2, 14))
        self.middle = material.target[self.area].float().mean(0, keepdim=True)
        train = material.identity >= held
        y = material.jaw[train]
        x = (material.target[train][self.area].float() - self.middle).flatten(1)
        self.weights = torch.linalg.solve(x.T @ x + 30.0 * torch.eye(x.shape[1]), x.T @ (y - y.mean()))

    def read(self, latents: Tensor) -> Tensor:
        read: Tensor = (latents.float()[self.area] - self.middle).flatten(1) @ self.weights
        return read


def _correlation(a: Tensor, b: Tensor) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-9))


@torch.no_grad()
def sample_frames(network: UNet3D, material: LatentMaterial, frames: Tensor, steps: int) -> Tensor:
    """What the network makes of these frames, as at inference: scaled latents (b, 4, y, x)."""
    tokens = frame_tokens(material, frames, torch.zeros_like(frames))
    height, width = material.target.shape[-2:]
    keep = material.keep.expand(len(frames), -1, -1, -1)
    shown = torch.cat([keep, material.masked[frames].float(), material.source[frames].float()], 1)
    denoiser = Denoiser(network, rearrange(shown, "f c y x -> 1 c f y x"), tokens[None])
    noise = over_frames(shared_noise(torch.Generator().manual_seed(3), height, width), len(frames))
    return rearrange(sample(denoiser, noise, SCHEDULE.solver("ddim", steps)), "1 c f y x -> f c y x")


def draw_times(
    count: int, met: Int[Tensor, " steps"], share: float, generator: torch.Generator
) -> Int[Tensor, " count"]:
    """Training steps 0 to 999: a share of them those that the bundle's own sampler meets."""
    anywhere = torch.randint(TRAINING_STEPS, (count,), generator=generator)
    there = met[torch.randint(len(met), (count,), generator=generator)]
    return torch.where(torch.rand(count, generator=generator) < share, there, anywhere)


def train_unet(
    folder: Path,
    config: UNetTrainConfig,
    material: LatentMaterial,
    seed: int,
    say: Callable[[str], None],
    start: Path | None = None,
) -> tuple[UNet3D, Stage]:
    """Train (or resume) on all but the held-out identities, from the weights of the file `start` if given."""
    torch.manual_seed(seed)
    latent_px = material.target.shape[-1]
    network = UNet3D(unet_config(config, material.tokens.shape[-1] + BEFORE + 1 + AFTER, latent_px))
    if start is not None:
        load_checkpoint(network, start)
    stage = Stage("unet", network, folder, config.steps, config.rate, seed, ema=config.ema, say=say)
    held = min(HELD_IDENTITIES, int(material.identity.max()))
    trained = torch.nonzero(material.identity >= held)[:, 0]
    held_frames = torch.nonzero(material.identity < held)[:, 0]
    lips = _Lips(material, held)
    met = SCHEDULE.sampler_times(config.sampler_steps)

    def losses(generator: torch.Generator) -> dict[str, Tensor]:
        b = config.batch
        frames = trained[torch.randint(len(trained), (b,), generator=generator)]
        tokens = frame_tokens(material, frames, torch.randint(2, (b,), generator=generator))
        tokens = tokens * (torch.rand(b, 1, 1, generator=generator) >= config.audio_dropout)
        other = (frames + torch.randint(-6, 7, (b,), generator=generator)).clamp(0, len(material.row) - 1)
        use = (torch.rand(b, generator=generator) < config.other_reference) & (
            material.identity[other] == material.identity[frames]
        )
        reference = material.source[torch.where(use, other, frames)].float()
        clean = material.target[frames].float()
        t = draw_times(b, met, config.sampler_share, generator)
        noise = torch.randn(clean.shape, generator=generator)
        noisy = SCHEDULE.add_noise(clean, noise, t)
        keep = material.keep.expand(b, -1, -1, -1)
        inputs = torch.cat([noisy, keep, material.masked[frames].float(), reference], 1)[:, :, None]
        with quick_autocast():
            found = network(inputs, t, tokens[:, None])
        wanted = SCHEDULE.target(clean, noise, t)
        error = functional.mse_loss(found[:, :, 0].float(), wanted, reduction="none").mean(1, keepdim=True)
        return {"loss": (error * material.weight[frames]).mean()}

    def check() -> dict[str, float]:
        frames = held_frames[:: max(1, len(held_frames) // 96)][:96]
        assert isinstance(stage.result, UNet3D)
        found = sample_frames(stage.result, material, frames, config.sampler_steps)
        mouth = material.weight[frames] > material.weight[frames].amin() * 10
        true, source = material.target[frames].float(), material.source[frames].float()
        error = ((found - true).square() * mouth).sum() / ((source - true).square() * mouth).sum()
        true_jaw = material.jaw[frames]
        return {
            "held_jaw": _correlation(lips.read(found), true_jaw),
            "held_jaw_truth": _correlation(lips.read(true), true_jaw),
            "held_jaw_source": _correlation(lips.read(source), true_jaw),
            "held_mouth_error": float(error),
        }

    stage.run(losses, check)
    result = stage.result
    assert isinstance(result, UNet3D)
    return result.eval(), stage
