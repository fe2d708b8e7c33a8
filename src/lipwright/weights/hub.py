"""Files from the model hub, by its own client: its cache, tokens, mirrors and offline switch all hold.

Sums: the catalogue's where it has one, and always the hub's own where it names one. The first sum seen of a
file is noted and counts from then on: trust on first use.
"""

import errno
import inspect
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lipwright.errors import OutputError, WeightsError
from lipwright.progress import Progress
from lipwright.weights.bundle import checksum
from lipwright.weights.catalog import HubFile
from lipwright.weights.fetch import CACHE_VARIABLE, cache_folder

log = logging.getLogger(__name__)

LEDGER = "sums.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
MEGABYTE = 1_000_000


def fetch_file(file: HubFile, progress: Progress | None = None) -> Path:
    """Path of a file in the hub's cache, fetched when it is not there; its sum is checked each time.

    A download that was cut off is taken up where it stopped. Raises WeightsError in one sentence when the
    file cannot be got, or is not the one expected (it is then removed from the cache).
    """
    from huggingface_hub import hf_hub_download

    settings: dict[str, Any] = {"revision": file.revision}
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:  # not in older clients
        settings["tqdm_class"] = _bar(file, Progress() if progress is None else progress)
    with told(file):
        path = Path(hf_hub_download(file.repo, file.path, **settings))
    _check_sum(file, path)
    return path


def cached_file(file: HubFile) -> Path | None:
    """Path of a file if it is in the hub's cache already; nothing is asked of the network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repo, file.path, revision=file.revision)
    return Path(found) if isinstance(found, str) else None


@contextmanager
def told(file: HubFile) -> Iterator[None]:
    """Turn what the hub's client raises into one sentence each."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{file.repo} is gated: accept its terms on its page, log in with `hf auth login` (or set "
            "HF_TOKEN), and pull again."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            f"The hub has no repository {file.repo} that you may see; it was moved, is private (set "
            "HF_TOKEN), or your mirror (HF_ENDPOINT) lacks it."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise WeightsError(_offline(file)) from error
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise WeightsError(
            f"{file.repo} has no file {file.path} at revision {file.revision}; upgrade lipwright, or check "
            "your mirror (HF_ENDPOINT)."
        ) from error
    except (getattr(errors, "HTTPError", OSError), OSError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise OutputError(
                f"No space left to fetch {file.title}; make room or set HF_HOME to a disk with space."
            ) from error
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"Fetching {file.title} failed ({reason}); run the same command again to go on where it stopped."
        ) from error


def _offline(file: HubFile) -> str:
    return (
        f"{file.title} is not in the cache and the hub cannot be reached; on a machine with network run "
        "`lipwright weights pull` with the model's name, then copy the folder that `lipwright weights path` "
        f"prints and give it as --model, or copy it to the same place below {cache_folder()}."
    )


def _check_sum(file: HubFile, path: Path) -> None:
    """Compare with the catalogue, with the hub's own word and with what was seen first; note a first sum."""
    blob = path.resolve()
    found = checksum(blob)
    ledger = _read_ledger()
    key = f"{file.title}@{file.revision}"
    named = blob.name if _SHA256.fullmatch(blob.name) else None  # the client names large files by their sum
    for source, expected in (
        ("lipwright's catalogue says", file.sha256),
        ("the hub said", named),
        ("it was at first use", ledger.get(key)),
    ):
        if expected is not None and expected != found:
            for link in {path, blob}:
                link.unlink(missing_ok=True)
            raise WeightsError(
                f"{file.title} has the wrong checksum (SHA-256 {found[:12]}..., {source} "
                f"{expected[:12]}...); it was damaged on its way or replaced at its source, and was removed "
                "from the cache: pull again."
            )
    if key not in ledger:
        _write_ledger({**ledger, key: found})
        log.info("weights_sum_noted", extra={"file": file.title, "sha256": found})


def _read_ledger() -> dict[str, str]:
    try:
        noted: dict[str, str] = json.loads((cache_folder() / LEDGER).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The noted checksums in {cache_folder() / LEDGER} cannot be read ({error}); remove that file to "
            "trust what comes next."
        ) from error
    return noted


def _write_ledger(noted: dict[str, str]) -> None:
    home = cache_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        part = home / (LEDGER + ".part")
        part.write_text(json.dumps(noted, indent=1, sort_keys=True) + "\n")
        part.replace(home / LEDGER)
    except OSError as error:
        raise OutputError(
            f"The weights cache {home} cannot be written ({error.strerror or error}); set {CACHE_VARIABLE} "
            "to a folder you can write to."
        ) from error


def _bar(file: HubFile, progress: Progress) -> type[Any]:
    """A bar for the hub's client that tells our progress, in MB; cancelling ends the download."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]  # the hub's client brings it

    stage = f"fetch {Path(file.path).name} (MB)"

    class Bar(tqdm):  # type: ignore[misc]  # ships no types
        def __init__(self, *args: Any, **settings: Any) -> None:
            settings["disable"] = True  # it draws nothing itself
            super().__init__(*args, **settings)
            self._bytes = int(settings.get("initial") or 0)
            total = settings.get("total")
            progress.start(stage, None if total is None else int(total) // MEGABYTE)
            progress.advance(stage, self._bytes // MEGABYTE)

        def update(self, n: float | None = 1) -> None:
            before = self._bytes // MEGABYTE
            self._bytes += int(n or 0)
            progress.check()
            if self._bytes // MEGABYTE > before:
                progress.advance(stage, self._bytes // MEGABYTE - before)

    return Bar
