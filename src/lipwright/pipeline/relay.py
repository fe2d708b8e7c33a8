"""Workers that hand items to each other through bounded queues, and fall together when one fails."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")

POLL_S = 0.1


class Stopped(Exception):
    """Another worker failed, and its error is the one to report; leave quietly."""


class Crew:
    """Threads of one job. `join` raises the first error any of them met."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in a thread of its own."""
        thread = threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - carried to `join`, where it is raised
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Remember the first error and stop everybody."""
        with self._lock:
            if self._error is None:
                self._error = error
        self.stop.set()

    def join(self) -> None:
        """Wait for all threads, then raise what went wrong, if anything did."""
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error


class Relay(Generic[Item]):
    """A bounded queue between two workers of a crew. Iterating ends when the sender has closed it."""

    def __init__(self, crew: Crew, size: int) -> None:
        self._crew = crew
        self._queue: queue.Queue[tuple[Item] | None] = queue.Queue(size)

    def put(self, item: Item) -> None:
        """Hand on an item, waiting for room. Raises Stopped when another worker failed."""
        self._put((item,))

    def close(self) -> None:
        """Say that nothing follows."""
        self._put(None)

    def _put(self, entry: tuple[Item] | None) -> None:
        while not self._crew.stop.is_set():
            try:
                self._queue.put(entry, timeout=POLL_S)
            except queue.Full:
                continue
            return
        raise Stopped

    def __iter__(self) -> Iterator[Item]:
        while not self._crew.stop.is_set():
            try:
                entry = self._queue.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if entry is None:
                return
            yield entry[0]
        raise Stopped


class StageClock:
    """Busy seconds of each stage, summed over all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the `with` block for `stage`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
