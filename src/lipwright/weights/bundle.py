"""A model bundle: one folder with `model.json` and safetensors, everything the pipeline must know inside.

```text
model.json           name, resolution, window, overlap, steady (optional), template, mask, blend, schedule,
                     defaults, licence, parts: {autoencoder, speech, unet: kind, config, ...},
                     files: {name: sha256}, training
*.safetensors        the weights of one part each
```
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from lipwright.errors import WeightsError
from lipwright.faces.align import Template
from lipwright.faces.mask import RowMask

FORMAT = 1
MODEL_FILE = "model.json"
EMBEDDED = ("tiny",)
_PARTS = ("autoencoder", "speech", "unet")
_DEFAULTS = ("steps", "guidance", "solver")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle. `info` is model.json as it stands; the properties are what the pipeline asks for."""

    folder: Path
    info: Mapping[str, Any]
    personal: Path | None = None
    """Folder of the personal bundle that stands on this one, see `personal.py`; None: there is none."""

    @property
    def name(self) -> str:
        """What reports and messages call it."""
        return str(self.info["name"])

    @property
    def resolution(self) -> int:
        """Side of the crop the networks see, in px."""
        return int(self.info["resolution"])

    @property
    def window(self) -> int:
        """Frames that the network sees together."""
        return int(self.info["window"])

    @property
    def overlap(self) -> int:
        """Frames that neighbouring windows share; 0 where the network treats each frame alone."""
        return int(self.info["overlap"])

    @property
    def steady(self) -> float:
        """How much of the latents of the frame before and of the frame after becomes part of a frame's own:
        0 to below 0.5, above 0 only where the network treats each frame alone.
        """
        value = float(self.info.get("steady", 0.0))
        if not 0 <= value < 0.5:
            raise ValueError(f"steady is {value:g}, but must be from 0 to below 0.5")
        return value

    @property
    def template(self) -> Template:
        """Where the face's anchor points lie in the crop."""
        return Template.from_dict(self.info["template"])

    @property
    def mask(self) -> RowMask:
        """Which part of the crop is repainted."""
        return RowMask.from_dict(self.info["mask"])

    @property
    def rendered_faces_only(self) -> bool:
        """Whether it was trained on drawn people, so that real ones will not please."""
        return bool(self.info.get("rendered_faces_only", False))

    def part(self, name: str) -> Mapping[str, Any]:
        """Kind, config and file of one network."""
        part: Mapping[str, Any] = self.info["parts"][name]
        return part

    def file(self, part: str) -> Path:
        """The safetensors file of one network."""
        return self.folder / str(self.part(part)["file"])

    def mark(self, part: str) -> str:
        """Twelve digits that tell one network's weights from others."""
        return str(self.info["files"][str(self.part(part)["file"])])[:12]


def embedded_folder(name: str) -> Path:
    """Where a bundle that ships inside the package lies."""
    return Path(str(resources.files("lipwright"))) / "bundles" / name


def read_bundle(folder: Path, *, checksums: bool = True) -> Bundle:
    """Read and check a folder: format, fields, files present, checksums equal. Raises WeightsError.

    checksums: False where they were computed a moment ago.
    """
    file = folder / MODEL_FILE
    try:
        info = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise WeightsError(f"{folder} is not a model bundle: it has no {MODEL_FILE}.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} cannot be read ({error}); fetch or make the bundle again.") from error
    bundle = Bundle(folder, info)
    _check_fields(bundle)
    for name, expected in info["files"].items():
        _check_file(folder / name, str(expected) if checksums else None)
    return bundle


def _check_fields(bundle: Bundle) -> None:
    file = bundle.folder / MODEL_FILE
    try:
        if bundle.info["format"] != FORMAT:
            raise WeightsError(
                f"{file} has format {bundle.info['format']!r}, this lipwright reads {FORMAT}; upgrade one."
            )
        names = {str(bundle.part(part)["file"]) for part in _PARTS}
        if missing := names - set(bundle.info["files"]):
            raise WeightsError(
                f"{file} gives no checksum for {', '.join(sorted(missing))}; make the bundle again."
            )
        if any(Path(name).name != name for name in bundle.info["files"]):
            raise WeightsError(f"{file} names files outside its folder; do not use this bundle.")
        values = (bundle.name, bundle.resolution, bundle.window, bundle.overlap, bundle.template, bundle.mask)
        settings = [
            bundle.steady,
            bundle.info["schedule"],
            *(bundle.info["defaults"][key] for key in _DEFAULTS),
        ]
        del values, settings
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{file} is not a complete description ({error!r}); make the bundle again."
        ) from error


def _check_file(file: Path, expected: str | None) -> None:
    if not file.is_file():
        raise WeightsError(f"the bundle lacks {file}; fetch or make it again.")
    if expected is None:
        return
    found = checksum(file)
    if found != expected:
        raise WeightsError(
            f"{file} has the wrong checksum (SHA-256 {found[:12]}..., expected {expected[:12]}...); it is "
            "damaged or was changed: fetch or make the bundle again."
        )


def checksum(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_description(folder: Path, info: Mapping[str, Any]) -> Bundle:
    """Write model.json for the safetensors files in `folder`, with their checksums; returns it re-read."""
    files = {part["file"]: checksum(folder / part["file"]) for part in info["parts"].values()}
    part = folder / (MODEL_FILE + ".part")
    part.write_text(json.dumps({"format": FORMAT, **info, "files": files}, indent=1) + "\n")
    part.replace(folder / MODEL_FILE)
    return read_bundle(folder, checksums=False)
