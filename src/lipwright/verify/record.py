"""A folder of recorded sets: `NAME.json` with kind and settings, `NAME.npz` with inputs and outputs."""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError
from lipwright.weights.deterministic import test_input

Array = NDArray[Any]


class RecordError(InputError):
    """A recorded set cannot be read, or lacks something its kind needs."""


class Record:
    """One set; `used` remembers which arrays were asked for."""

    def __init__(self, name: str, settings: Mapping[str, Any], arrays: Mapping[str, Array], shelf: "Shelf"):
        self.name = name
        self.settings = settings
        self.shelf = shelf
        self.used: set[str] = set()
        self._arrays = arrays

    @property
    def kind(self) -> str:
        """Which part of the program recomputes it."""
        return str(self.settings.get("kind", ""))

    @property
    def note(self) -> str:
        """What the people who recorded it said about its arrays."""
        return str(self.settings.get("note", ""))

    def __contains__(self, name: str) -> bool:
        """Whether the set itself holds an array."""
        return name in self._arrays

    def source(self) -> "Record | None":
        """The set that this one takes its inputs from: `"inputs": "same as NAME"`.

        Where that set has been renamed, one of the same kind that stores `faces` of the same resolution.
        Raises RecordError when there is none.
        """
        same = re.fullmatch(r"same as (\S+)", str(self.settings.get("inputs", "")))
        if same is None or same[1] == self.name:
            return None
        if same[1] in self.shelf.names():
            return self.shelf.read(same[1])
        for other in self.shelf.of_kind(self.kind):
            alike = other.settings.get("resolution") == self.settings.get("resolution")
            if alike and "faces" in other:
                return other
        raise RecordError(f"The set {self.name} takes its inputs from {same[1]}, which is not in the folder.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __getitem__(self, name: str) -> Array:
        """An array, own or of the set whose inputs this one shares. RecordError: none, or not readable."""
        if name not in self._arrays:
            other = self.source()
            if other is not None and name in other:
                return other[name]
            raise RecordError(f"The set {self.name} has no array {name!r}, which its kind {self.kind} needs.")
        self.used.add(name)
        return self._arrays[name]

    def setting(self, name: str) -> Any:
        """A setting. Raises RecordError when there is none."""
        if name not in self.settings:
            raise RecordError(
                f"The set {self.name} has no setting {name!r}, which its kind {self.kind} needs."
            )
        return self.settings[name]

    def stored_or_drawn(self, name: str, shape: Sequence[int], scale: float = 1.0) -> Array:
        """An input: the array stored under `name`, else the draw that the rule `detw-v1` gives for it."""
        if name in self:
            return self[name]
        return np.float32(scale) * test_input(self.rule_name(name), tuple(shape))

    def rule_name(self, name: str) -> str:
        """Name of a drawn input: PREFIX/NAME, the prefix as in the note's quoted names, else the set's."""
        quoted = re.findall(rf"'([^'\s]+)/{re.escape(name)}'", self.note) or re.findall(
            r"'([^'\s/]+)/[^'\s]+'", self.note
        )
        return f"{quoted[0] if quoted else self.name}/{name}"

    def unused(self) -> list[str]:
        """Arrays that nobody asked for."""
        return [name for name in self if name not in self.used]


class Shelf:
    """All sets of a folder by name; some sets take inputs from others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of all sets, sorted: every .json, and every .npz that lacks its .json.

        Raises RecordError when there is no such folder or nothing in it.
        """
        if not self.folder.is_dir():
            raise RecordError(f"{self.folder} is not a folder; give one with recorded sets (.json and .npz).")
        found = {path.name.rsplit(".", 1)[0] for path in self.folder.iterdir() if _is_part(path)}
        if not found:
            raise RecordError(f"{self.folder} holds no recorded sets (pairs of .json and .npz files).")
        return sorted(found)

    def read(self, name: str) -> Record:
        """A set. Raises RecordError, naming the file, when a part is missing or cannot be read."""
        description, store = self.folder / f"{name}.json", self.folder / f"{name}.npz"
        try:
            settings = json.loads(description.read_text(encoding="utf-8"))
            with open(store, "rb") as stream:
                arrays = dict(np.load(stream, allow_pickle=False))
        except FileNotFoundError as error:
            raise RecordError(f"The set {name} is incomplete: {error.filename} is missing.") from error
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RecordError(f"The set {name} cannot be read ({reason}).") from error
        if not isinstance(settings, dict):
            raise RecordError(f"The settings of the set {name} are not a mapping of names to values.")
        return Record(name, settings, arrays, self)

    def of_kind(self, kind: str) -> Iterator[Record]:
        """Readable sets of a kind."""
        for name in self.names():
            try:
                record = self.read(name)
            except RecordError:
                continue  # reported when its own turn comes
            if record.kind == kind:
                yield record


def _is_part(path: Path) -> bool:
    return path.suffix in (".json", ".npz") and not path.name.startswith(".")
