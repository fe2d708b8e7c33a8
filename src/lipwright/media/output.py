"""A place for an output: a private name in its folder, renamed when the file is whole, and errors in plain
words.
"""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av

from lipwright.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def check_output(out: Path, *, force: bool) -> None:
    """OutputError unless a file may be written there: its folder exists, and no file does (with `force`,
    one may).
    """
    if not out.parent.is_dir():
        raise OutputError(f"The folder of the output {out} does not exist; create it first.")
    if out.is_dir():
        raise OutputError(f"The output {out} is a folder; name a file.")
    if out.exists() and not force:
        raise OutputError(f"The output {out} exists; use --force to replace it.")


@contextmanager
def private_file(
    out: Path, *, force: bool, seal: Callable[[Path, Path], bool] | None = None
) -> Iterator[BinaryIO]:
    """A new file `.NAME.XXXXXXXX.part.SUFFIX` beside `out`: takes its place when the block ends well, else
    is removed.

    The bytes are on the disk (fsync) before the rename, so that a crash leaves the old file or the new one,
    whole. `seal(private, sealed)` writes the file that takes the place instead, or returns False.
    """
    check_output(out, force=force)
    private = out.with_name(f".{out.stem}.{secrets.token_hex(4)}.part{out.suffix}")
    sealed = private.with_name(f".sealed{private.name}")
    with write_errors(out):
        file = open(private, "x+b", buffering=0)  # noqa: SIM115 (closed before the rename)
    try:
        with file:
            yield file
            with write_errors(out):
                os.fsync(file.fileno())
        whole = private
        if seal is not None and seal(private, sealed):
            whole = sealed
            with write_errors(out), open(sealed, "rb") as copy:
                os.fsync(copy.fileno())
        check_output(out, force=force)
        with write_errors(out):
            os.replace(whole, out)
    finally:
        private.unlink(missing_ok=True)
        sealed.unlink(missing_ok=True)


def save_bytes(out: Path, data: bytes) -> None:
    """Write a file whole or not at all, in the place of one that is there. Raises OutputError, also when the
    disk is full.
    """
    with private_file(out, force=True) as file, write_errors(out):
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]


@contextmanager
def write_errors(out: Path) -> Iterator[None]:
    """Turn what the disk or the encoder raises in the block into an OutputError of one sentence."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise OutputError(_sentence(out, error)) from error


def _sentence(out: Path, error: OSError | av.FFmpegError) -> str:
    if error.errno in _FULL:
        return f"The disk is full: {out} could not be written; free some space or write elsewhere."
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        return f"{out} may not be written; check the permissions of its folder."
    reason = (error.strerror or type(error).__name__).splitlines()[0].rstrip(".")
    return f"{out} could not be written ({reason}); try another codec or place."
