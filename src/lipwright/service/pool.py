"""Where renders run: a pool of slots, one process per slot, one job per process at a time.

`GpuPool` is what the workflows need; `LocalPool` gives it on one machine with a spawned child per device. A
child that dies is replaced, and the job that it was doing is told apart from one that merely waited for it:
only a death after the child said `begun` counts against a job.
"""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Protocol

from lipwright.service import channel, metrics
from lipwright.service.channel import Channel, ChannelClosed, Rendered, RenderJob
from lipwright.service.errors import CODE_INTERNAL, ServiceError, SettingsError, TaskError
from lipwright.service.logs import log
from lipwright.service.settings import Settings

CANCEL_GRACE_S = 10.0
"""How long a worker may take to notice a cancel; then it is killed."""
START_TIMEOUT_S = 180.0
"""How long a worker may take to load torch."""
START_TRIES = 4
START_PAUSE_S = 1.0
"""Pause after the first failed start; doubled after each further one."""
TICK_S = 0.1
"""How often a render looks whether it should stop."""

Stopped = str
"""Why a render was stopped, such as "cancelled" or "timeout"."""
ShouldStop = Callable[[], Stopped | None]
OnProgress = Callable[[str, int, int | None], None]


class WorkerDied(ServiceError):
    """The worker process ended while it did this job."""


class RenderStopped(ServiceError):
    """The render was stopped because the caller wanted it. `why` is what its `should_stop` said."""

    def __init__(self, why: Stopped) -> None:
        super().__init__(f"The render was stopped: {why}.")
        self.why = why


class NoWorkerError(ServiceError):
    """No worker process could be started."""


class RenderRefused(TaskError):
    """The renderer answered with an error; the sentence and `task_code` are for the client."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.task_code = code


class GpuPool(Protocol):
    """Something that renders jobs, `slots` at a time."""

    @property
    def slots(self) -> int:
        """Jobs at a time."""

    def start(self) -> None:
        """Begin to load the workers."""

    def render(self, job: RenderJob, should_stop: ShouldStop, on_progress: OnProgress) -> Rendered:
        """Render a job, waiting for a free slot first.

        Raises WorkerDied, RenderStopped, RenderRefused, NoWorkerError.
        """

    def close(self) -> None:
        """End all workers at once."""


@dataclass(frozen=True)
class Slot:
    """One place to render: a device as the networks know it, and what the environment must say for it."""

    device: str | None
    """cpu, cuda:0 ...; None for the best that the worker finds."""
    variables: tuple[tuple[str, str], ...] = ()


def plan_slots(settings: Settings, *, cores: int | None = None) -> list[Slot]:
    """The slots that the settings ask for, without loading torch. Raises SettingsError."""
    devices = _devices(settings.device)
    count = len(devices) if settings.slots is None else settings.slots
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Each worker gets its share of the cores; more threads than cores only make all of them slower.
    threads = str(max(1, cores // count))
    shared = () if "OMP_NUM_THREADS" in os.environ else (("OMP_NUM_THREADS", threads),)
    return [Slot(devices[index % len(devices)], shared) for index in range(count)]


def _devices(wanted: str) -> list[str | None]:
    """One entry per device. `auto` counts the GPUs that the kernel shows, which needs no torch."""
    if wanted in ("auto", "cuda"):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is not None:
            count = len([part for part in visible.split(",") if part.strip() not in ("", "-1")])
        else:
            count = len([entry for entry in Path("/dev").glob("nvidia*") if entry.name[6:].isdigit()])
        if count > 0:
            return [f"cuda:{index}" for index in range(count)]
        if wanted == "cuda":
            raise SettingsError("The setting device is cuda, but this machine shows no CUDA device.")
        return [None]
    devices = [part.strip() for part in wanted.split(",") if part.strip()]
    for device in devices:
        if re.fullmatch(r"cpu|mps|cuda(:\d+)?", device) is None:
            raise SettingsError(
                f"The setting device names {device!r}, but must be auto, cpu, cuda, or a list such as "
                "cuda:0,cuda:1."
            )
    if not devices:
        raise SettingsError("The setting device is empty; write auto, cpu or cuda.")
    return list(devices)


class _Child:
    """A worker process and our end of its channel."""

    def __init__(self, slot: Slot, settings: Settings) -> None:
        ours, theirs = Pipe()
        environment = {
            **os.environ,
            **dict(slot.variables),
            "LIPWRIGHT_LOG_LEVEL": settings.log_level,
            "LIPWRIGHT_WORKER_ENGINES": str(settings.engines_kept),
            "LIPWRIGHT_WORKER_NSFW": json.dumps(
                {
                    "model": settings.nsfw_model,
                    "threshold": settings.nsfw_threshold,
                    "frames": settings.nsfw_frames,
                }
            ),
        }
        environment.pop("LIPWRIGHT_WORKER_DEVICE", None)
        if slot.device is not None:
            environment["LIPWRIGHT_WORKER_DEVICE"] = slot.device
        command = [sys.executable, "-c", "from lipwright.service.worker import main; main()"]
        with theirs:  # the child has its own copy; ours must close, or its death would go unseen
            self.process = subprocess.Popen(
                [*command, str(theirs.fileno()), settings.renderer],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),  # a print in a library must not look like an answer
                env=environment,
                pass_fds=[theirs.fileno()],
            )
        self.channel = Channel(ours)
        self.ready = False

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Kill it, whatever it does, and reap it."""
        self.process.kill()
        self.process.wait()
        self.channel.close()


class _Place:
    """One slot with the child that it has at the moment."""

    def __init__(self, slot: Slot, settings: Settings) -> None:
        self._slot = slot
        self._settings = settings
        self._child: _Child | None = None

    def spawn(self) -> None:
        """Start a child if there is none; it loads while nobody waits."""
        if self._child is None or not self._child.alive:
            self.drop()
            self._child = _Child(self._slot, self._settings)

    def drop(self) -> None:
        """End the child, if any."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def child(self, should_stop: ShouldStop) -> _Child:
        """A child that is ready for a job. Raises NoWorkerError, RenderStopped."""
        pause_s = START_PAUSE_S
        for tried in range(START_TRIES):
            if tried > 0:
                _wait(pause_s, should_stop)
                pause_s *= 2
            try:
                self.spawn()
                child = self._child
                assert child is not None
                self._await_ready(child, should_stop)
                return child
            except (ChannelClosed, OSError) as error:
                log().warning("render worker did not start", tried=tried + 1, error=repr(error))
                self.drop()
        raise NoWorkerError(
            f"No render worker could be started in {START_TRIES} tries; see the server's logs."
        )

    def _await_ready(self, child: _Child, should_stop: ShouldStop) -> None:
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while not child.ready:
            message = child.channel.receive(TICK_S)
            if message is not None and message["kind"] == channel.READY:
                child.ready = True
            elif (why := should_stop()) is not None:
                raise RenderStopped(why)
            elif time.monotonic() > give_up_at:
                raise ChannelClosed(f"not ready after {START_TIMEOUT_S:.0f} s")


class LocalPool:
    """One spawned child per slot on this machine."""

    def __init__(self, slots: Sequence[Slot], settings: Settings) -> None:
        self._places = [_Place(slot, settings) for slot in slots]
        self._free: queue.SimpleQueue[_Place] = queue.SimpleQueue()
        self._closing = threading.Event()
        for place in self._places:
            self._free.put(place)

    @property
    def slots(self) -> int:
        """Jobs at a time."""
        return len(self._places)

    def start(self) -> None:
        """Spawn all children, so that torch is loaded when the first job comes."""
        for place in self._places:
            place.spawn()

    def close(self) -> None:
        """Kill all children. Renders in flight raise WorkerDied; nothing may be rendered afterwards."""
        self._closing.set()
        for place in self._places:
            place.drop()

    def render(self, job: RenderJob, should_stop: ShouldStop, on_progress: OnProgress) -> Rendered:
        """See GpuPool."""
        place = self._free.get()
        try:
            with metrics.busy_slots():
                return self._render(place, job, should_stop, on_progress)
        finally:
            self._free.put(place)

    def _render(
        self, place: _Place, job: RenderJob, should_stop: ShouldStop, on_progress: OnProgress
    ) -> Rendered:
        for _ in range(START_TRIES):
            if self._closing.is_set():
                break
            child = place.child(should_stop)
            try:
                child.channel.send(channel.RENDER, job=asdict(job))
                return _Watch(child, job, should_stop, on_progress)()
            except (_DiedIdle, ChannelClosed):
                log().warning("render worker was dead before it took the job")
            finally:
                if not child.alive:
                    place.drop()
        raise NoWorkerError("No render worker took the job; see the server's logs.")


class _DiedIdle(Exception):
    """The child was dead before it took the job."""


class _Watch:
    """The life of one job in one child, seen from the controller."""

    def __init__(
        self, child: _Child, job: RenderJob, should_stop: ShouldStop, on_progress: OnProgress
    ) -> None:
        self._child = child
        self._job = job
        self._should_stop = should_stop
        self._on_progress = on_progress
        self._begun = False
        self._why: Stopped | None = None
        self._kill_at = 0.0

    def __call__(self) -> Rendered:
        while True:
            try:
                message = self._child.channel.receive(TICK_S)
            except ChannelClosed as error:
                raise self._death() from error
            if message is not None and (done := self._answer(message)) is not None:
                return done
            self._look()

    def _answer(self, message: dict[str, Any]) -> Rendered | None:
        match message["kind"]:
            case channel.BEGUN:
                self._begun = True
            case channel.PROGRESS:
                self._on_progress(message["stage"], message["done"], message["total"])
            case channel.DONE:
                return Rendered.from_dict(message["result"])
            case channel.REFUSED:
                raise RenderRefused(message["error"], message["code"])
            case channel.CANCELLED:
                raise RenderStopped("cancelled" if self._why is None else self._why)
            case channel.BROKE:
                self._child.end()
                raise RenderRefused(message["error"], CODE_INTERNAL)
        return None

    def _look(self) -> None:
        """Ask the caller whether to go on; tell the child once, kill it if it does not listen."""
        if self._why is None:
            self._why = self._should_stop()
            if self._why is None:
                return
            self._kill_at = time.monotonic() + CANCEL_GRACE_S
            try:
                self._child.channel.send(channel.CANCEL, id=self._job.id)
            except ChannelClosed as error:
                raise self._death() from error
        elif time.monotonic() > self._kill_at:
            log().warning("render worker did not stop when asked; killed", why=self._why)
            self._child.end()
            raise RenderStopped(self._why)

    def _death(self) -> Exception:
        code = self._child.process.wait()
        if self._why is not None:
            return RenderStopped(self._why)
        if not self._begun:
            return _DiedIdle()
        return WorkerDied(f"The render worker ended with {_how(code)}.")


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _wait(seconds: float, should_stop: ShouldStop) -> None:
    """Sleep, but not longer than the caller wants to go on. Raises RenderStopped."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (why := should_stop()) is not None:
            raise RenderStopped(why)
        time.sleep(TICK_S)
