"""One running server for all tests of real clients."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.clients.live import Live, running

NPM = Path(__file__).parent.parent / "npm"
INSTALL_S = 120


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running server that renders quickly and lets its key submit as often as tests want."""
    with running(tmp_path_factory.mktemp("live"), rate_per_minute=100_000) as server:
        yield server


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder with the published JavaScript clients installed; skips, saying why, where that cannot be."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: the JavaScript clients were not tried")
    lock, mark = NPM / "package-lock.json", NPM / "node_modules" / ".installed"
    if mark.is_file() and mark.read_bytes() == lock.read_bytes():
        return NPM
    try:
        done = subprocess.run(
            ["npm", "ci"],
            cwd=NPM,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install the JavaScript clients within {INSTALL_S} s; they were not tried")
    if done.returncode != 0:
        pytest.skip("npm could not install the JavaScript clients (no registry?); they were not tried")
    mark.write_bytes(lock.read_bytes())
    return NPM
