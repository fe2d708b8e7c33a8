"""The controller: takes jobs from the waiting line and sees them through. One works; others wait for its
lock.

It is crash-only: when it loses its lock or its database it ends at once with exit code 75 and is started
again. Everything that it was doing is found again from the database.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOSClient

from lipwright.service import bundles, dispatch, logs, metrics, sentinel, workflows
from lipwright.service.db import now_us, open_database
from lipwright.service.dispatch import Dispatcher
from lipwright.service.errors import DatabaseError, StorageError
from lipwright.service.inputs import Inputs
from lipwright.service.jobs import Jobs
from lipwright.service.lock import Lock, open_lock
from lipwright.service.logs import log
from lipwright.service.migrate import check_schema
from lipwright.service.outbox import Sender
from lipwright.service.pool import LocalPool, plan_slots
from lipwright.service.predictions import Prediction
from lipwright.service.preparing import Preparer
from lipwright.service.reconcile import Reconciler
from lipwright.service.retention import sweep
from lipwright.service.runfiles import heartbeat_file
from lipwright.service.settings import Settings
from lipwright.service.storage import Storage, open_storage

DISPATCH_S = 0.2
RECONCILE_S = 5.0
WEBHOOKS_S = 0.5
UPKEEP_S = 600.0
HEARTBEAT_S = 1.0
STALLED_S = 60.0
"""When the loop that must never stall is said to have."""


def upkeep(engine: sa.Engine, settings: Settings, storage: Storage, reconciler: Reconciler) -> None:
    """Remove what is old. A store that fails is tried again the next time."""
    reconciler.forget()
    try:
        swept = sweep(engine, storage, settings, now_us())
    except StorageError as error:
        log().error("the sweep was cut off", error=str(error))
    else:
        log().info("swept", **asdict(swept))


class Controller:
    """One controller process. `run` returns its exit code."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._alive_at = time.monotonic()

    def run(self) -> int:
        """Wait for the lock, work until told to stop, drain."""
        logs.configure(self._settings.log_level, process="controller")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        sentinel.watch(self._stop.set)
        heartbeat_file(self._settings).parent.mkdir(parents=True, exist_ok=True)
        engine = open_database(self._settings)
        check_schema(engine)
        lock = open_lock(engine)
        if not self._acquire(lock):
            return 0
        self._work(engine, lock)
        return 0

    def _acquire(self, lock: Lock) -> bool:
        waiting = False
        while not self._stop.is_set():
            self._touch()
            try:
                if lock.try_acquire():
                    return True
            except DatabaseError as error:
                log().error("controller ends", error=str(error))
                workflows.abandon()
            if not waiting:
                waiting = True
                log().info("another controller works; waiting for its lock")
            self._stop.wait(DISPATCH_S)
        return False

    def _work(self, engine: sa.Engine, lock: Lock) -> None:
        settings = self._settings
        self._thread("heartbeat", HEARTBEAT_S, lambda: self._beat(lock))
        pool = LocalPool(plan_slots(settings), settings)
        pool.start()
        metrics.SLOTS.set(pool.slots)
        storage = open_storage(settings)

        def bring_person(prediction: Prediction, target: Path) -> None:
            bundles.fetch(engine, storage, prediction.bundle, prediction.key_id, target)

        preparer = Preparer(engine, settings, Inputs(engine, settings, storage), bring_person)
        jobs = Jobs(engine, settings, storage, pool, preparer, self._wake.set)
        workflows.register(jobs, workflows.abandon)
        workflows.configure(engine)
        client = DBOSClient(
            system_database_engine=engine,
            application_name=dispatch.APPLICATION,
            retry_connection_errors=False,
        )
        workflows.launch(settings, pool.slots)
        dispatcher = Dispatcher(engine, settings, client, pool.slots)
        reconciler = Reconciler(engine, client)
        self._thread("dispatcher", DISPATCH_S, lambda: self._dispatch(dispatcher))
        self._thread("reconciler", RECONCILE_S, reconciler.step)
        self._thread("webhooks", WEBHOOKS_S, Sender(engine, settings).step)
        self._thread("upkeep", UPKEEP_S, lambda: upkeep(engine, settings, storage, reconciler))
        log().info("controller works", slots=pool.slots)
        self._stop.wait()
        log().info("draining", seconds=settings.drain_s)
        workflows.drain(settings.drain_s)
        log().info("controller ends")
        # What still runs is recovered at the next start. Ending here, without closing the pool, keeps its
        # end from looking like the death of a worker; the workers see our end and go.
        os._exit(0)

    def _dispatch(self, dispatcher: Dispatcher) -> None:
        self._wake.clear()
        dispatcher.step()
        self._alive_at = time.monotonic()

    def _beat(self, lock: Lock) -> None:
        lock.check()
        if time.monotonic() - self._alive_at < STALLED_S:
            self._touch()

    def _touch(self) -> None:
        heartbeat_file(self._settings).touch()

    def _thread(self, name: str, every_s: float, step: Callable[[], object]) -> None:
        """Repeat a step until the end; whatever it raises ends the process, to be started again."""

        def loop() -> None:
            while not self._stop.is_set() or name == "heartbeat":
                try:
                    step()
                except Exception:  # noqa: BLE001 - the edge of a thread: a controller without it is no use
                    log().exception("controller ends", thread=name)
                    workflows.abandon()
                if name == "dispatcher":
                    self._wake.wait(every_s)
                elif name == "heartbeat":
                    time.sleep(every_s)
                else:
                    self._stop.wait(every_s)

        threading.Thread(target=loop, daemon=True, name=name).start()
