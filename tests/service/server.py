"""A real server for tests: `lipwright serve` with the fake renderer, in a process group of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent.parent
FAKE = "service.fake_renderer:render"
START_S = 60.0
MARKS = {
    "api": ("--role", "api"),
    "controller": ("--role", "controller"),
    "worker": ("from lipwright.service.worker import main; main()",),
}
"""What the command line of each process of a server holds."""


def free_port() -> int:
    """A TCP port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, met: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition; an AssertionError that names it when the time is over."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.02)


@dataclass
class Server:
    """A running server."""

    data: Path
    port: int
    command: Sequence[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What its processes wrote."""
        return self.data.parent / f"{self.data.name}.log"

    def pids(self, role: str) -> list[int]:
        """Its processes of a role: api, controller, worker."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                mine = str(self.data) in (entry / "environ").read_bytes().decode("utf-8", "replace")
                dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if mine and not dead and all(mark in words for mark in MARKS[role]):
                found.append(int(entry.name))
        return found

    def kill(self, role: str, number: int = signal.SIGKILL) -> list[int]:
        """Send a signal to all processes of a role; whom it was sent to."""
        victims = self.pids(role)
        for pid in victims:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                victims = [other for other in victims if other != pid]
        return victims

    def kill_group(self) -> None:
        """`kill -9` of the whole process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        """Start it, again after it was killed; returns when it answers."""
        with self.log.open("ab") as log:
            self.process = _spawn(self.command, self.environment, log.fileno())
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the API answers, if this server has one, and the controller's heart beats."""
        began = time.time()
        beat = self.data / "run" / "controller.heartbeat"

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            if not self._answers():
                return False
            return "api" in self.command or (beat.exists() and beat.stat().st_mtime > began - 1)

        try:
            until("the server to be ready", ready, START_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-3000:]}") from error

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def _answers(self) -> bool:
        if "controller" in self.command:
            return True
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _spawn(command: Sequence[str], environment: dict[str, str], log: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


@contextmanager
def running_server(folder: Path, *, role: str | None = None, **settings: object) -> Iterator[Server]:
    """A server whose data lie in `folder`/data; `settings` by their names, over quick defaults for tests.

    `role` starts only that process. Ends with the block, whatever state it is in by then.
    """
    data = folder / "data"
    port = free_port()
    values: dict[str, object] = {
        "renderer": FAKE,
        "device": "cpu",
        "drain_s": 5,
        "allow_private_urls": True,
        **settings,
        "data": data,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIPWRIGHT_")}
    environment |= {f"LIPWRIGHT_{name.upper()}": str(value) for name, value in values.items()}
    environment |= {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lipwright", "serve", "--port", str(port)]
    if role is not None:
        command += ["--role", role]
    data.mkdir(parents=True, exist_ok=True)
    nothing = subprocess.Popen(["true"])
    nothing.wait()  # else its end is reported as a leak when the first start replaces it
    server = Server(data, port, command, environment, nothing)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill_group()
        for role_name in MARKS:
            server.kill(role_name)
