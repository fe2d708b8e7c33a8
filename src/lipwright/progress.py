"""Progress and cancellation of one job, shared by all its threads.

A stage calls `start`, then `advance` per unit of work; whoever wants to show it passes a listener. Each call
is also a point where the job can be cancelled, so nothing else has to poll.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lipwright.errors import Cancelled


@dataclass(frozen=True)
class ProgressEvent:
    """How far one stage is. Stages may overlap in time, so events of several stages interleave."""

    stage: str
    """Name of the stage, a word or two for people ("track faces")."""
    done: int
    """Units finished so far, >= 0; never goes back within a stage."""
    total: int | None
    """Units in all, or None when that is not known."""


Listener = Callable[[ProgressEvent], None]


class Progress:
    """Counts the units of each stage, tells the listener, and raises `Cancelled` once `cancel` is set.

    `Progress()` listens to nothing and is never cancelled: the default everywhere. All methods may be called
    from any thread; the listener is called with one event at a time, from the thread that made the progress.
    """

    def __init__(self, listener: Listener | None = None, cancel: threading.Event | None = None) -> None:
        self.cancel = threading.Event() if cancel is None else cancel
        self._listener = listener
        self._lock = threading.RLock()
        self._stages: dict[str, tuple[int, int | None]] = {}

    def start(self, stage: str, total: int | None = None) -> None:
        """Begin `stage` at 0 of `total` units. Starting a stage again resets it. Raises Cancelled."""
        self.check()
        with self._lock:
            self._tell(stage, 0, total)

    def advance(self, stage: str, n: int = 1) -> None:
        """Add `n` finished units to `stage`; a stage that was not started begins now. Raises Cancelled."""
        self.check()
        with self._lock:
            done, total = self._stages.get(stage, (0, None))
            self._tell(stage, done + n, total)

    def check(self) -> None:
        """Raise Cancelled when the job was cancelled; otherwise do nothing."""
        if self.cancel.is_set():
            raise Cancelled()

    def _tell(self, stage: str, done: int, total: int | None) -> None:
        self._stages[stage] = (done, total)
        if self._listener is not None:
            self._listener(ProgressEvent(stage, done, total))
