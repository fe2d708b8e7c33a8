"""From a run's configuration to networks: the base's frozen parts, the U-Net to train, the judges."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lipwright.dataset.manifest import Dataset
from lipwright.device import DeviceChoice
from lipwright.diffusion.schedule import Schedule
from lipwright.errors import OptionError
from lipwright.latents.codec import OpenCodec, PlainCodec, PosteriorCodec
from lipwright.models.perceptual import OwnFeatures, Perceptual
from lipwright.models.pixel_autoencoder import PixelAutoencoder
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.speech.ears import Ears
from lipwright.training.lora import add_lora
from lipwright.training.losses import SYNC_TOP
from lipwright.training.stage_two import Judges, trained
from lipwright.training.unet_config import BASE, SCRATCH, UNetRun
from lipwright.weights.bundle import Bundle
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import LATENT, find_perceptual, load_glance, load_syncnet, load_videomae
from lipwright.weights.load import load_checkpoint, load_codec, load_ears, load_weights

TEMPLATE_TOLERANCE = 0.005  # of the crop's width
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Base:
    """What a bundle gives to training, frozen, on the device."""

    bundle: Bundle
    codec: OpenCodec
    ears: Ears
    schedule: Schedule
    side: int

    @property
    def keep_mask(self) -> torch.Tensor:
        """(side, side), 1 keep, 0 repaint."""
        return torch.from_numpy(self.bundle.mask.keep_mask(self.side))


def load_base(run: UNetRun, device: torch.device, data: Dataset | None) -> Base:
    """The frozen parts. Raises WeightsError for the bundle, OptionError when it does not fit run or clips."""
    bundle = find_bundle(run.base)
    schedule = Schedule.from_json(bundle.info["schedule"])
    if run.prediction and run.prediction != schedule.prediction_type and run.start == BASE:
        raise OptionError(
            f"prediction is {run.prediction!r}, but {bundle.name} predicts {schedule.prediction_type!r} "
            "and start is 'base'; start from scratch, or leave prediction out."
        )
    if run.prediction:
        schedule = replace(schedule, prediction_type=run.prediction)
    if data is not None:
        _check_template(data, bundle)
    choice = DeviceChoice(device, torch.float32)
    side = bundle.resolution if run.side is None else run.side
    return Base(bundle, load_codec(bundle, choice), load_ears(bundle, choice), schedule, side)


def _check_template(data: Dataset, bundle: Bundle) -> None:
    """Clips cut otherwise than the model's crops would teach it another face."""
    mine, theirs = _shape(bundle.info["template"]), _shape(data.template)
    far = max((abs(a - b) for a, b in zip(mine, theirs, strict=False)), default=1.0)
    if len(mine) != len(theirs) or far > TEMPLATE_TOLERANCE:
        raise OptionError(
            f"The clips of {data.folder} were cut by another template than {bundle.name} uses; prepare "
            "them for that model."
        )


def _shape(template: Mapping[str, Any]) -> list[float]:
    try:
        width, height = (float(side) for side in template["crop"])
        points = [float(value) / width for point in template["points"] for value in point]
    except (KeyError, TypeError, ValueError):
        return []
    return [*points, height / width]


def build_unet(run: UNetRun, base: Base) -> UNet3D:
    """The network with its first weights. Raises WeightsError when they do not fit, or a setting is "
    "unknown."""
    config = UNetConfig.from_json({**base.bundle.part("unet")["config"], **run.unet})
    torch.manual_seed(run.fit.seed)
    network = UNet3D(config)
    file = base.bundle.file("unet") if run.start == BASE else Path(run.start)
    if run.start != SCRATCH:
        if file.is_dir():
            file = find_bundle(file).file("unet")
        temporal_anew = config.use_motion_module and not _has_temporal(file)
        if file.suffix == ".safetensors" and not temporal_anew:
            load_weights(network, file)
        else:
            load_checkpoint(network, file, from_stage1=True)
    network.gradient_checkpointing = run.gradient_checkpointing
    return network


def _has_temporal(file: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    if file.suffix != ".safetensors":
        return False
    try:
        with safe_open(file, "pt") as stored:
            return any(".motion_modules." in key for key in stored.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return True  # loading then tells what is wrong


def choose_trained(run: UNetRun, network: UNet3D) -> dict[str, nn.Parameter]:
    """What the run moves, everything else frozen. Raises OptionError for a part that is not there."""
    parts = run.trained_parts
    names = [name for name, _ in network.named_parameters()]
    for part in run.parts:
        piece = parts[run.parts.index(part)]
        if not any(piece in name for name in names):
            raise OptionError(
                f"No part of the U-Net is called {part!r}; use motion, attn2, attentions, or a "
                "piece of a name."
            )
    if run.lora_rank:
        return add_lora(network, run.lora_rank, parts)
    return dict(trained(network, parts if parts else ("",)))


def load_judges(run: UNetRun, base: Base, device: torch.device) -> tuple[Judges, dict[str, str]]:
    """The judges of stage 2, and a record of which they are. Raises WeightsError, OptionError."""
    if run.stage == 1:
        return Judges(), {}
    record: dict[str, str] = {}
    syncnet = videomae = perceptual = None
    sync_top = SYNC_TOP
    sync_side: int | None = None
    if run.losses.sync > 0:
        judge = load_syncnet(Path(run.syncnet))
        latent = judge.sight.space == LATENT
        if latent and judge.sight.side != base.side:
            raise OptionError(
                f"{run.syncnet} looks at latents of {judge.sight.side} px pictures, but this run has "
                f"{base.side} px; train another."
            )
        syncnet, sync_side = judge.network.to(device), None if latent else judge.sight.side
        sync_top = judge.sight.top
        record["syncnet"] = f"{run.syncnet} ({judge.sight.space})"
    if run.losses.trepa > 0:
        videomae = load_videomae(Path(run.videomae)).to(device)
        record["videomae"] = run.videomae
    if run.losses.perceptual > 0:
        perceptual, record["perceptual"] = load_perceptual_judge(run.perceptual, base.codec)
        perceptual.to(device)
    decode: Callable[[torch.Tensor], torch.Tensor] = base.codec.decode_open
    if run.glance:
        decode = load_glance(Path(run.glance), base.bundle.mark("autoencoder")).to(device)
        record["glance"] = run.glance
    _save_memory(run, base.codec, syncnet, videomae)
    if run.fit.precision != "fp32":  # they only run under autocast, and are as large as what is trained
        for network in (_network_of(base.codec), syncnet, videomae):
            if network is not None:
                nn.Module.to(network, HALVES[run.fit.precision])
    look = base.codec.decode_open if run.look_frames else None
    judges = Judges(decode, syncnet, videomae, perceptual, sync_side, sync_top, run.look_top, look)
    return judges, record


def _network_of(codec: OpenCodec) -> nn.Module:
    network = codec.vae if isinstance(codec, PosteriorCodec) else getattr(codec, "network", None)
    assert isinstance(network, nn.Module), "a codec is one of the two"
    return network


def load_perceptual_judge(wanted: str, codec: OpenCodec) -> tuple[Perceptual | OwnFeatures, str]:
    """LPIPS where it is wanted and there, else features of the codec; and which it is, in words."""
    if wanted != "own":
        lpips = find_perceptual()
        if lpips is not None:
            return lpips, "LPIPS 0.1 on VGG-16"
        if wanted == "lpips":
            raise OptionError(
                "perceptual is 'lpips', but VGG-16 is not here; run `lipwright weights pull vgg16`, or say "
                "'own'."
            )
    return own_features(codec), "features of the model's own autoencoder (no LPIPS)"


def own_features(codec: OpenCodec) -> OwnFeatures:
    """Three depths of a copy of the autoencoder's encoder: the copy stays in float32."""
    if isinstance(codec, PlainCodec) and isinstance(codec.network, PixelAutoencoder):
        encoder: nn.Module = copy.deepcopy(codec.network.encoder)
        convolutions = [name for name, part in encoder.named_children() if isinstance(part, nn.Conv2d)]
        return OwnFeatures(encoder, convolutions[:-1])
    assert isinstance(codec, PosteriorCodec), "a codec is one of the two"
    encoder = copy.deepcopy(codec.vae.get_submodule("encoder"))
    levels = [f"down_blocks.{name}" for name, _ in encoder.get_submodule("down_blocks").named_children()]
    return OwnFeatures(encoder, levels[:3])


def _save_memory(
    run: UNetRun, codec: OpenCodec, syncnet: nn.Module | None, videomae: nn.Module | None
) -> None:
    """Judges recompute their activations too: at full size those are most of the memory."""
    if not run.gradient_checkpointing:
        return
    for network in (syncnet, videomae):
        for module in [] if network is None else network.modules():
            if hasattr(module, "gradient_checkpointing"):
                module.gradient_checkpointing = True  # type: ignore[assignment]
    if isinstance(codec, PosteriorCodec):
        codec.vae.enable_gradient_checkpointing()  # type: ignore[operator]
