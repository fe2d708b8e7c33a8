"""What the noise prediction network is trained on: mixed noise, and the distances on latents and pixels.

Numbers are those of the published configuration. Sync and TREPA look at decoded pixels of the clean latents
that a prediction implies, so their gradients flow through the decoder.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from lipwright.models.perceptual import OwnFeatures, Perceptual
from lipwright.models.stable_syncnet import StableSyncNet, agreement_loss, stack_frames
from lipwright.models.videomae import VideoMAE

SYNC_SIDE = 256
"""px: side of the pictures that the released SyncNet was trained on."""
SYNC_TOP = 0.5
"""Share of the picture above what SyncNet and LPIPS look at, in the released crop."""
CONTRAST_TEMPERATURE = 0.1
"""Of the cosines that a toy SyncNet ranks; not in the released training."""


def mixed_noise(
    independent: Float[Tensor, "b 4 f y x"], shared: Float[Tensor, "b 4 1 y x"], alpha: float = 1.0
) -> Float[Tensor, "b 4 f y x"]:
    """Noise of unit spread of which every frame shares a part: alpha^2 / (1 + alpha^2) of its power."""
    own, common = (1 / (1 + alpha**2)) ** 0.5, (alpha**2 / (1 + alpha**2)) ** 0.5
    return torch.add(own * independent, common * shared)


def reconstruction_loss(prediction: Float[Tensor, "*b"], target: Float[Tensor, "*b"]) -> Float[Tensor, ""]:
    """Mean squared error, in float32."""
    return functional.mse_loss(prediction.float(), target.float())


def lower_halves(
    pixels: Float[Tensor, "b f 3 h w"], side: int = SYNC_SIDE, top: float = SYNC_TOP
) -> Float[Tensor, "b channels half side"]:
    """What SyncNet sees of decoded frames (-1..1): at its own size, half their rows, frames as channels.

    top: share of the picture above those rows; one half, as released, gives the lower half.
    """
    frames = rearrange(pixels, "b f c h w -> (b f) c h w")
    if frames.shape[-2:] != (side, side):
        frames = functional.interpolate(frames, (side, side), mode="bicubic", align_corners=False)
    rows = seen_rows(side, top)
    return stack_frames(rearrange(frames[:, :, rows], "(b f) c h w -> b f c h w", b=len(pixels)))


def seen_rows(side: int, top: float) -> slice:
    """The rows of a picture that a SyncNet of pixels sees: half of them, from a share `top` of the side "
    "on."""
    first = round(side * top)
    return slice(first, first + side // 2)


def sync_loss(
    network: StableSyncNet,
    pixels: Float[Tensor, "b f 3 h w"],
    mel: Float[Tensor, "b 1 80 52"],
    side: int = SYNC_SIDE,
    top: float = SYNC_TOP,
) -> Float[Tensor, ""]:
    """How little decoded frames (-1..1) go with their sound: cross entropy of the cosine against 1."""
    picture, sound = network(lower_halves(pixels, side, top), mel)
    return agreement_loss(picture, sound, torch.ones_like(picture[:, 0])).mean()


def latent_sync_loss(
    network: StableSyncNet, latents: Float[Tensor, "b c f y x"], mel: Float[Tensor, "b 1 80 52"]
) -> Float[Tensor, ""]:
    """The same for a SyncNet of latents (scaled): it sees all of them, nothing is decoded."""
    picture, sound = network(stack_frames(rearrange(latents, "b c f y x -> b f c y x")), mel)
    return agreement_loss(picture, sound, torch.ones_like(picture[:, 0])).mean()


def contrast_loss(
    picture: Float[Tensor, "b e"], own: Float[Tensor, "b e"], temperature: float = CONTRAST_TEMPERATURE
) -> Float[Tensor, ""]:
    """How badly frames find their own sound among those of the whole batch: cross entropy of the cosines over
    a temperature, in float32.
    """
    with torch.autocast(picture.device.type, enabled=False):
        scores = picture.float() @ own.float().T / temperature
        return functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def perceptual_loss(
    network: Perceptual | OwnFeatures,
    made: Float[Tensor, "b f 3 h w"],
    true: Float[Tensor, "b f 3 h w"],
    top: float = SYNC_TOP,
) -> Float[Tensor, ""]:
    """LPIPS, or the stand-in, of all frames (-1..1) below a share `top` of their height, in float32."""
    half = round(made.shape[-2] * top)
    lower = [rearrange(v[..., half:, :].float(), "b f c h w -> (b f) c h w") for v in (made, true)]
    with torch.autocast(made.device.type, enabled=False):
        found: Tensor = network(*lower)
    return found.mean()


def motion_features(network: VideoMAE, videos: Float[Tensor, "b f 3 h w"]) -> Float[Tensor, "b c"]:
    """VideoMAE's vectors, of length 1, of videos (-1..1, clamped), seen at its own size."""
    side = network.config.img_size
    frames = rearrange(videos, "b f c h w -> (b f) c h w")
    frames = functional.interpolate(frames, (side, side), mode="bicubic", align_corners=False)
    seen = (frames / 2 + 0.5).clamp(0, 1)
    found: Tensor = network(rearrange(seen, "(b f) c h w -> b c f h w", b=len(videos)))
    return functional.normalize(found, dim=1)


def trepa_loss(
    network: VideoMAE, made: Float[Tensor, "b f 3 h w"], true: Float[Tensor, "b f 3 h w"]
) -> Float[Tensor, ""]:
    """Temporal representation alignment: mean squared error of the two videos' unit feature vectors.

    It is (2 - 2 cosine) / width, hence small; the published weight is 10.
    """
    return functional.mse_loss(motion_features(network, made), motion_features(network, true))
