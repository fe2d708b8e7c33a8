"""Networks that judge others in training and evaluation: SyncNet, VideoMAE, LPIPS. Files to networks.

What our own training makes lies in one folder: `judge.json` (kind, configuration, what it looks at, how it
was trained, SHA-256) and `weights.safetensors`. Published files are told apart by their tensors.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from lipwright.errors import OutputError, WeightsError
from lipwright.models.glance import Glance, GlanceConfig
from lipwright.models.inception import Inception
from lipwright.models.perceptual import Perceptual, fill_perceptual
from lipwright.models.stable_syncnet import RELEASED, StableSyncNet, SyncNetConfig
from lipwright.models.syncnet_v2 import SyncNetV2
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.progress import Progress
from lipwright.weights.bundle import checksum
from lipwright.weights.catalog import LPIPS, VGG16
from lipwright.weights.checkpoint import COUNTER, read_checkpoint
from lipwright.weights.fetch import cache_folder, fetch, is_fetched
from lipwright.weights.hub import cached_file
from lipwright.weights.load import load_weights, save_weights
from lipwright.weights.manifest import check_fit, compare, looks_like

FORMAT = 1
JUDGE_FILE = "judge.json"
WEIGHTS_FILE = "weights.safetensors"
PIXEL, LATENT = "pixel", "latent"

Made = TypeVar("Made")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class SyncSight:
    """What a SyncNet looks at: pixels or latents, of pictures `side` px wide.

    top: of pixels, it sees half the rows, from this share of the height on; 0.5 is the lower half. template:
    of the crops that it was trained on, as JSON; empty where it is LatentSync's.
    """

    space: str = PIXEL
    side: int = 256
    frames: int = 16
    top: float = 0.5
    template: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SyncJudge:
    """A SyncNet with what it looks at."""

    network: StableSyncNet
    sight: SyncSight


def save_judge(
    folder: Path, kind: str, network: nn.Module, config: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Write a trained judge; judge.json comes last, so a folder without it is not whole.

    about: what it looks at and how it was trained. Raises OutputError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(network, folder / WEIGHTS_FILE)
        record = {"format": FORMAT, "kind": kind, "config": dict(config), **about}
        record["files"] = {WEIGHTS_FILE: checksum(folder / WEIGHTS_FILE)}
        part = folder / (JUDGE_FILE + ".part")
        part.write_text(json.dumps(record, indent=1) + "\n")
        part.replace(folder / JUDGE_FILE)
    except OSError as error:
        raise OutputError(
            f"The network cannot be written to {folder} ({error.strerror or error}); make room, or choose "
            "another folder."
        ) from error


def load_syncnet(place: Path) -> SyncJudge:
    """A SyncNet of ours (a folder) or a published file, frozen. Raises WeightsError in one sentence."""
    if place.is_dir():
        record = _record(place, "syncnet")
        network = _built(place, lambda: StableSyncNet(SyncNetConfig.from_json(record["config"])))
        return SyncJudge(_filled(network, place), _built(place, lambda: SyncSight(**record["sight"])))
    tensors, _ = read_checkpoint(place)
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    for name, config in RELEASED.items():
        with torch.device("meta"):
            shapes = {key: tuple(v.shape) for key, v in StableSyncNet(config).state_dict().items()}
        if not compare(shapes, found):
            network = StableSyncNet(config)
            network.load_state_dict(tensors)
            return SyncJudge(_frozen(network), SyncSight(LATENT if name == "latent" else PIXEL))
    raise WeightsError(
        f"{place} is none of the released SyncNets ({', '.join(RELEASED)}); it looks like "
        f"{looks_like(found)}."
    )


def load_syncnet_v2(place: Path) -> SyncNetV2:
    """The classic SyncNet of the public file, frozen. Raises WeightsError when a tensor does not fit."""
    return _published(place, "SyncNet v2 (syncnet_v2.model)", SyncNetV2)


def is_syncnet_v2(place: Path) -> bool:
    """Whether a file holds tensors of the classic SyncNet's names. Raises WeightsError as reading does."""
    return place.is_file() and any(key.startswith("netcnnlip.") for key in read_checkpoint(place)[0])


def load_videomae(place: Path) -> VideoMAE:
    """A VideoMAE of ours (a folder) or the released ViT-giant file, frozen. Raises WeightsError."""
    if place.is_dir():
        record = _record(place, "videomae")
        return _filled(_built(place, lambda: VideoMAE(VideoMAEConfig.from_json(record["config"]))), place)
    return _published(place, "the released VideoMAE v2 ViT-giant", lambda: VideoMAE(VideoMAEConfig()))


def _published(place: Path, what: str, build: Callable[[], Network]) -> Network:
    """A public file strictly into its network, frozen; how often a batch norm was trained is left out."""
    tensors, _ = read_checkpoint(place)
    with torch.device("meta"):
        empty = build()
    expected = {k: tuple(v.shape) for k, v in empty.state_dict().items() if not k.endswith(COUNTER)}
    check_fit(place, what, expected, {key: tuple(value.shape) for key, value in tensors.items()})
    network = build()
    counters = {key: value for key, value in network.state_dict().items() if key.endswith(COUNTER)}
    network.load_state_dict({**tensors, **counters})
    return _frozen(network)


def load_inception(place: Path) -> Inception:
    """The Inception of FID, frozen. Raises WeightsError when a tensor does not fit."""
    return _published(place, "the Inception v3 of FID", Inception)


def load_glance(place: Path, autoencoder: str) -> Glance:
    """A small decoder of ours (a folder) for the latents of an autoencoder with this mark, frozen.

    Raises WeightsError, also when it was trained on another autoencoder's latents.
    """
    record = _record(place, "glance")
    if record.get("autoencoder") != autoencoder:
        raise WeightsError(
            f"{place} was trained on the latents of another autoencoder ({record.get('autoencoder')}, not "
            f"{autoencoder}); train one for this bundle."
        )
    return _filled(_built(place, lambda: Glance(GlanceConfig.from_json(record["config"]))), place)


def load_perceptual(backbone: Path, heads: Path) -> Perceptual:
    """LPIPS of the two public files, frozen. Raises WeightsError."""
    network = Perceptual()
    fill_perceptual(
        network, read_checkpoint(backbone)[0], read_checkpoint(heads)[0], f"{backbone} and {heads}"
    )
    return network


def find_perceptual(
    progress: Progress | None = None, *, heads_may_be_fetched: bool = True
) -> Perceptual | None:
    """LPIPS where VGG-16 is in the cache; None where it is not (a run then uses features of its own).

    The heads (7 kB) come from the package index when they are not here. Nothing else is fetched.
    """
    backbone = cached_file(VGG16.files[0])
    if backbone is None or not (heads_may_be_fetched or is_fetched(LPIPS)):
        return None
    return load_perceptual(backbone, fetch(LPIPS, folder=cache_folder(), progress=progress)["vgg.pth"])


def _record(folder: Path, kind: str) -> dict[str, Any]:
    file = folder / JUDGE_FILE
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        if record["format"] != FORMAT or record["kind"] != kind:
            raise WeightsError(
                f"{file} describes a {record['kind']!r} of format {record['format']!r}, not a {kind!r} of "
                f"{FORMAT}; give the right folder."
            )
        expected = record["files"][WEIGHTS_FILE]
    except FileNotFoundError as error:
        raise WeightsError(
            f"{folder} holds no {kind}: it has no {JUDGE_FILE}; train one or give another."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{file} cannot be read ({error!r}); train it again.") from error
    if not (folder / WEIGHTS_FILE).is_file() or checksum(folder / WEIGHTS_FILE) != expected:
        raise WeightsError(f"{folder / WEIGHTS_FILE} is missing or damaged (wrong SHA-256); train it again.")
    return record


def _built(folder: Path, build: Callable[[], Made]) -> Made:
    try:
        return build()
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{folder / JUDGE_FILE} describes a network that cannot be built ({error!r}); train it again."
        ) from error


def _filled(network: Network, folder: Path) -> Network:
    load_weights(network, folder / WEIGHTS_FILE)
    return _frozen(network)


def _frozen(network: Network) -> Network:
    network.eval().requires_grad_(False)
    return network
