"""Progress counts per stage, across threads, and stops a cancelled job."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lipwright.errors import Cancelled
from lipwright.progress import Progress, ProgressEvent


def test_the_listener_hears_every_step() -> None:
    heard: list[ProgressEvent] = []
    progress = Progress(heard.append)
    progress.start("faces", 3)
    progress.advance("faces")
    progress.advance("faces", 2)
    progress.advance("write")
    assert heard == [
        ProgressEvent("faces", 0, 3),
        ProgressEvent("faces", 1, 3),
        ProgressEvent("faces", 3, 3),
        ProgressEvent("write", 1, None),
    ]


def test_starting_a_stage_again_resets_it() -> None:
    heard: list[ProgressEvent] = []
    progress = Progress(heard.append)
    progress.advance("faces", 5)
    progress.start("faces", 2)
    assert heard[-1] == ProgressEvent("faces", 0, 2)


def test_steps_of_several_threads_add_up() -> None:
    heard: list[ProgressEvent] = []
    progress = Progress(heard.append)
    progress.start("faces", 400)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(400):
            pool.submit(progress.advance, "faces")
    assert [event.done for event in heard] == list(range(401))


def test_a_cancelled_job_stops_at_its_next_step() -> None:
    cancel = threading.Event()
    progress = Progress(cancel=cancel)
    progress.start("faces")
    cancel.set()
    for step in (progress.check, lambda: progress.advance("faces"), lambda: progress.start("write")):
        with pytest.raises(Cancelled):
            step()


def test_by_default_nothing_listens_and_nothing_stops() -> None:
    progress = Progress()
    progress.start("faces")
    progress.advance("faces")
    progress.check()
