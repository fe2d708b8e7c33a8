"""A personal bundle: a folder with one person's own mouths, on top of the bundle that listens for them.

```text
model.json           kind "personal", name, base (a known model), method, consent, material, files
mouths.mkv           the library's pictures: the surroundings of the mouth, px for px, nearly lossless
person.safetensors   where they came from and what is known about them: head, shape, points, measures, poses
```
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lipwright.errors import MediaError, OptionError, WeightsError
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip
from lipwright.personal.library import Library
from lipwright.speech.personal import Personal
from lipwright.weights.bundle import FORMAT, MODEL_FILE, Bundle, checksum

KIND = "personal"
PICTURES, NUMBERS = "mouths.mkv", "person.safetensors"
CRF = 10  # 444 H.264; measured on real mouths: 46 dB, sharpness 0.99 of the clip's
RATE = 25


def is_personal(folder: Path) -> bool:
    """Whether a folder holds a personal bundle (or something that says so)."""
    try:
        return bool(json.loads((folder / MODEL_FILE).read_text()).get("kind") == KIND)
    except (OSError, ValueError, AttributeError):
        return False


def write_personal(
    folder: Path, library: Library, info: Mapping[str, Any], voice: Personal | None = None
) -> None:
    """Write all files of a personal bundle into an existing, empty folder. `info`: name, base and what else
    model.json shall say.
    """
    save_clip(
        folder / PICTURES, library.crops, RATE, None, 16_000, crf=CRF, preset="medium", pix_fmt="yuv444p"
    )
    save_file(library.to_arrays(), folder / NUMBERS)
    files = {name: checksum(folder / name) for name in (PICTURES, NUMBERS)}
    part = folder / (MODEL_FILE + ".part")
    told = {"voice": None if voice is None else voice.to_json(), "files": files}
    part.write_text(json.dumps({"format": FORMAT, "kind": KIND, **info, **told}, indent=1) + "\n")
    part.replace(folder / MODEL_FILE)


def read_personal(folder: Path, base: Bundle) -> Bundle:
    """`base` as a personal bundle's: under its name, with its folder. Raises WeightsError when a file is
    missing or changed.
    """
    info = read_description(folder)
    for name, expected in info["files"].items():
        file = folder / name
        if not file.is_file():
            raise WeightsError(f"the bundle lacks {file}; run `lipwright adapt` again.")
        if checksum(file) != expected:
            raise WeightsError(
                f"{file} has the wrong checksum; it is damaged or was changed: run `lipwright adapt` again."
            )
    about = {"name": str(info["name"]), "rendered_faces_only": False}
    return replace(base, info={**base.info, **about}, personal=folder)


def read_description(folder: Path) -> dict[str, Any]:
    """model.json of a personal bundle, its fields checked. Raises WeightsError."""
    file = folder / MODEL_FILE
    try:
        info: dict[str, Any] = json.loads(file.read_text())
        if info["format"] != FORMAT or info["kind"] != KIND:
            raise WeightsError(
                f"{file} is no personal bundle of format {FORMAT}; run `lipwright adapt` again."
            )
        if set(info["files"]) != {PICTURES, NUMBERS} or not isinstance(info["base"], str):
            raise ValueError("files and base")
        values = (str(info["name"]), dict(info["material"]))
        del values
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{file} is not a complete description ({error!r}); run `lipwright adapt` again."
        ) from error
    return info


def load_voice(folder: Path) -> Personal | None:
    """How the person of a bundle opens for each sound; None when their clip did not teach it."""
    voice = read_description(folder).get("voice")
    try:
        return None if voice is None else Personal.from_json(voice)
    except (OptionError, AttributeError, TypeError) as error:
        raise WeightsError(
            f"{folder / MODEL_FILE} has a damaged voice ({error!r}); run `lipwright adapt` again."
        ) from error


def load_library(folder: Path) -> Library:
    """The library of a personal bundle whose checksums were compared. Raises WeightsError."""
    try:
        arrays = load_file(folder / NUMBERS)
        crops = np.stack([frame.rgb() for frame in read_frames(folder / PICTURES)])
        return Library.from_arrays(arrays, crops)
    except (OSError, SafetensorError, MediaError, KeyError, ValueError) as error:
        raise WeightsError(
            f"the personal bundle {folder} cannot be read ({error}); run `lipwright adapt` again."
        ) from error
