"""Whether an input can be rendered, found out in a child process that may be killed.

Decoders are the largest attack surface of the service. The child (check_child.py) has limits on memory, CPU
time and open files, writes nothing, gets no secrets by its environment, and dies with its time limit. What it
says comes back as a small JSON; whatever happens to it becomes a sentence.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

from lipwright.errors import Cancelled
from lipwright.service.errors import BadMediaError, InternalTaskError
from lipwright.service.guard import never
from lipwright.service.settings import GIB, Settings

Kind = Literal["video", "audio"]

MEMORY_BYTES = 3 * GIB
"""Address space of the child. 0.4 GiB go to the libraries; 4K video in 10 bits with 16 reference frames needs
about 1 GiB."""
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
_LONGEST_ANSWER = 64 * 1024
_ASK_S = 0.25
READY = b"ready"
"""What the child writes when it has its libraries: from then on, its death is the file's doing."""


@dataclass(frozen=True)
class MediaLimits:
    """What an input may be."""

    seconds: float
    pixels: int
    """Most pixels of a frame."""
    side: int
    """Longest side of a frame in pixels."""
    fps: float


@dataclass(frozen=True)
class Checked:
    """An input that can be rendered. Fields of video are 0 for an audio input."""

    kind: str
    seconds: float
    """By the time stamps of its packets."""
    codec: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    has_audio: bool = True
    sample_rate: int = 0
    """Samples per second; 0 for a video input."""
    channels: int = 0


def limits_of(settings: Settings, kind: Kind) -> MediaLimits:
    """The limits for videos or voices that the settings state."""
    seconds = settings.max_video_s if kind == "video" else settings.max_audio_s
    return MediaLimits(seconds, settings.max_pixels, settings.max_side, settings.max_fps)


def check(
    path: Path,
    kind: Kind,
    limits: MediaLimits,
    *,
    timeout_s: float,
    memory_bytes: int = MEMORY_BYTES,
    cancelled: Callable[[], bool] = never,
) -> Checked:
    """Look at an input in a child of its own.

    Raises BadMediaError, in one sentence that names the input by its kind ("The video ...") and never by a
    path of ours; InternalTaskError when the child does not start; Cancelled.
    """
    asked = {
        "path": str(path.absolute()),
        "kind": kind,
        "limits": asdict(limits),
        "memory_bytes": memory_bytes,
        "cpu_s": max(1, round(timeout_s)),
    }
    status, said = _run(json.dumps(asked).encode(), timeout_s, kind, cancelled)
    ready, _, answer = said.partition(b"\n")
    if ready != READY:
        raise InternalTaskError(
            f"The {kind} could not be checked: the checker did not start ({_ending(status)})."
        )
    if status != 0 or not answer:
        raise BadMediaError(
            f"The {kind} cannot be used: looking at it {_ending(status)}; convert it to "
            f"{'mp4 with H.264' if kind == 'video' else 'wav'} and try again."
        )
    found: dict[str, Any] = json.loads(answer)
    if "error" in found:
        raise BadMediaError(str(found["error"]))
    return Checked(**found["media"])


def _ending(status: int | None) -> str:
    return "took too long" if status is None else f"ended with status {status}"


def _run(
    asked: bytes, timeout_s: float, kind: Kind, cancelled: Callable[[], bool]
) -> tuple[int | None, bytes]:
    """The child's exit status, None when it ran out of time, and what it wrote. It does not outlive this."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    try:
        child = subprocess.Popen(
            # -P: no module is looked for in the working folder.
            [sys.executable, "-P", "-m", "lipwright.service.check_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # FFmpeg's log is made of the file's own bytes
            cwd="/",
            env=kept | single,
            start_new_session=True,
        )
    except OSError as error:
        raise InternalTaskError(f"The {kind} could not be checked: no process could be started.") from error
    assert child.stdin is not None and child.stdout is not None
    said: list[bytes] = []
    reader = threading.Thread(target=_read, args=(child.stdout, said), daemon=True)
    reader.start()
    try:
        _hand(child.stdin, asked)
        status = _wait(child, timeout_s, kind, cancelled)
    finally:
        child.kill()
        child.wait()
        reader.join()
        child.stdout.close()
    return status, b"".join(said)


def _wait(
    child: subprocess.Popen[bytes], timeout_s: float, kind: Kind, cancelled: Callable[[], bool]
) -> int | None:
    end = time.monotonic() + timeout_s
    while (left := end - time.monotonic()) > 0:
        if cancelled():
            raise Cancelled(f"Cancelled while the {kind} was checked.")
        try:
            return child.wait(min(_ASK_S, left))
        except subprocess.TimeoutExpired:
            continue
    return None


def _hand(stdin: IO[bytes], asked: bytes) -> None:
    try:
        with stdin:
            stdin.write(asked)
    except BrokenPipeError:
        return  # it died before it listened; its status tells


def _read(stdout: IO[bytes], said: list[bytes]) -> None:
    said.append(stdout.read(_LONGEST_ANSWER))
