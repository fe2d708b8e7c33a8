"""Where uploads and outputs lie: the interface of a store, and the store in a local folder.

A file is there entirely or not at all, and once `publish` returned it survives a power cut: written under a
hidden name, flushed to the disk, renamed, and the folder flushed, too.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from lipwright.service.errors import ConflictError, InvalidParameterError, SettingsError, StorageError
from lipwright.service.settings import Settings

LONGEST_KEY = 500
CHUNK_BYTES = 256 * 1024
HIDDEN = ".part-"
"""Unfinished files start with this; keys cannot."""

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True)
class Stored:
    """One file of a store."""

    key: str
    size: int
    modified_us: int
    """UTC microseconds since the epoch."""


class Storage(Protocol):
    """A store of files under keys such as `outputs/<id>/video.mp4`.

    Every method raises InvalidParameterError for a key that cannot be one and StorageError when the store
    fails.
    """

    def publish(
        self, source: Path, key: str, content_type: str, *, exclusive: bool = False, keep: bool = True
    ) -> None:
        """Store a file under a key, durably and at once for all readers.

        It replaces what is there; `exclusive` raises ConflictError instead. `keep=False` lets the store take
        the file away, which spares a copy.
        """
        ...

    def size(self, key: str) -> int | None:
        """Bytes of a file, None when it is not there."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The file itself, for a store on this machine that has it; else None."""
        ...

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        """A URL from which clients can GET the file without us; None for a store that has none."""
        ...

    def open_range(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end` (default: the end of the file), in pieces."""
        ...

    def fetch(self, key: str, target: Path) -> None:
        """Copy a file to `target`. Raises StorageError when it is not there."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; one that is not there is fine."""
        ...

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """The files below a folder such as `uploads`, in no particular order; all with no prefix.

        What others put there under names that are no keys is left out.
        """
        ...

    def check(self) -> None:
        """Raise StorageError unless a file can be written, read and removed."""
        ...


def open_storage(settings: Settings) -> Storage:
    """The store that the settings name. Raises SettingsError when its extra is not installed."""
    if settings.storage == "local":
        return LocalStorage(settings.stored)
    try:
        from lipwright.service.storage_s3 import S3Storage
    except ModuleNotFoundError as error:
        raise SettingsError("storage is s3, which needs an extra: pip install 'lipwright[s3]'.") from error
    return S3Storage(settings)


def is_key(key: str) -> bool:
    """Whether a store may have a file of this name: plain names joined by single slashes."""
    return len(key) <= LONGEST_KEY and all(_SEGMENT.fullmatch(part) for part in key.split("/"))


def check_key(key: str) -> str:
    """The key itself. Raises InvalidParameterError unless `is_key`."""
    if not is_key(key):
        shown = key if len(key) <= 100 else key[:100] + "..."
        raise InvalidParameterError(f"{shown!r} is not the name of a stored file.")
    return key


class LocalStorage:
    """A folder on a local disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(
        self, source: Path, key: str, content_type: str, *, exclusive: bool = False, keep: bool = True
    ) -> None:
        """See Storage. The content type is not noted: it follows from the key's extension."""
        target = self._path(key)
        with _failures(f"{key} cannot be stored"):
            _make_folder(target.parent)
            part = target.parent / f"{HIDDEN}{uuid4().hex}"
            try:
                _bring(source, part, keep=keep)
                if exclusive:
                    _claim(part, target, key)
                else:
                    part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            _flush_folder(target.parent)

    def size(self, key: str) -> int | None:
        """See Storage."""
        path = self.local_path(key)
        return None if path is None else path.stat().st_size

    def local_path(self, key: str) -> Path | None:
        """See Storage."""
        path = self._path(key)
        return path if path.is_file() else None

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        """See Storage: there is none."""
        check_key(key)
        return None

    def open_range(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        path = self._path(key)
        with _failures(f"{key} cannot be read"), path.open("rb") as file:
            file.seek(start)
            left = path.stat().st_size - start if end is None else end - start
            while left > 0 and (piece := file.read(min(CHUNK_BYTES, left))):
                left -= len(piece)
                yield piece

    def fetch(self, key: str, target: Path) -> None:
        """See Storage."""
        with _failures(f"{key} cannot be read"):
            shutil.copyfile(self._path(key), target)

    def delete(self, key: str) -> None:
        """See Storage. Folders that it leaves empty are removed, but those at the top, which others publish
        into.
        """
        path = self._path(key)
        with _failures(f"{key} cannot be removed"):
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if self.root in (folder, folder.parent) or not _remove_empty(folder):
                    break

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See Storage."""
        top = self._path(prefix) if prefix else self.root
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self.root).as_posix()
                state = _state(path) if is_key(key) else None
                if state is not None:
                    yield Stored(key, state.st_size, state.st_mtime_ns // 1000)

    def check(self) -> None:
        """See Storage."""
        with _failures(f"the folder {self.root} cannot be used"):
            _make_folder(self.root)
            probe = self.root / f"{HIDDEN}{uuid4().hex}"
            probe.write_bytes(b"x")
            probe.unlink()

    def remove_unfinished(self, before_us: int) -> int:
        """Remove what killed processes left behind: hidden files not written since `before_us`; how many."""
        removed = 0
        with _failures("unfinished files cannot be removed"):
            for path in self.root.rglob(f"{HIDDEN}*"):
                state = _state(path)
                if state is not None and state.st_mtime_ns // 1000 < before_us:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Turn what the file system says into a StorageError that starts with `what`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror if error.strerror is not None else str(error)
        raise StorageError(f"Storage: {what}: {reason}.") from error


def _bring(source: Path, part: Path, *, keep: bool) -> None:
    """Make `part` a durable copy of `source`, or `source` itself if it may be taken and is on this disk."""
    if not keep:
        try:
            source.replace(part)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    if not part.exists():
        shutil.copyfile(source, part)
        if not keep:
            source.unlink()
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _claim(part: Path, target: Path, key: str) -> None:
    """Give `part` its final name unless something has it: a link fails where a rename would replace."""
    try:
        target.hardlink_to(part)
    except FileExistsError as error:
        raise ConflictError(f"{key} was stored before and is not replaced.") from error


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in the one that holds it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _state(path: Path) -> os.stat_result | None:
    """What the file system knows of a file; None when it was removed since its folder was read."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _remove_empty(folder: Path) -> bool:
    """Remove a folder unless something is in it; whether it is gone."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True
