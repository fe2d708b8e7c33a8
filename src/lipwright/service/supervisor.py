"""`lipwright serve`: keeps one API process and one controller running, and ends with them.

A child that ends is started again, after a pause that grows while it keeps ending early. A child that
shows no sign of life is killed first. The listening socket is the supervisor's, so while the API is
started again its clients wait for an answer instead of being refused.
"""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from lipwright.service import metrics, sentinel
from lipwright.service.listening import SOCKET_VARIABLE
from lipwright.service.logs import log
from lipwright.service.runfiles import heartbeat_file
from lipwright.service.settings import Settings

PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
SETTLED_S = 3.0
"""A child that lived so long had started; the next pause is short again."""
SILENT_S = 20.0
"""A child that gave no sign of life for so long is killed."""
GRACE_S = 60.0
"""A child may take so long for its first sign of life."""
LEAVE_S = 10.0
"""How much longer than the drain time children may take to end."""
TICK_S = 0.1


@dataclass
class Role:
    """One child that must run."""

    name: str
    command: Sequence[str]
    last_sign: Callable[[], float | None]
    """Time (`time.time`) of the last sign of life; None before the first."""
    environment: dict[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class _Keeper:
    """One role, its process, and the pause before the next one."""

    def __init__(self, role: Role, silent_s: float, grace_s: float) -> None:
        self.role = role
        self.process: subprocess.Popen[bytes] | None = None
        self._silent_s = silent_s
        self._grace_s = grace_s
        self._pause_s = PAUSE_S
        self._started_at = 0.0
        self._next_at = 0.0

    def start(self) -> None:
        """Start the process."""
        self._started_at = time.time()
        self.process = subprocess.Popen(
            self.role.command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.role.environment},
            pass_fds=self.role.descriptors,
        )

    def look(self) -> None:
        """Start the process again if it ended and its pause is over; kill it if it is silent."""
        now = time.time()
        if self.process is None:
            if now >= self._next_at:
                metrics.RESTARTS.labels(self.role.name).inc()
                self.start()
        elif (code := self.process.poll()) is not None:
            self._ended(code, now)
        elif self._silent(now):
            log().error("no sign of life; killed", role=self.role.name)
            self.process.kill()

    def _ended(self, code: int, now: float) -> None:
        assert self.process is not None
        metrics.forget(self.process.pid)
        self.process = None
        if now - self._started_at >= SETTLED_S:
            self._pause_s = PAUSE_S
        log().warning(
            "process ended; starting it again", role=self.role.name, code=code, pause_s=self._pause_s
        )
        self._next_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    def _silent(self, now: float) -> bool:
        sign = self.role.last_sign()
        if sign is None or sign < self._started_at:
            return now - self._started_at > self._grace_s
        return now - sign > self._silent_s


class Supervisor:
    """Runs until it is told to stop."""

    def __init__(
        self,
        roles: Sequence[Role],
        drain_s: float,
        *,
        silent_s: float = SILENT_S,
        grace_s: float = GRACE_S,
    ) -> None:
        self._keepers = [_Keeper(role, silent_s, grace_s) for role in roles]
        self._drain_s = drain_s
        self._stop = threading.Event()

    def stop(self) -> None:
        """Have `run` end."""
        self._stop.set()

    def run(self) -> int:
        """Start everything, watch it, and end it in order. Returns the exit code."""
        for keeper in self._keepers:
            keeper.start()
        while not self._stop.wait(TICK_S):
            for keeper in self._keepers:
                keeper.look()
        return self._leave()

    def _leave(self) -> int:
        running = [keeper.process for keeper in self._keepers if keeper.process is not None]
        log().info("stopping", drain_s=self._drain_s)
        for process in running:
            process.terminate()
        until = time.monotonic() + self._drain_s + LEAVE_S
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log().error("did not end in time; killed", pid=process.pid)
                process.kill()
                process.wait()
        return 0


def supervise(settings: Settings, command: Callable[[str], list[str]], listening: socket.socket) -> int:
    """Run a server whose processes `command(role)` starts; until SIGTERM or Ctrl-C."""
    ours, theirs = os.pipe()
    api_signs = _ApiSigns(listening.getsockname())
    heartbeat = heartbeat_file(settings)
    roles = [
        Role(
            "api",
            command("api"),
            api_signs.last,
            {sentinel.VARIABLE: str(ours), SOCKET_VARIABLE: str(listening.fileno())},
            (ours, listening.fileno()),
        ),
        Role(
            "controller",
            command("controller"),
            lambda: _touched_at(heartbeat),
            {sentinel.VARIABLE: str(ours)},
            (ours,),
        ),
    ]
    supervisor = Supervisor(roles, settings.drain_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    api_signs.watch()
    try:
        return supervisor.run()
    finally:
        os.close(theirs)


def _touched_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


class _ApiSigns:
    """Asks the API for /healthz every few seconds, in a thread."""

    EVERY_S = 3.0
    TIMEOUT_S = 5.0
    ANYWHERE: ClassVar = {"0.0.0.0": "127.0.0.1", "::": "::1"}

    def __init__(self, address: tuple[str, int]) -> None:
        self._host = self.ANYWHERE.get(address[0], address[0])
        self._port = address[1]
        self._last: float | None = None

    def last(self) -> float | None:
        """When it last answered."""
        return self._last

    def watch(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._ask, daemon=True, name="api signs").start()

    def _ask(self) -> None:
        while True:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self.TIMEOUT_S)
            try:
                connection.request("GET", "/healthz")
                if connection.getresponse().status < 500:
                    self._last = time.time()
            except (OSError, http.client.HTTPException) as error:
                log().debug("the API did not answer", error=repr(error))
            finally:
                connection.close()
            time.sleep(self.EVERY_S)
