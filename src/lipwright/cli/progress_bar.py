"""Progress on the terminal: bars for people, a plain line now and then for logs."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.progress import ProgressColumn as Column
from rich.text import Text

from lipwright.progress import Listener, ProgressEvent

PLAIN_INTERVAL_S = 5.0
"""A log gets at most one line of a stage in this time, besides its first and last."""


@contextmanager
def progress_listener(stream: TextIO | None = None) -> Iterator[Listener]:
    """A listener for Progress that shows each stage on `stream` (stderr by default) while the block runs."""
    place = sys.stderr if stream is None else stream
    console = Console(file=place)
    if not console.is_terminal:
        yield PlainLines(place)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _BarListener(bars)


class _BarListener:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: ProgressEvent) -> None:
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=event.total)
        self._bars.update(self._tasks[event.stage], completed=event.done, total=event.total)


class _Speed(Column):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")


class PlainLines:
    """Lines such as "faces: 120/250, 31.2/s, 4 s left", for output that is not a terminal."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._began_s: dict[str, float] = {}
        self._told_s: dict[str, float] = {}

    def __call__(self, event: ProgressEvent) -> None:
        now_s = self._clock()
        if event.done == 0:
            self._began_s[event.stage] = now_s
        began_s = self._began_s.setdefault(event.stage, now_s)
        ends = event.done == 0 or event.done == event.total
        if not ends and now_s - self._told_s.get(event.stage, began_s) < PLAIN_INTERVAL_S:
            return
        self._told_s[event.stage] = now_s
        print(_line(event, now_s - began_s), file=self._stream, flush=True)


def _line(event: ProgressEvent, spent_s: float) -> str:
    of = "" if event.total is None else f"/{event.total}"
    parts = [f"{event.stage}: {event.done}{of}"]
    if event.done > 0 and spent_s > 0:
        speed = event.done / spent_s
        parts.append(f"{speed:.1f}/s")
        if event.total is not None and event.done < event.total:
            parts.append(f"{(event.total - event.done) / speed:.0f} s left")
    return ", ".join(parts)
