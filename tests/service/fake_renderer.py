"""A renderer for tests of the service: real little videos, no networks, every way to go wrong on demand.

`steps` (an option of the job) is how many steps it takes; each lasts LIPWRIGHT_FAKE_STEP_S seconds and asks
whether to stop, as a denoising step does. Some seeds misbehave. Each render is noted in the file
LIPWRIGHT_FAKE_LOG.
"""

import json
import os
import signal
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

from lipwright.errors import MaterialError, NoFaceError
from lipwright.media.write import save_clip
from lipwright.progress import Progress
from lipwright.service import faults
from lipwright.service.channel import Rendered, RenderJob

STEPS = 10
SECONDS = 1.0
RATE = 25

KILLS_WORKER = 13
BREAKS = 14
NO_FACE = 404
DEAF = 99
TOO_BLURRED = "blurred"
"""Seeds: the worker dies, an error that is a bug, no face, and a step that never asks. The name of a bundle
whose clip cannot be learned from."""


def render(job: RenderJob, progress: Progress) -> Rendered:
    """Make a video of one second."""
    note(job.id)
    seed = job.options.get("seed")
    steps = int(job.options.get("steps", STEPS))
    if seed == NO_FACE:
        raise NoFaceError(f"{job.video} shows no face in any of its 25 frames; use another video.")
    step_s = float(os.environ.get("LIPWRIGHT_FAKE_STEP_S", "0.02"))
    if seed == DEAF:
        time.sleep(3600)
    progress.start("track", 1)
    progress.advance("track")
    progress.start("paint", steps)
    for step in range(steps):
        if step == steps // 2:
            faults.reached(faults.RENDER)
            if seed == KILLS_WORKER:
                os.kill(os.getpid(), signal.SIGKILL)
            if seed == BREAKS:
                raise ZeroDivisionError("on purpose")
        time.sleep(step_s)
        progress.advance("paint")
    if job.adapt:
        learn(job)
    else:
        Path(job.out).write_bytes(clip())
    Path(job.report).write_text(json.dumps({"frames": 25, "model": model_of(job)}) + "\n")
    return Rendered(output_s=SECONDS)


def learn(job: RenderJob) -> None:
    """Make something that looks like a personal bundle."""
    if job.options["name"] == TOO_BLURRED:
        raise MaterialError(f"{job.video} is too blurred; use a sharper clip (see --face).")
    folder = Path(job.out)
    folder.mkdir()
    (folder / "person.safetensors").write_bytes(b"numbers")
    (folder / "model.json").write_text(json.dumps({"name": job.options["name"], "base": job.bundle}))


def model_of(job: RenderJob) -> str:
    """What a real report names: a personal bundle by its own name, read from its files."""
    if job.person is None:
        return job.bundle
    return str(json.loads((Path(job.person) / "model.json").read_text())["name"])


def note(prediction_id: str) -> None:
    """One line per render, for the tests' counts."""
    place = os.environ.get("LIPWRIGHT_FAKE_LOG")
    if place is not None:
        with open(place, "a") as log:
            log.write(f"{prediction_id} {os.getpid()}\n")


@cache
def clip() -> bytes:
    """An mp4 of one second, 32x32, with a tone."""
    tone = (0.2 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32)
    frames = [np.full((32, 32, 3), 8 * index, np.uint8) for index in range(RATE)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        save_clip(path, iter(frames), RATE, tone, 16_000)
        return path.read_bytes()
