"""Which raw videos there are, what their clips are called, and which machine does which."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lipwright.dataset.manifest import MANIFEST_FILE, DatasetError
from lipwright.errors import OptionError

SUFFIXES = frozenset(
    ".mp4 .mov .m4v .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .flv .wmv .asf .ogv .3gp .mxf .vob".split()  # noqa: SIM905 (a table)
)
_EDGE = 1 << 16


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `of`; 1 of 1 is everything."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `i/n`. Raises OptionError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise OptionError(
                f"The shard {text!r} is none; write i/n with i from 1 to n, such as --shard 1/4."
            )
        return cls(int(match[1]), int(match[2]))

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return self.of == 1

    @property
    def manifest(self) -> str:
        """Name of its manifest."""
        return MANIFEST_FILE if self.whole else f"manifest-{self.number}-of-{self.of}.jsonl"

    def holds(self, source: str) -> bool:
        """Whether a raw video belongs to it, by a hash of its name."""
        return int.from_bytes(_hash(source)[:8], "big") % self.of == self.number - 1


def list_raw(folder: Path, out: Path) -> list[str]:
    """Paths below the folder of every video in it, by suffix, sorted; what lies in `out` is left out.

    Raises DatasetError when there is none.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}; give one with raw videos.")
    inside = out.resolve()
    files = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    found = sorted(
        path.relative_to(folder).as_posix() for path in files if not path.resolve().is_relative_to(inside)
    )
    if not found:
        raise DatasetError(
            f"{folder} holds no video ({', '.join(sorted(SUFFIXES))}); give a folder with some."
        )
    return found


def name_of(source: str) -> str:
    """Of a raw video's clips: readable, and unlike any other's."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", Path(source).stem).strip("-").lower()[:40]
    return f"{readable or 'video'}-{_hash(source).hex()[:10]}"


def content(file: Path) -> str:
    """Tells a raw video from a changed one: its length, beginning and end. Raises OSError."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        digest = hashlib.sha256(size.to_bytes(8, "big") + stream.read(_EDGE))
        stream.seek(max(0, size - _EDGE))
        digest.update(stream.read(_EDGE))
    return digest.hexdigest()


def _hash(source: str) -> bytes:
    return hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()
