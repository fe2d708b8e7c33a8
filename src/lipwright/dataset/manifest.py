"""A folder of prepared clips: what preparation writes and training reads.

```text
dataset.json       format, side of the crops in px, template of the crop, rate and sample rate
manifest*.jsonl    one JSON object per clip and line (ClipRow); several files where several machines worked
clips/NAME.mp4     aligned face crops, side x side px, 25 per second
clips/NAME.wav     the sound of exactly these frames, 16 kHz mono
```
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lipwright.errors import InputError, OutputError

FORMAT = 1
RATE = 25
SOUND_HZ = 16_000
ABOUT_FILE = "dataset.json"
MANIFEST_FILE = "manifest.jsonl"
KEPT, DROPPED = "kept", "dropped"
TRAIN, HELD = "train", "held"


class DatasetError(InputError):
    """A folder of prepared clips is missing, unreadable or holds nothing of use."""


@dataclass(frozen=True)
class ClipRow:
    """One clip. video, sound: paths below the folder; empty for a clip that was dropped before it was cut.
    other: a video of the same frames in which the person says something else; only rendered clips have one.

    source: where it came from (clips of one source never lie on both sides of the split). split: TRAIN, HELD
    or empty, which leaves it to the reader. verdict: KEPT or DROPPED, with the reason. start_s, stop_s: which
    part of the source it is. steps: what was done, in order, with figures.
    """

    name: str
    video: str = ""
    sound: str = ""
    frames: int = 0
    source: str = ""
    split: str = ""
    verdict: str = KEPT
    reason: str = ""
    start_s: float = 0.0
    stop_s: float = 0.0
    steps: Mapping[str, Any] = field(default_factory=dict)
    other: str = ""


@dataclass(frozen=True)
class Dataset:
    """A folder that was read: side of the crops in px, the crop's template as JSON, the clips kept."""

    folder: Path
    side: int
    template: Mapping[str, Any]
    clips: tuple[ClipRow, ...]
    dropped: int

    def split(self, held_share: float = 0.05) -> tuple[tuple[ClipRow, ...], tuple[ClipRow, ...]]:
        """(train, held). Where the rows do not say, sources whose checksum falls into the share are held.

        With two sources or more, at least one is held and one trains.
        """
        stated = [row for row in self.clips if row.split]
        if stated:
            held = [row for row in self.clips if row.split == HELD]
            return tuple(row for row in self.clips if row.split != HELD), tuple(held)
        order = sorted({_source(row) for row in self.clips}, key=lambda name: zlib.crc32(name.encode()))
        count = min(max(round(held_share * len(order)), 1), len(order) - 1) if held_share > 0 else 0
        chosen = set(order[:count])
        held = [row for row in self.clips if _source(row) in chosen]
        return tuple(row for row in self.clips if _source(row) not in chosen), tuple(held)


def write_about(folder: Path, side: int, template: Mapping[str, Any]) -> None:
    """Write dataset.json. Raises OutputError when the folder cannot be written."""
    about = {
        "format": FORMAT,
        "side": side,
        "template": dict(template),
        "rate": RATE,
        "sound_hz": SOUND_HZ,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / (ABOUT_FILE + ".part")
        part.write_text(json.dumps(about, indent=1) + "\n")
        part.replace(folder / ABOUT_FILE)
    except OSError as error:
        raise OutputError(f"The dataset folder {folder} cannot be written ({error.strerror}).") from error


def append_rows(file: Path, rows: Iterable[ClipRow]) -> None:
    """Add rows to a manifest; each is one write, so a kill leaves whole lines and at most one half line."""
    with open(file, "a", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
            stream.flush()


def read_rows(file: Path, *, forgive_last: bool = False) -> list[ClipRow]:
    """All rows of one manifest. forgive_last: a half-written last line is left out, as after a kill.

    Raises DatasetError, naming the line, for anything else that is no row.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"The manifest {file} cannot be read ({error}); prepare the clips again."
        ) from error
    known = {entry.name for entry in fields(ClipRow)}
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            if unknown := sorted(set(data) - known):
                raise ValueError(f"unknown fields {', '.join(unknown)}")
            row = ClipRow(**data)
            if row.verdict == KEPT and (not row.video or not row.sound or row.frames < 1):
                raise ValueError("a kept clip without files or frames")
        except (ValueError, TypeError) as error:
            if forgive_last and number == len(lines):
                break
            raise DatasetError(
                f"Line {number} of the manifest {file} is no clip ({error}); prepare the clips again, or "
                "remove the line."
            ) from error
        rows.append(row)
    return rows


def read_dataset(folder: Path) -> Dataset:
    """Read a prepared folder. Raises DatasetError in one sentence when there is nothing to use in it."""
    about = _about(folder)
    manifests = sorted(folder.glob("manifest*.jsonl"))
    if not manifests:
        raise DatasetError(f"{folder} has no {MANIFEST_FILE}; prepare clips into it first.")
    rows = [row for file in manifests for row in read_rows(file)]
    kept = tuple(row for row in rows if row.verdict == KEPT)
    if not kept:
        raise DatasetError(f"No clip of {folder} was kept ({len(rows)} in its manifest); give better videos.")
    for row in kept:
        for name in (row.video, row.sound, row.other):
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise DatasetError(f"Clip {row.name} of {folder} lies outside the folder; do not use it.")
    return Dataset(folder, int(about["side"]), about["template"], kept, len(rows) - len(kept))


def _about(folder: Path) -> dict[str, Any]:
    file = folder / ABOUT_FILE
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}; give one with prepared clips.")
    try:
        about: dict[str, Any] = json.loads(file.read_text())
        found = (about["format"], about["rate"], about["sound_hz"])
        int(about["side"])
        dict(about["template"])
    except FileNotFoundError as error:
        raise DatasetError(f"{folder} holds no prepared clips: it has no {ABOUT_FILE}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{file} cannot be read ({error!r}); prepare the clips again.") from error
    if found != (FORMAT, RATE, SOUND_HZ):
        raise DatasetError(
            f"{file} is of format, rate and sample rate {found}, but {(FORMAT, RATE, SOUND_HZ)} is read; "
            "prepare the clips again."
        )
    return about


def _source(row: ClipRow) -> str:
    return row.source if row.source else row.name
