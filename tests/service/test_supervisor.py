"""Children that end are started again, silent ones are killed, and the end is orderly."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lipwright.service import supervisor as module
from lipwright.service.supervisor import Role, Supervisor
from service.server import until

NOTE = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n');"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses for tests."""
    monkeypatch.setattr(module, "PAUSE_S", 0.02)
    monkeypatch.setattr(module, "TICK_S", 0.01)
    monkeypatch.setattr(module, "LEAVE_S", 0.5)


@contextmanager
def supervised(role: Role, **given: float) -> Iterator[Supervisor]:
    """A supervisor at work in a thread; it has ended after the block."""
    supervisor = Supervisor([role], 0.5, **given)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        thread.join(20)
        assert not thread.is_alive()


def role(starts: Path, body: str, last_sign: Callable[[], float | None] = time.time) -> Role:
    """A child that notes its start and then does `body`."""
    return Role("child", [sys.executable, "-c", f"{NOTE} {body}", str(starts)], last_sign)


def started(starts: Path) -> list[int]:
    """Ids of the processes that were started."""
    return [int(line) for line in starts.read_text().split()] if starts.exists() else []


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    """Whatever it ends with."""
    starts = tmp_path / "starts"
    with supervised(role(starts, "sys.exit(75)")):
        until("three starts", lambda: len(started(starts)) >= 3)


def test_the_pause_grows_while_a_child_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the longest pause, from which it does not grow."""
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.1)
    keeper = module._Keeper(role(tmp_path / "starts", ""), 20, 20)
    pauses = []
    for _ in range(5):
        keeper.start()
        assert keeper.process is not None
        keeper.process.wait()
        keeper.look()
        pauses.append(round(keeper._next_at - time.time(), 2))
    assert pauses == sorted(pauses) and pauses[-1] == pauses[-2] == 0.1


def test_the_pause_is_short_again_after_a_long_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that had settled died of something else."""
    keeper = module._Keeper(role(tmp_path / "starts", ""), 20, 20)
    keeper._pause_s = 30
    monkeypatch.setattr(module, "SETTLED_S", 0.0)
    keeper.start()
    assert keeper.process is not None
    keeper.process.wait()
    keeper.look()
    assert keeper._next_at - time.time() < 1


def test_a_child_without_a_sign_of_life_is_killed_and_replaced(tmp_path: Path) -> None:
    """It hangs, but does not end by itself."""
    starts = tmp_path / "starts"
    with supervised(role(starts, "time.sleep(600)", lambda: None), grace_s=0.3):
        until("a second start", lambda: len(started(starts)) >= 2)


def test_a_child_whose_signs_stop_is_killed_and_replaced(tmp_path: Path) -> None:
    """The last sign counts from the child's own start."""
    starts = tmp_path / "starts"
    began = time.time()
    with supervised(role(starts, "time.sleep(600)", lambda: began + 1), silent_s=0.3, grace_s=2):
        until("a second start", lambda: len(started(starts)) >= 2)


def test_children_are_told_to_end_and_killed_if_they_do_not(tmp_path: Path) -> None:
    """SIGTERM is ignored here."""
    starts = tmp_path / "starts"
    body = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    with supervised(role(starts, body)):
        until("the start", lambda: len(started(starts)) == 1)
    assert not Path(f"/proc/{started(starts)[0]}").exists()
