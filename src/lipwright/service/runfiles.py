"""Files of a running server that are gone, or worthless, when it ends."""

import os
import shutil
from pathlib import Path

from lipwright.service.settings import Settings

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where the metrics library keeps the figures of several processes; it looks once, when it is imported."""


def heartbeat_file(settings: Settings) -> Path:
    """What a working or waiting controller touches every second."""
    return settings.data / "run" / "controller.heartbeat"


def share_metrics(settings: Settings, *, fresh: bool) -> None:
    """Have this process and its children count in the server's folder; `fresh` empties it.

    To be called before the metrics are imported, and with `fresh` while no process of the server runs.
    """
    folder = settings.data / "run" / "metrics"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[METRICS_VARIABLE] = str(folder)
