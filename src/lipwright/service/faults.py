"""Fault points: named places where a test can stop a process, to kill it exactly there. Off by default.

A test names an empty folder in LIPWRIGHT_FAULTS and writes `<point>.armed` into it. The first process that
reaches the point takes the file by renaming it to `<point>.reached`, writes its process id into it, and waits
until the test kills it or takes the file away. Without the variable a point costs one dictionary look-up.
`check_allowed` refuses the variable on a server that renders for real.
"""

import os
import time
from pathlib import Path

from lipwright.service.errors import SettingsError
from lipwright.service.settings import Settings

VARIABLE = "LIPWRIGHT_FAULTS"

SUBMIT = "submit"
"""API: everything of a submit is written, nothing committed."""
ACCEPTED = "accepted"
"""API: a submit is committed, nothing answered."""
FETCH = "fetch"
"""Controller: a job was taken up, its inputs are being fetched."""
RENDER = "render"
"""Worker: some steps of the render are done."""
RENDERED = "rendered"
"""Controller: the result is here, nothing of it published."""
PUBLISH = "publish"
"""Controller: the video is published, the report is not."""
PUBLISHED = "published"
"""Controller: everything is published, nothing settled."""
SETTLED = "settled"
"""Controller: state, charge and webhook are committed, the workflow has not ended."""

POINTS = (SUBMIT, ACCEPTED, FETCH, RENDER, RENDERED, PUBLISH, PUBLISHED, SETTLED)

WAIT_S = 0.02


def reached(point: str) -> None:
    """Stop here if a test armed this point."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return
    taken = Path(folder) / f"{point}.reached"
    try:
        os.rename(Path(folder) / f"{point}.armed", taken)
    except FileNotFoundError:
        return
    taken.write_text(str(os.getpid()))
    while taken.exists():
        time.sleep(WAIT_S)


def check_allowed(settings: Settings) -> None:
    """Raise SettingsError when faults are asked for on a server whose renderer is a part of Lipwright."""
    if VARIABLE in os.environ and settings.renderer.startswith("lipwright."):
        raise SettingsError(
            f"{VARIABLE} is set, which stops the server on purpose and is for tests with a renderer of their "
            "own; unset it."
        )
