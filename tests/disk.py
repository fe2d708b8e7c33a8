"""A file system that is really full: a small one of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def file_system(place: Path, size: str) -> Iterator[Path]:
    """A file system of that size ("64k") at `place`; skips the test where none may be mounted."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a file system (and not in every container)")
    yield place
    subprocess.run(["umount", str(place)], check=True)
