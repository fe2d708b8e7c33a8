"""From what a user calls a model to a bundle: a known name, a bundle, or a folder with official files."""

import hashlib
import logging
from pathlib import Path

import torch

from lipwright.device import DeviceChoice
from lipwright.errors import WeightsError
from lipwright.progress import Progress
from lipwright.weights.bundle import EMBEDDED, MODEL_FILE, Bundle, embedded_folder, read_bundle
from lipwright.weights.catalog import OFFICIAL, HubFile, OfficialModel
from lipwright.weights.convert import check_official, convert, find_files, has_official_files
from lipwright.weights.fetch import cache_folder
from lipwright.weights.hub import fetch_file
from lipwright.weights.load import load_codec, load_ears, load_unet
from lipwright.weights.personal import is_personal, read_description, read_personal

log = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def known_models() -> list[str]:
    """Names that `find_bundle` understands."""
    return [*(name for name in EMBEDDED if (embedded_folder(name) / MODEL_FILE).exists()), *OFFICIAL]


def model_folder(name: str) -> Path:
    """Where the bundle of a known name lies, or would lie."""
    return embedded_folder(name) if name in EMBEDDED else cache_folder() / name


def find_bundle(model: str | Path) -> Bundle:
    """The bundle of a known name or a folder. Raises WeightsError in one sentence without one.

    A folder with LatentSync's official files is converted once, into the cache.
    """
    text = str(model)
    if text in EMBEDDED or text in OFFICIAL:
        folder = model_folder(text)
        if text in OFFICIAL and not (folder / MODEL_FILE).exists():
            raise WeightsError(
                f"The model {text} is not on this machine; run `lipwright weights pull {text}`."
            )
        return read_bundle(folder)
    folder = Path(model)
    if has_official_files(folder) and not (folder / MODEL_FILE).exists():
        return _converted(folder)
    if is_personal(folder):
        return _personal(folder)
    if folder.is_dir():
        return read_bundle(folder)
    raise WeightsError(
        f"unknown model {text!r}: give one of {', '.join(known_models())}, or the folder of a bundle (with "
        f"{MODEL_FILE}) or of LatentSync's checkpoints."
    )


def _personal(folder: Path) -> Bundle:
    """A personal bundle on its base, which is a known model."""
    base = str(read_description(folder)["base"])
    if base not in known_models():
        raise WeightsError(
            f"{folder} stands on the model {base!r}, which this lipwright does not know; run "
            "`lipwright adapt` again."
        )
    return read_personal(folder, find_bundle(base))


def pull(
    model: OfficialModel,
    *,
    dtype: str | None = None,
    syncnet: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Fetch a released model and convert it once; the bundle's folder. What is there is only checked.

    dtype: fp32, fp16 or bf16 to store; None keeps the released format. syncnet: also fetch the SyncNet that
    training uses, into the hub's cache. Raises WeightsError or OutputError in one sentence.
    """

    def fetch(file: HubFile) -> Path:
        return fetch_file(file, progress)

    folder = cache_folder() / model.name
    if (folder / MODEL_FILE).exists():
        read_bundle(folder)
    else:
        unet, speech = fetch(model.unet_file), fetch(model.speech_file)
        del speech  # found beside the U-Net in the hub's cache
        convert(
            unet,
            folder,
            model=model,
            dtype=None if dtype is None else DTYPES[dtype],
            force=True,
            fetch=fetch,
            progress=progress,
        )
    if syncnet:
        fetch(model.syncnet_file)
    return folder


def _converted(source: Path) -> Bundle:
    """The bundle of official files, made at the first use and when they change."""
    files = find_files(source, None)
    marks = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files.all()]
    digest = hashlib.sha256(repr(marks).encode()).hexdigest()[:12]
    folder = cache_folder() / "converted" / digest
    if (folder / MODEL_FILE).exists():
        return read_bundle(folder)
    bundle, notes = convert(source, folder, force=True)
    for note in notes:
        log.warning(note)
    return bundle


def verify(folder: Path, model: OfficialModel | None = None) -> str:
    """Check a bundle or official files, every tensor of them; a line to tell. Raises WeightsError."""
    if not (folder / MODEL_FILE).exists() and has_official_files(folder):
        return f"official files of {check_official(folder, model)}; all tensors are as they should be"
    bundle = read_bundle(folder)
    if model is not None and bundle.name != model.name:
        raise WeightsError(f"{folder} is {bundle.name}, not {model.name}; give the right folder or name.")
    choice = DeviceChoice(torch.device("cpu"), torch.float32)
    for load in (load_codec, load_ears, load_unet):
        load(bundle, choice)
    return f"{bundle.name}, {bundle.resolution} px; checksums and all tensors are as they should be"
