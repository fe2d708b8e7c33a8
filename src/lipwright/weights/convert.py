"""Official files into a bundle: checked against the architecture, written aside, renamed into place.

Official layout: `latentsync_unet.pt`, `whisper/tiny.pt`, and a folder `sd-vae-ft-mse` (or `vae`) as diffusers
writes it. What is not in the folder comes from the hub's cache, or from the hub.
"""

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from lipwright.diffusion.schedule import Schedule
from lipwright.errors import OutputError, WeightsError
from lipwright.faces.align import LATENTSYNC
from lipwright.faces.mask import RELEASED
from lipwright.latents.codec import SCALE
from lipwright.models.temporal import position_table
from lipwright.models.unet import UNetConfig, current_name
from lipwright.models.vae import current_names
from lipwright.models.whisper import WhisperConfig, encoder_weights
from lipwright.progress import Progress
from lipwright.speech.features import NATURAL
from lipwright.speech.per_frame import ROWS_PER_S
from lipwright.weights.bundle import MODEL_FILE, Bundle, read_bundle, write_description
from lipwright.weights.catalog import NEWEST, OFFICIAL, SD_VAE, HubFile, OfficialModel
from lipwright.weights.checkpoint import check_finite, read_checkpoint
from lipwright.weights.hub import fetch_file
from lipwright.weights.manifest import (
    TEMPORAL,
    check_fit,
    encoder_shapes,
    looks_like,
    unet_shapes,
    vae_shapes,
)

log = logging.getLogger(__name__)

STAGE = "convert"
UNET_NAMES = ("latentsync_unet.pt", "latentsync_unet.safetensors")
SPEECH_NAMES = ("whisper/tiny.pt", "whisper/small.pt", "tiny.pt")
VAE_FOLDERS = ("sd-vae-ft-mse", "vae", "sd-vae")
VAE_NAMES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_VERSION = re.compile(r"latentsync[-_ ]?v?1[._]?([56])(?![0-9])", re.IGNORECASE)
TABLE = "pos_encoder.pe"
TABLE_TOLERANCE = 2e-3  # half precision of values up to 1

Fetch = Callable[[HubFile], Path]
State = dict[str, Tensor]


@dataclass(frozen=True)
class OfficialFiles:
    """Where the parts of a model lie."""

    unet: Path
    speech: Path
    autoencoder: Path
    autoencoder_config: Path

    def all(self) -> tuple[Path, ...]:
        """Every file."""
        return (self.unet, self.speech, self.autoencoder, self.autoencoder_config)


def has_official_files(folder: Path) -> bool:
    """Whether a folder holds a U-Net under its official name."""
    return any((folder / name).is_file() for name in UNET_NAMES)


def which_model(unet: Path, names: set[str]) -> tuple[OfficialModel, str | None]:
    """The version a U-Net belongs to, and a sentence when that is a guess.

    1.5 and 1.6 hold equal tensors. They are told apart by the file's size, by the `config.json` that comes
    with 1.6 ({"Name": ...}), or by a version number in the path.
    """
    if not any(TEMPORAL in name for name in names):
        return OFFICIAL["latentsync-1.0"], None
    temporal = [model for model in OFFICIAL.values() if not model.unet]
    size = unet.stat().st_size
    for model in temporal:
        if size == model.unet_file.size:
            return model, None
    said = f"{_config_name(unet.parent)} {unet.absolute()} {unet.resolve()}"
    told = {f"latentsync-1.{digit}" for digit in _VERSION.findall(said)}
    if len(told) == 1:
        return OFFICIAL[told.pop()], None
    guess = OFFICIAL[NEWEST]
    return guess, (
        f"{unet} may be LatentSync 1.5 or 1.6, whose tensors look alike; it is taken for {guess.name} at "
        f"{guess.resolution} px: say --as latentsync-1.5 if it is that."
    )


def find_files(source: Path, model: OfficialModel | None, fetch: Fetch = fetch_file) -> OfficialFiles:
    """The parts of a model from a folder, or from a U-Net's file and the folder it lies in.

    Parts that are not there are fetched. Raises WeightsError when there is no U-Net, or a part is nowhere.
    """
    if source.is_dir():
        unet = next((source / name for name in UNET_NAMES if (source / name).is_file()), None)
        if unet is None:
            raise WeightsError(
                f"{source} holds neither {MODEL_FILE} nor {UNET_NAMES[0]}; give the folder of a bundle or of "
                "LatentSync's checkpoints."
            )
    else:
        unet = source
    folder = unet.parent
    speech = next((folder / name for name in SPEECH_NAMES if (folder / name).is_file()), None)
    if speech is None:
        speech = fetch((OFFICIAL[NEWEST] if model is None else model).speech_file)
    for name in VAE_FOLDERS:
        for weights in VAE_NAMES:
            if (folder / name / weights).is_file():
                return OfficialFiles(unet, speech, folder / name / weights, folder / name / "config.json")
    config, autoencoder = (fetch(file) for file in SD_VAE.files)
    return OfficialFiles(unet, speech, autoencoder, config)


def convert(
    source: Path,
    folder: Path,
    *,
    model: OfficialModel | None = None,
    dtype: torch.dtype | None = None,
    force: bool = False,
    fetch: Fetch = fetch_file,
    progress: Progress | None = None,
) -> tuple[Bundle, tuple[str, ...]]:
    """Make a bundle in `folder` of official files; also gives sentences worth telling.

    source: a folder, or a U-Net's file. model: what it must be; None finds out. dtype: the number format to
    store; None keeps each tensor's own. Raises WeightsError when a file is not what it should be, OutputError
    when the folder cannot be written; in both cases nothing is left behind.
    """
    watch = Progress() if progress is None else progress
    if not force and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists; give --force to replace it, or another folder.")
    files = find_files(source, model, fetch)
    notes: list[str] = []
    if model is None:
        model, note = which_model(files.unet, set(read_checkpoint(files.unet)[0]))
        notes += [] if note is None else [note]
    _check_space(folder, files, dtype)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".convert-", dir=folder.parent) as private:
            made = Path(private) / "bundle"
            made.mkdir()
            watch.start(STAGE, 3)
            info = _write_parts(made, model, files, dtype, watch)
            write_description(made, info)
            if folder.exists():
                shutil.rmtree(folder)
            made.replace(folder)
    except OSError as error:
        raise OutputError(_unwritten(folder, error.strerror or str(error))) from error
    except SafetensorError as error:
        raise OutputError(_unwritten(folder, str(error))) from error
    log.info("weights_converted", extra={"model": model.name, "folder": str(folder)})
    return read_bundle(folder, checksums=False), tuple(notes)


def check_official(source: Path, model: OfficialModel | None, fetch: Fetch = fetch_file) -> str:
    """Check official files without writing anything; the name of the model. Raises WeightsError."""
    files = find_files(source, model, fetch)
    if model is None:
        model, _ = which_model(files.unet, set(read_checkpoint(files.unet)[0]))
    for read in (_unet, _speech, _autoencoder):
        file, state, _ = read(model, files)
        for key, tensor in state.items():
            check_finite(file, key, tensor)
    return model.name


def _write_parts(
    folder: Path, model: OfficialModel, files: OfficialFiles, dtype: torch.dtype | None, progress: Progress
) -> dict[str, Any]:
    """Write the safetensors; the description to go with them."""
    parts: dict[str, Any] = {}
    readers = {"unet": _unet, "speech": _speech, "autoencoder": _autoencoder}
    for name, read in readers.items():
        progress.check()
        file, state, part = read(model, files)
        for key, tensor in state.items():
            check_finite(file, key, tensor)
        stored = {key: tensor.to(dtype or tensor.dtype).contiguous() for key, tensor in state.items()}
        save_file(stored, folder / f"{name}.safetensors")
        parts[name] = {**part, "file": f"{name}.safetensors"}
        progress.advance(STAGE)
    return {
        "name": model.name,
        "about": model.about,
        "licence": model.licence,
        "terms": model.terms,
        "resolution": model.resolution,
        "window": model.window,
        "overlap": model.overlap,
        "template": LATENTSYNC(model.resolution).to_dict(),
        "mask": RELEASED.to_dict(),
        "carry_detail": False,
        "schedule": Schedule().to_json(),
        "defaults": {"steps": model.steps, "guidance": model.guidance, "solver": "ddim"},
        "parts": parts,
    }


def _unet(model: OfficialModel, files: OfficialFiles) -> tuple[Path, State, dict[str, Any]]:
    config = UNetConfig.from_json(model.unet)
    raw, _ = read_checkpoint(files.unet)
    if any("audio_cross_attn." in key for key in raw) and config.use_motion_module:
        raise WeightsError(
            f"{files.unet} is not a U-Net of {model.name}: it looks like {looks_like(raw)}; say --as "
            "latentsync-1.0 or give the right file."
        )
    state = {current_name(key): tensor for key, tensor in raw.items()}
    expected = unet_shapes(model.unet)
    found = {key: tuple(tensor.shape) for key, tensor in state.items()}
    # Tables are computed; files may leave them out.
    expected = {key: shape for key, shape in expected.items() if key in found or not key.endswith(TABLE)}
    check_fit(files.unet, f"a U-Net of {model.name}", expected, found)
    for key in [key for key in state if key.endswith(TABLE)]:
        table = state.pop(key).float()
        if not torch.allclose(table, position_table(*table.shape[1:]), atol=TABLE_TOLERANCE):
            raise WeightsError(
                f"{files.unet} has an unknown position table in {key}; it needs another network."
            )
    return files.unet, state, {"kind": "latentsync", "config": config.to_json()}


def _speech(model: OfficialModel, files: OfficialFiles) -> tuple[Path, State, dict[str, Any]]:
    tensors, beside = read_checkpoint(files.speech)
    try:
        config = WhisperConfig.from_json(beside["dims"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{files.speech} is no Whisper model: it has no `dims`; it looks like {looks_like(tensors)}."
        ) from error
    wanted = UNetConfig.from_json(model.unet).cross_attention_dim
    if config.n_audio_state != wanted:
        raise WeightsError(
            f"{files.speech} is a Whisper model of width {config.n_audio_state}, but {model.name} listens "
            f"with width {wanted}; use whisper/tiny.pt."
        )
    state = encoder_weights(tensors)
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    check_fit(files.speech, "a Whisper model of its dims", encoder_shapes(config), shapes)
    state.pop("positional_embedding")
    context_s = NATURAL.context / NATURAL.rows * config.n_audio_ctx / ROWS_PER_S
    part = {"kind": "whisper", "config": config.to_json(), "window_s": config.n_audio_ctx / ROWS_PER_S}
    return files.speech, state, {**part, "context_s": context_s}


def _autoencoder(model: OfficialModel, files: OfficialFiles) -> tuple[Path, State, dict[str, Any]]:
    del model
    try:
        settings = json.loads(files.autoencoder_config.read_text())
        config = {key: value for key, value in settings.items() if not key.startswith("_")}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{files.autoencoder_config} cannot be read as an autoencoder's settings ({error}); fetch it."
        ) from error
    state = current_names(read_checkpoint(files.autoencoder)[0])
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    check_fit(
        files.autoencoder, "the autoencoder its config.json describes", _vae_shapes(files, config), shapes
    )
    part = {"kind": "sd-vae", "config": config, "scaling": SCALE, "shift": 0.0}
    return files.autoencoder, state, part


def _vae_shapes(files: OfficialFiles, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    try:
        return vae_shapes(config)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{files.autoencoder_config} describes no autoencoder that can be built ({error})."
        ) from error


def _check_space(folder: Path, files: OfficialFiles, dtype: torch.dtype | None) -> None:
    """Raise OutputError before any work when the bundle cannot fit on the disk."""
    needed = sum(file.stat().st_size for file in files.all())
    if dtype in (torch.float16, torch.bfloat16):
        needed //= 2
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise OutputError(
            f"No space left for {folder}: about {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are "
            "free; make room, choose another folder, or store less with --dtype fp16."
        )


def _unwritten(folder: Path, reason: str) -> str:
    return f"{folder} cannot be written ({reason}); make room or choose another folder."


def _config_name(folder: Path) -> str:
    """What the `config.json` beside a checkpoint calls the model; empty when it does not."""
    try:
        return str(json.loads((folder / "config.json").read_text()).get("Name", ""))
    except (OSError, ValueError, AttributeError):
        return ""
