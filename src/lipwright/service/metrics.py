"""Metrics for Prometheus: what the processes count, and what the database knows.

The processes of one server write to files in a shared folder (the library's multiprocess mode; runfiles.py
names it before this module is first imported); the API's /metrics adds them up. Figures of the
queue are read from the database when asked for, so they are right whatever was killed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from lipwright.service import predictions
from lipwright.service import tables as t
from lipwright.service.db import now_us
from lipwright.service.runfiles import METRICS_VARIABLE

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

STAGE_SECONDS = Histogram(
    "lipwright_stage_seconds",
    "Time of one stage of a job: wait, fetch, queue, render, publish, settle.",
    ["stage"],
    buckets=SECONDS,
)
JOBS = Counter("lipwright_jobs", "Jobs that ended, by state and task code.", ["status", "code"])
WORKER_DEATHS = Counter("lipwright_worker_deaths", "Render workers that died during a job.")
RESTARTS = Counter("lipwright_restarts", "Processes that the supervisor started again.", ["role"])
WEBHOOKS = Counter("lipwright_webhook_attempts", "Webhook attempts, by result.", ["result"])
SLOTS = Gauge("lipwright_gpu_slots", "Jobs that can render at a time.", multiprocess_mode="livesum")
SLOTS_BUSY = Gauge("lipwright_gpu_slots_busy", "Jobs that render now.", multiprocess_mode="livesum")
REQUESTS = Counter("lipwright_http_requests", "HTTP requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("lipwright_http_request_seconds", "Time of HTTP requests.", ["route"])


def forget(pid: int) -> None:
    """Take the gauges of a process that ended out of the sums."""
    if METRICS_VARIABLE in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Note how long a stage took, unless it raised."""
    timer = STAGE_SECONDS.labels(stage).time()
    with timer:
        yield


@contextmanager
def busy_slots() -> Iterator[None]:
    """Count a slot as busy meanwhile."""
    SLOTS_BUSY.inc()
    try:
        yield
    finally:
        SLOTS_BUSY.dec()


class QueueCollector(Collector):
    """Length and age of the queue, from the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called at each scrape."""
        created = t.predictions.c
        with self._engine.connect() as conn:
            counts = predictions.queue_counts(conn)
            oldest = conn.execute(
                sa.select(sa.func.min(created.created_us)).where(created.status == predictions.CREATED)
            ).scalar_one()
            pending = conn.execute(
                sa.select(sa.func.count()).select_from(t.webhooks).where(t.webhooks.c.state == "pending")
            ).scalar_one()
        jobs = GaugeMetricFamily("lipwright_queue_jobs", "Unfinished jobs, by state.", labels=["status"])
        for status, count in counts.items():
            jobs.add_metric([status], count)
        yield jobs
        waits = 0.0 if oldest is None else max(0.0, (now_us() - oldest) / 1e6)
        yield GaugeMetricFamily("lipwright_queue_oldest_seconds", "Age of the longest waiting job.", waits)
        yield GaugeMetricFamily("lipwright_webhooks_pending", "Webhooks not delivered yet.", pending)


def exposition(engine: sa.Engine) -> bytes:
    """All figures of the server in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(QueueCollector(engine))
    text = generate_latest(registry)
    if METRICS_VARIABLE in os.environ:
        processes = CollectorRegistry()
        MultiProcessCollector(processes)  # type: ignore[no-untyped-call]
        return text + generate_latest(processes)
    return text + generate_latest(REGISTRY)
