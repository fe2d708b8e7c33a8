"""Slots and their workers: results, cancelling, deaths, orphans."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lipwright.service import pool as pool_module
from lipwright.service.channel import RenderJob
from lipwright.service.errors import CODE_EXECUTION, CODE_INTERNAL, SettingsError
from lipwright.service.pool import (
    LocalPool,
    NoWorkerError,
    RenderRefused,
    RenderStopped,
    Slot,
    WorkerDied,
    plan_slots,
)
from lipwright.service.settings import load_settings
from service import fake_renderer
from service.server import FAKE, TESTS, until


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the fake renderer."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("LIPWRIGHT_FAKE_STEP_S", "0.01")


@contextmanager
def local_pool(folder: Path, renderer: str = FAKE) -> Iterator[LocalPool]:
    """A pool of one slot."""
    pool = LocalPool([Slot("cpu")], load_settings(data=folder, renderer=renderer))
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPool]:
    """One pool for the tests that leave it in order."""
    with local_pool(tmp_path_factory.mktemp("pool")) as made:
        yield made


def job(folder: Path, **options: object) -> RenderJob:
    """A job for the fake renderer."""
    video, audio, out, report = (str(folder / name) for name in ("video", "audio", "out.mp4", "report"))
    return RenderJob("a" * 32, "tiny", video, audio, out, report, dict(options))


def never() -> None:
    """Go on."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Listen to nothing."""


def worker_pid(pool: LocalPool) -> int:
    """The process of the pool's only slot."""
    child = pool._places[0]._child
    assert child is not None
    return child.process.pid


def test_a_render_brings_a_result_and_tells_its_progress(pool: LocalPool, tmp_path: Path) -> None:
    """Stages in order, and a real file."""
    told: list[tuple[str, int, int | None]] = []
    done = pool.render(job(tmp_path), never, lambda *said: told.append(said))
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert done.output_s == fake_renderer.SECONDS
    assert done.inference_ms >= 100
    assert told[0] == ("track", 0, 1)
    assert told[-1] == ("paint", fake_renderer.STEPS, fake_renderer.STEPS)


def test_the_same_worker_takes_the_next_job(pool: LocalPool, tmp_path: Path) -> None:
    """Its networks stay loaded."""
    pool.render(job(tmp_path), never, silent)
    first = worker_pid(pool)
    pool.render(job(tmp_path), never, silent)
    assert worker_pid(pool) == first


def test_an_error_about_the_input_is_for_the_client_and_names_no_path(
    pool: LocalPool, tmp_path: Path
) -> None:
    """The worker goes on living."""
    pool.render(job(tmp_path), never, silent)
    first = worker_pid(pool)
    with pytest.raises(RenderRefused) as refused:
        pool.render(job(tmp_path, seed=fake_renderer.NO_FACE), never, silent)
    assert str(refused.value) == "The video shows no face in any of its 25 frames; use another video."
    assert refused.value.task_code == CODE_EXECUTION
    assert worker_pid(pool) == first


def test_a_bug_of_the_renderer_says_no_detail_and_ends_the_worker(pool: LocalPool, tmp_path: Path) -> None:
    """The next job has a fresh one."""
    with pytest.raises(RenderRefused) as refused:
        pool.render(job(tmp_path, seed=fake_renderer.BREAKS), never, silent)
    assert refused.value.task_code == CODE_INTERNAL
    assert "ZeroDivision" not in str(refused.value)
    pool.render(job(tmp_path), never, silent)


def test_cancelling_stops_within_a_step_and_keeps_the_worker(pool: LocalPool, tmp_path: Path) -> None:
    """Of a thousand steps hardly any are done."""
    told: list[int] = []
    with pytest.raises(RenderStopped) as stopped:
        pool.render(
            job(tmp_path, steps=1000),
            lambda: "enough" if told else None,
            lambda _stage, done, _total: told.append(done),
        )
    assert stopped.value.why == "enough"
    first = worker_pid(pool)
    pool.render(job(tmp_path), never, silent)  # and the cancel does not reach the next job
    assert worker_pid(pool) == first


def test_a_worker_that_does_not_listen_is_killed(
    pool: LocalPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its grace."""
    monkeypatch.setattr(pool_module, "CANCEL_GRACE_S", 0.5)
    with pytest.raises(RenderStopped):
        pool.render(job(tmp_path, seed=fake_renderer.DEAF), lambda: "enough", silent)
    pool.render(job(tmp_path), never, silent)


def test_a_worker_that_dies_over_a_job_is_told(pool: LocalPool, tmp_path: Path) -> None:
    """With how it ended."""
    with pytest.raises(WorkerDied, match="signal 9"):
        pool.render(job(tmp_path, seed=fake_renderer.KILLS_WORKER), never, silent)


def test_a_worker_that_died_without_a_job_is_replaced_silently(pool: LocalPool, tmp_path: Path) -> None:
    """It is not the next job's fault."""
    pool.render(job(tmp_path), never, silent)
    os.kill(worker_pid(pool), signal.SIGKILL)
    pool.render(job(tmp_path), never, silent)


def test_workers_that_cannot_start_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not tried for ever."""
    monkeypatch.setattr(pool_module, "START_PAUSE_S", 0.01)
    monkeypatch.setattr(pool_module, "START_TRIES", 2)
    with local_pool(tmp_path, "service.no_such_module:render") as broken, pytest.raises(NoWorkerError):
        broken.render(job(tmp_path), never, silent)


ORPHAN = """
import sys, time
from pathlib import Path
from typing import Any
from lipwright.service.pool import LocalPool, Slot
from lipwright.service.settings import load_settings
from service.test_pool import job, silent
pool = LocalPool([Slot("cpu")], load_settings(data=Path(sys.argv[1]), renderer="{renderer}"))
pool.render(job(Path(sys.argv[1]), seed={deaf}), lambda: None, silent)
"""


def test_no_worker_outlives_its_controller(tmp_path: Path) -> None:
    """Not even one that is deep in a step when the controller is killed."""
    renders = tmp_path / "renders"
    script = ORPHAN.format(renderer=FAKE, deaf=fake_renderer.DEAF)
    controller = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "LIPWRIGHT_FAKE_LOG": str(renders)},
    )
    until("the render", renders.exists)
    worker = int(renders.read_text().split()[1])
    controller.kill()
    controller.wait()
    until("the end of the worker", lambda: not running(worker), 10)


def running(pid: int) -> bool:
    """Whether a process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "given, devices",
    [
        ({"device": "cpu"}, ["cpu"]),
        ({"device": "cpu", "slots": 2}, ["cpu", "cpu"]),
        ({"device": "cuda:0,cuda:1"}, ["cuda:0", "cuda:1"]),
        ({"device": "cuda:0,cuda:1", "slots": 3}, ["cuda:0", "cuda:1", "cuda:0"]),
        ({}, [None]),
    ],
)
def test_slots_follow_from_the_settings(
    given: dict[str, Any], devices: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each device unless told otherwise; on a machine without a GPU there is one."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [slot.device for slot in plan_slots(load_settings(data=tmp_path, **given))] == devices


def test_gpus_are_counted_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the process may see."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [slot.device for slot in plan_slots(load_settings(data=tmp_path))] == ["cuda:0", "cuda:1"]


def test_workers_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the number of threads was set."""
    settings = load_settings(data=tmp_path, device="cpu", slots=2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert plan_slots(settings, cores=8)[0].variables == (("OMP_NUM_THREADS", "4"),)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert plan_slots(settings, cores=8)[0].variables == ()


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ",", "cpu;rm"])
def test_a_device_that_is_none_is_refused(device: str, tmp_path: Path) -> None:
    """With a sentence that names it."""
    with pytest.raises(SettingsError, match="device"):
        plan_slots(load_settings(data=tmp_path, device=device))


def test_cuda_on_a_machine_without_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is for those who do not mind."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SettingsError, match="no CUDA device"):
        plan_slots(load_settings(data=tmp_path, device="cuda"))
