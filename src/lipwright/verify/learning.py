"""Recorded sets of the training maths: `train_noise`, `trepa`, `train_step`."""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from lipwright.diffusion.schedule import Schedule
from lipwright.faces.mask import RELEASED
from lipwright.latents.codec import CHANNELS, PosteriorCodec
from lipwright.latents.conditioning import latent_mask, masked
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig
from lipwright.models.vae import build_vae
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.speech.mel import BANDS, SYNC_COLUMNS
from lipwright.training import losses, stage_two
from lipwright.verify.check import Check
from lipwright.verify.networks import ready, recorded_unet
from lipwright.verify.record import Record
from lipwright.verify.sampling import TOKENS
from lipwright.weights.deterministic import fill

NOISE = 1e-5
TREPA = 1e-5
RELATIVE = 1e-3
STEP = 1e-3
LOSS = 1e-4  # of the loss
NEGLIGIBLE = 1e-3  # gradients of a tensor this small, of a total norm of 1, are rounding noise
UPDATE = 0.1  # of the largest: a first AdamW step divides each gradient by itself, rounding noise included


def train_noise(check: Check) -> None:
    """Mixed noise, noisy latents, the clean estimate and the reconstruction loss; all in float32."""
    record = check.record
    schedule = Schedule()
    wide = torch.float32
    clean, t = check.tensor("gt", wide), check.tensor("t")
    shared = check.tensor("z_shared0", wide)[:, :, None]
    alpha = float(record.settings.get("mixed_noise_alpha", 1.0))
    noise = losses.mixed_noise(check.tensor("z_ind", wide), shared, alpha)
    noisy = schedule.add_noise(clean, noise, t)
    prediction = check.tensor("pred_noise", wide)
    found = {
        "noise": noise,
        "noisy": noisy,
        "x0": schedule.clean_estimate(noisy, prediction, t),
        "recon": losses.reconstruction_loss(prediction, noise),
        "alphas_cumprod": schedule.kept(),
    }
    for name, value in found.items():
        if name in record:
            check.array(name, value, NOISE)


def trepa(check: Check) -> None:
    """Feature vectors of two videos and their distance."""
    record = check.record
    network = VideoMAE(VideoMAEConfig.from_json(record.setting("vit_config")))
    fill(network)
    network = ready(network, check)
    made, true = (rearrange(check.tensor(name), "b c f h w -> b f c h w") for name in ("fake", "real"))
    with torch.no_grad():
        for name, videos in (("feat_fake", made), ("feat_real", true)):
            if name in record:
                check.array(name, losses.motion_features(network, videos), TREPA)
        tolerance = min(TREPA, RELATIVE * abs(float(record["loss"])))  # the distance itself is about 1e-4
        check.array("loss", losses.trepa_loss(network, made, true), tolerance)


def train_step(check: Check) -> None:
    """A whole stage-2 step: latents, prediction, losses, clipped gradients, one update of the weights."""
    record = check.record
    codec, batch = _batch(check)
    unet = recorded_unet(check)
    trainable = dict(stage_two.trained(unet, record.settings.get("trainable_substrings", stage_two.TRAINED)))
    if "n_trainable_tensors" in record.settings:
        check.value("n_trainable_tensors", len(trainable), record.settings["n_trainable_tensors"], 0)
    syncnet = StableSyncNet(SyncNetConfig.from_json(record.setting("syncnet_config")))
    videomae = VideoMAE(VideoMAEConfig.from_json(record.setting("vit")))
    for network in (syncnet, videomae):
        fill(network)
        ready(network, check)
    assert batch.pixels is not None, "the record holds the pictures"
    side = batch.pixels.shape[-1]
    judges = stage_two.Judges(codec.decode_open, syncnet, videomae, sync_side=side)
    found = stage_two.step_losses(unet, judges, Schedule(), batch, stage_two.LossWeights())
    assert found.pixels is not None and batch.mel is not None
    check.array("pred_noise", found.prediction, STEP)
    check.array("x0", found.clean, STEP)
    check.array("decoded0", found.pixels[0, 0], STEP)
    check.array("decoded_last", found.pixels[-1, -1], STEP)
    with torch.no_grad():
        embeds = syncnet(losses.lower_halves(found.pixels, side), batch.mel)
    for name, embed in zip(("vision_embeds", "audio_embeds"), embeds, strict=True):
        check.array(name, embed, STEP)
    ours = {"recon": found.reconstruction, "sync": found.sync, "trepa": found.trepa, "total": found.total}
    for name, value in record.settings.get("losses", {}).items():
        mine = ours[name]
        assert mine is not None
        check.value(f"losses.{name}", mine, value, LOSS * abs(value))
    _check_update(check, found.total, trainable)


def _batch(check: Check) -> tuple[PosteriorCodec, stage_two.Batch]:
    """The step's inputs, its latents compared on the way."""
    record = check.record
    vae = build_vae(record.setting("vae_config"))
    fill(vae)
    codec = PosteriorCodec(ready(vae, check))
    count = len(record.setting("t"))
    pixels, others = check.tensor("gt_px"), check.tensor("ref_px")
    keep = torch.from_numpy(RELEASED.keep_mask(pixels.shape[-1])).to(pixels)
    small = latent_mask(keep)
    check.array("mask_latent", small, 1e-6)
    shape = (len(pixels), CHANNELS, *small.shape)
    latents = {}
    for name, pictures in (("gt", pixels), ("masked", masked(pixels, keep)), ("ref", others)):
        spread = check.on_device(record.stored_or_drawn(f"eps_{name}", shape))
        encoded = codec.encode(pictures, spread)
        latents[name] = rearrange(encoded, "(b f) c y x -> b c f y x", b=count)
        check.array(f"{name}_latents", latents[name], STEP)
    frames = len(pixels) // count
    audio_shape = (count, frames, TOKENS, int(record.setting("unet_config")["cross_attention_dim"]))
    batch = stage_two.Batch(
        pixels=rearrange(pixels, "(b f) c h w -> b f c h w", b=count),
        clean=latents["gt"],
        masked=latents["masked"],
        reference=latents["ref"],
        latent_mask=small,
        audio=check.on_device(record.stored_or_drawn("audio", audio_shape)),
        mel=check.on_device(record.stored_or_drawn("mel", (count, 1, BANDS, SYNC_COLUMNS))),
        noise=check.on_device(_noise(record, latents["gt"].shape)),
        t=torch.tensor(record.setting("t"), device=pixels.device),
    )
    return codec, batch


def _noise(record: Record, shape: Sequence[int]) -> NDArray[np.float32]:
    """The noise of the step (b, 4, f, y, x): that of the set of kind train_noise with the same time steps,
    or drawn by the rule where there is none.
    """
    for other in record.shelf.of_kind("train_noise"):
        if other["noise"].shape == tuple(shape) and other["t"].tolist() == list(record.setting("t")):
            return other["noise"]
    own, shared = (torch.from_numpy(record.stored_or_drawn(name, shape)) for name in ("z_ind", "z_shared"))
    return losses.mixed_noise(own, shared[:, :, :1]).numpy()


def _check_update(check: Check, total: Tensor, trainable: dict[str, nn.Parameter]) -> None:
    """Gradients after clipping, and what one step of the optimiser does to the weights."""
    record = check.record
    parameters = list(trainable.values())
    total.backward()  # type: ignore[no-untyped-call]
    norm = stage_two.clip_gradients(parameters)
    if (recorded := record.settings.get("grad_norm_before_clip")) is not None:
        check.value("grad_norm_before_clip", norm, recorded, STEP * recorded)
    for name, length in record.settings.get("clipped_grad_norms", {}).items():
        gradient = trainable[name].grad
        assert gradient is not None
        check.value("clipped_grad_norms", gradient.norm(), length, STEP * max(length, NEGLIGIBLE))
    before = {name: parameter.detach().clone() for name, parameter in trainable.items()}
    for name in [name for name in record if name.startswith("grad::")]:
        largest = float(np.abs(record[name]).max())
        gradient = trainable[name.removeprefix("grad::")].grad
        assert gradient is not None
        check.array(name, gradient, STEP * largest)
    stage_two.optimiser(parameters).step()
    for name in [name for name in record if name.startswith("delta::")]:
        key = name.removeprefix("delta::")
        tolerance = UPDATE * float(np.abs(record[name]).max())
        check.array(name, trainable[key].detach() - before[key], tolerance)
