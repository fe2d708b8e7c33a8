"""The durable workflows: what DBOS starts again, by itself, after its controller was killed.

They have no steps of their own: their bodies (jobs.py) keep what they did where the next run looks for it.
DBOS contributes what makes that enough: a workflow that was begun is begun again until it ends, by one
executor at a time, and given up in a way that can be seen when that happens too often.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig
from sqlalchemy.engine import URL

from lipwright.service import dispatch
from lipwright.service.jobs import Jobs
from lipwright.service.logs import log
from lipwright.service.settings import Settings

EXECUTOR = "ctl-0"
"""Stable, so that a restarted controller finds its own workflows; unique, because of the lock."""
MAX_RECOVERIES = 12
"""How often a workflow is begun again after a killed controller. Killed workers are counted per job
(jobs.STRIKES): they are what a job can do; a killed controller is what happens to it, so more patience
is in order. DBOS's own default of 100 would let a job that takes the whole machine down do so for
hours."""
POLL_S = 0.2

EXIT_RESTART = 75
"""The controller cannot go on and wants to be started again: it lost its lock or its database."""


def create_tables(url: URL) -> None:
    """Create or migrate DBOS's own tables; once, before any process needs them."""
    DBOS.migrate(url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False))


def register(jobs: Jobs, abandon: Callable[[], None]) -> None:
    """Define the workflows. `abandon` ends the process: called when the database fails under a workflow."""

    def guarded(body: Callable[[str], None], prediction_id: str) -> None:
        try:
            with _running(prediction_id):
                body(prediction_id)
        except sa.exc.SQLAlchemyError:
            log().exception("the database failed under a workflow")
            abandon()

    @DBOS.workflow(name=dispatch.PREPARE, max_recovery_attempts=MAX_RECOVERIES)
    def prepare(prediction_id: str) -> None:
        guarded(jobs.prepare, prediction_id)

    @DBOS.workflow(name=dispatch.RENDER, max_recovery_attempts=MAX_RECOVERIES)
    def render(prediction_id: str) -> None:
        guarded(jobs.render, prediction_id)


def configure(engine: sa.Engine) -> None:
    """Make the DBOS instance of this process on our engine."""
    config: DBOSConfig = {
        "name": dispatch.APPLICATION,
        "system_database_engine": engine,
        "application_version": dispatch.VERSION,
        "executor_id": EXECUTOR,
        "use_listen_notify": False,
        "run_migrations": False,
        "log_level": "WARNING",
        # Events and messages between workflows, of which there are none.
        "notification_listener_polling_interval_sec": 1.0,
    }
    DBOS(config=config)


def launch(settings: Settings, slots: int) -> None:
    """Recover what was begun, and begin to take from the queues."""
    DBOS.launch()
    for name, at_a_time in (
        (dispatch.PREPARE_QUEUE, settings.prepare_concurrent),
        (dispatch.RENDER_QUEUE, slots),
    ):
        DBOS.register_queue(
            name, worker_concurrency=at_a_time, polling_interval_sec=POLL_S, on_conflict="always_update"
        )


def drain(seconds: float) -> None:
    """Take nothing more, and wait for what runs, at most so long. The process should end after it."""
    end = time.monotonic() + seconds
    # It stops taking at once, but then waits for its own threads, in steps of seconds.
    threading.Thread(
        target=DBOS.destroy, kwargs={"workflow_completion_timeout_sec": 1 + round(seconds)}, daemon=True
    ).start()
    while _at_work and time.monotonic() < end:
        time.sleep(POLL_S / 4)


_at_work: Counter[str] = Counter()
"""Predictions that a workflow of this process works on."""


@contextmanager
def _running(prediction_id: str) -> Iterator[None]:
    _at_work[prediction_id] += 1
    try:
        yield
    finally:
        _at_work[prediction_id] -= 1
        if not _at_work[prediction_id]:
            del _at_work[prediction_id]


def abandon() -> None:
    """End this process at once; its supervisor starts another."""
    os._exit(EXIT_RESTART)
