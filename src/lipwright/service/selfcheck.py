"""`lipwright serve --check`: whether a server would work here, one line per question."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lipwright.errors import LipwrightError
from lipwright.service import faults, safety
from lipwright.service.db import open_database
from lipwright.service.errors import ServiceError
from lipwright.service.migrate import check_schema
from lipwright.service.pool import plan_slots
from lipwright.service.settings import GIB, Settings
from lipwright.service.storage import open_storage

LEAST_FREE_BYTES = 2 * GIB
MODELS_TIMEOUT_S = 180


@dataclass(frozen=True)
class Finding:
    """One answer."""

    name: str
    good: bool
    sentence: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'FAIL'} {self.name}: {self.sentence}"


def check(settings: Settings) -> Iterator[Finding]:
    """All questions, in the order in which failures should be mended."""
    questions: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("settings", _settings),
        ("data folder", _data),
        ("disk", _disk),
        ("database", _database),
        ("storage", _storage),
        ("devices", _devices),
        ("models", _models),
        ("safety check", _safety),
    )
    for name, question in questions:
        try:
            yield Finding(name, True, question(settings))
        except LipwrightError as error:
            yield Finding(name, False, str(error))


def _settings(settings: Settings) -> str:
    faults.check_allowed(settings)
    return "all values are in range."


def _safety(settings: Settings) -> str:
    if settings.nsfw_model == safety.NONE:
        return "none: has_nsfw_contents is always []."
    return f"{safety.find_classifier(settings.nsfw_model)} is there."


def _data(settings: Settings) -> str:
    probe = settings.data / ".check"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise ServiceError(f"{settings.data} cannot be written: {error.strerror}.") from error
    return f"{settings.data} can be written."


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.data if settings.data.exists() else "/").free
    if free < LEAST_FREE_BYTES:
        raise ServiceError(
            f"{settings.data} has {free / GIB:.1f} GiB left; {LEAST_FREE_BYTES / GIB:.0f} GiB are needed."
        )
    return f"{free / GIB:.1f} GiB are free."


def _database(settings: Settings) -> str:
    engine = open_database(settings)
    try:
        check_schema(engine)
        return f"{engine.url.render_as_string(hide_password=True)} has the schema of this version."
    finally:
        engine.dispose()


def _storage(settings: Settings) -> str:
    open_storage(settings).check()
    return f"{settings.storage} can be written and read."


def _devices(settings: Settings) -> str:
    slots = plan_slots(settings)
    named = ", ".join("the best device found" if slot.device is None else slot.device for slot in slots)
    return f"{len(slots)} at a time, on {named}."


def _models(settings: Settings) -> str:
    """In a process of its own: looking at a bundle loads torch."""
    command = [sys.executable, "-c", "from lipwright.service.worker import check_models; check_models()"]
    asked = subprocess.run(
        [*command, *settings.models], capture_output=True, text=True, timeout=MODELS_TIMEOUT_S, check=False
    )
    if asked.returncode != 0:
        lines = asked.stderr.strip().splitlines()
        raise ServiceError(lines[-1] if lines else f"the check of the models ended with {asked.returncode}.")
    return f"{', '.join(settings.models)} can be read."
