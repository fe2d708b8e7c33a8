"""`tiny` from nothing: synthesise, render, train, and write the bundle with the record of how it was made.

Two processes work side by side, one core each: ears | crops and autoencoder, then U-Net | decoder. Every
stage keeps its state in the work folder, so a stopped run goes on where it was.
"""

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lipwright.errors import LipwrightError
from lipwright.faces.align import TINY_TEMPLATE
from lipwright.faces.mask import TINY_MASK
from lipwright.models.listener import Listener, ListenerConfig
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig, parameter_count
from lipwright.training.clip_material import ClipMaterial, make_clips
from lipwright.training.config import AutoencoderConfig, TinyConfig, write_json
from lipwright.training.loop import Stage
from lipwright.training.speech_material import SpeechMaterial, make_speech
from lipwright.training.train_autoencoder import train_autoencoder, train_decoder
from lipwright.training.train_speech import train_speech
from lipwright.training.train_tiny_unet import SCHEDULE, LatentMaterial, encode_all, train_unet
from lipwright.weights.bundle import Bundle, write_description
from lipwright.weights.find import find_bundle
from lipwright.weights.load import load_weights, save_weights

Say = Callable[[str], None]
STAGES = ("speech", "autoencoder", "decoder", "unet")
STEADY = 0.06  # see `JoinedLatents`: measured on held-out people, see docs/tiny.md
EARLY_SEED = 2  # added to the run's seed for the autoencoder's own people


def train_tiny(
    work: Path, out: Path, config: TinyConfig, *, parallel: bool = True, say: Say = print
) -> Bundle:
    """Run (or go on with) all stages in `work`, then write the bundle to `out`.

    Raises LipwrightError when a stage fails; what was finished stays in `work`.
    """
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    speech(work, config, 2 if parallel else 1, say)
    for pair in ((ears_branch, pictures_branch), (unet_branch, decoder_branch)):
        if parallel:
            _side_by_side(pair, work, config)
        else:
            for branch in pair:
                branch(work, config, say)
    say(f"all stages done, {(time.monotonic() - began) / 60:.1f} minutes in this run")
    return assemble(work, out, config)


def speech(work: Path, config: TinyConfig, processes: int, say: Say) -> SpeechMaterial:
    """The synthesised utterances."""
    return make_speech(work / "speech", config.material, config.seed, processes, say)


def clips(work: Path, config: TinyConfig, say: Say) -> ClipMaterial:
    """The rendered crops."""
    heard = speech(work, config, 1, say)
    return make_clips(work / "clips", config.material, heard, config.seed, config.resolution, 1, say)


def early_clips(work: Path, config: TinyConfig, say: Say) -> ClipMaterial:
    """A few crops of other people, for the autoencoder."""
    material = replace(config.material, identities=config.material.early_identities)
    heard = speech(work, config, 1, say)
    return make_clips(work / "clips0", material, heard, config.seed + EARLY_SEED, config.resolution, 1, say)


def ears_branch(work: Path, config: TinyConfig, say: Say) -> None:
    """Train the speech encoder and keep its weights."""
    encoder, stage = train_speech(work, config.speech, speech(work, config, 1, say), config.seed, say)
    _finish(work, "speech", encoder, stage, encoder.config.to_json())


def pictures_branch(work: Path, config: TinyConfig, say: Say) -> None:
    """Render the crops, the early ones first, and train the autoencoder on those.

    With a bundle to start from, its autoencoder is taken, drawn at the new size by a new last layer.
    """
    if config.start:
        network = widened(find_bundle(config.start), config.autoencoder)
        _finish(work, "autoencoder", network, None, network.config.to_json())
        clips(work, config, say)
        return
    early = early_clips(work, config, say)
    network, stage = train_autoencoder(work, config.autoencoder, early, config.seed, say)
    _finish(work, "autoencoder", network, stage, network.config.to_json())
    clips(work, config, say)


def decoder_branch(work: Path, config: TinyConfig, say: Say) -> None:
    """Train the decoder further, on latents that no longer change."""
    network = _autoencoder(work, "autoencoder")
    network, stage = train_decoder(
        work, network, config.autoencoder, clips(work, config, say), config.seed, say
    )
    _finish(work, "decoder", network, stage, network.config.to_json())


def unet_branch(work: Path, config: TinyConfig, say: Say) -> None:
    """Encode everything once and train the U-Net."""
    base = find_bundle(config.start) if config.start else None
    material = _encoded(work, config, base, say)
    start = None if base is None else base.file("unet")
    network, stage = train_unet(work, config.unet, material, config.seed, say, start)
    _finish(work, "unet", network, stage, network.config.to_json(), {"scaling": material.scaling})


def _encoded(work: Path, config: TinyConfig, base: Bundle | None, say: Say) -> LatentMaterial:
    """Latents and feature rows, made once and kept in the work folder: minutes that a resumed run saves."""
    file = work / "latents.pt"
    if file.exists():
        return LatentMaterial(**torch.load(file, weights_only=True))
    material = encode_all(
        _autoencoder(work, "autoencoder"),
        _ears(work),
        clips(work, config, say).one_in(config.unet.every),
        speech(work, config, 1, say),
        config.unet,
        config.seed,
        None if base is None else float(base.part("autoencoder")["scaling"]),
    )
    part = file.with_suffix(".part")
    torch.save(vars(material), part)
    part.replace(file)
    say(f"unet: {len(material.row)} frames encoded")
    return material


def widened(bundle: Bundle, config: AutoencoderConfig) -> PixelAutoencoder:
    """A bundle's autoencoder that draws blocks of another size: what its last layer draws, resampled.

    Raises WeightsError when anything else does not fit.
    """
    old = PixelAutoencoderConfig.from_json(dict(bundle.part("autoencoder")["config"]))
    kept = PixelAutoencoder(old)
    load_weights(kept, bundle.file("autoencoder"))
    network = PixelAutoencoder(replace(old, block_px=config.block_px))
    own, found = network.state_dict(), kept.state_dict()
    for key, value in own.items():
        if found[key].shape != value.shape:
            found[key] = _resampled(found[key], old.block_px, config.block_px)
    network.load_state_dict(found)
    return network


def _resampled(values: Tensor, old: int, new: int) -> Tensor:
    """Weights or biases that draw blocks of `old` x `old` px, (3 old^2, ...), for blocks of `new` x `new`."""
    blocks = values.reshape(3, old, old, -1).permute(0, 3, 1, 2)
    blocks = functional.interpolate(blocks, (new, new), mode="bilinear", antialias=new < old)
    return blocks.permute(0, 2, 3, 1).reshape(3 * new * new, *values.shape[1:]).contiguous()


def _ears(work: Path) -> Listener:
    record = json.loads((work / "speech.record.json").read_text())
    encoder = Listener(ListenerConfig.from_json(record["config"]))
    load_weights(encoder, work / "speech.safetensors")
    return encoder.eval()


def _autoencoder(work: Path, name: str) -> PixelAutoencoder:
    record = json.loads((work / f"{name}.record.json").read_text())
    network = PixelAutoencoder(PixelAutoencoderConfig.from_json(record["config"]))
    load_weights(network, work / f"{name}.safetensors")
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def _finish(
    work: Path,
    name: str,
    network: torch.nn.Module,
    stage: Stage | None,
    config: dict[str, Any],
    more: dict[str, Any] | None = None,
) -> None:
    save_weights(network, work / f"{name}.safetensors")
    last = stage.curve[-1] if stage is not None and stage.curve else {}
    record = {
        "config": config,
        "steps": 0 if stage is None else stage.step,
        "parameters": parameter_count(network),
        "last": last,
        **(more or {}),
    }
    write_json(work / f"{name}.record.json", record)


def _worker(branch: Callable[[Path, TinyConfig, Say], None], work: Path, config: TinyConfig) -> None:
    torch.set_num_threads(1)
    log = open(work / f"{branch.__name__}.log", "a", buffering=1)  # noqa: SIM115 - lives as long as the process

    def say(line: str) -> None:
        log.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    branch(work, config, say)


def _side_by_side(
    branches: tuple[Callable[[Path, TinyConfig, Say], None], ...], work: Path, config: TinyConfig
) -> None:
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_worker, args=(branch, work, config)) for branch in branches]
    for process in running:
        process.start()
    for process in running:
        process.join()
    failed = [
        branch.__name__ for branch, process in zip(branches, running, strict=True) if process.exitcode != 0
    ]
    if failed:
        raise LipwrightError(
            f"training stage {', '.join(failed)} failed; its log lies in {work}, run again to go on"
        )


def assemble(work: Path, out: Path, config: TinyConfig) -> Bundle:
    """Copy the trained parts into a bundle folder and describe them."""
    out.mkdir(parents=True, exist_ok=True)
    records = {
        name: json.loads((work / f"{name}.record.json").read_text()) for name in ("speech", "decoder", "unet")
    }
    for name, source in (("autoencoder", "decoder"), ("speech", "speech"), ("unet", "unet")):
        part = out / f"{name}.part"
        part.write_bytes((work / f"{source}.safetensors").read_bytes())
        part.replace(out / f"{name}.safetensors")
    curves = [f"{name}.csv" for name in STAGES if (work / f"{name}.csv").exists()]
    for name in curves:
        (out / name).write_bytes((work / name).read_bytes())
    return write_description(out, describe(config, records, curves))


def describe(config: TinyConfig, records: dict[str, Any], curves: list[str]) -> dict[str, Any]:
    """model.json of a trained `tiny`, without checksums. A bundle that it started from tells its story."""
    began = {} if not config.start else {"from": _origin(find_bundle(config.start))}
    speech_record, unet_record = records["speech"], records["unet"]
    template = replace(TINY_TEMPLATE, resolution=config.resolution)
    return {
        "name": "tiny",
        "about": "Trained from scratch on lipwright's procedural presenters; knows rendered faces only.",
        "licence": "Apache-2.0",
        "rendered_faces_only": True,
        "resolution": config.resolution,
        "window": 16,
        "overlap": 0,
        "steady": STEADY,
        "template": template.to_dict(),
        "mask": TINY_MASK.to_dict(),
        "carry_detail": True,
        "schedule": SCHEDULE.to_json(),
        "defaults": {"steps": 1, "guidance": 1.15, "solver": "ddim"},
        "parts": {
            "autoencoder": {
                "kind": "pixel",
                "file": "autoencoder.safetensors",
                "config": records["decoder"]["config"],
                "scaling": unet_record["scaling"],
                "shift": 0.0,
            },
            "speech": {
                "kind": "listener",
                "file": "speech.safetensors",
                "config": speech_record["config"],
            },
            "unet": {"kind": "latentsync", "file": "unet.safetensors", "config": unet_record["config"]},
        },
        "training": {
            "command": f"lipwright train tiny --seed {config.seed}"
            + (f" --from {find_bundle(config.start).name}" if config.start else ""),
            "config": config.to_json(),
            "stages": {
                name: {k: v for k, v in record.items() if k != "config"} for name, record in records.items()
            },
            "curves": curves,
            **began,
        },
    }


def _origin(bundle: Bundle) -> dict[str, Any]:
    """Which bundle a run started from, and how that one was trained."""
    return {
        "name": bundle.name,
        "files": dict(bundle.info["files"]),
        "training": bundle.info.get("training", {}),
    }
