"""Who is next: jobs leave the waiting line when there is room for them, and each then has a durable
workflow.

One thread of the one controller decides, so no two decisions can collide. There are two gates. The first
lets a job be prepared (inputs fetched and checked), but never many more than can soon be rendered, so that
a long line does not fill the disk. The second lets it be rendered: as many as there are slots, and of one
key no more than its limit. At both, the smaller `priority` goes first, then the key that was served the
longest ago, then the older job. Passing a gate and enqueueing the workflow is one transaction.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions

from lipwright.service import predictions
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.settings import Settings

APPLICATION = "lipwright"
VERSION = "wf-1"
"""Workflows are recovered by controllers of the same version only. It is bumped by hand, when their
meaning changes."""
PREPARE = "prepare"
RENDER = "render"
PREPARE_QUEUE = "prepare"
RENDER_QUEUE = "gpu"

FETCHING = "fetching"
READY = "queued"
RENDERING = "rendering"
"""Stages of a `processing` row up to the render; after it come the names of the pipeline's stages."""

_c = t.predictions.c


@dataclass(frozen=True)
class Candidate:
    """A job at a gate."""

    id: str
    key_id: str
    priority: int
    created_us: int


def workflow_id(name: str, prediction_id: str) -> str:
    """The id of a prediction's workflow; the render has the prediction's own."""
    return prediction_id if name == RENDER else f"{prediction_id}-{name}"


class Turns:
    """Which key was served when, for the order at one gate. Forgotten when the controller ends."""

    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        self._count = 0

    def choose(
        self, candidates: Iterable[Candidate], room: int, taken: Counter[str], limits: dict[str, int]
    ) -> list[Candidate]:
        """The next `room` candidates; of a key at most `limits` beyond the `taken` ones."""
        left = list(candidates)
        taken = taken.copy()
        chosen: list[Candidate] = []
        while len(chosen) < room:
            fit = [one for one in left if taken[one.key_id] < limits[one.key_id]]
            if not fit:
                break
            first = min(
                fit, key=lambda one: (one.priority, self._served.get(one.key_id, 0), one.created_us, one.id)
            )
            left.remove(first)
            chosen.append(first)
            taken[first.key_id] += 1
            self._count += 1
            self._served[first.key_id] = self._count
        return chosen


class Dispatcher:
    """Opens the gates. `step` is called by one thread only."""

    def __init__(self, engine: sa.Engine, settings: Settings, client: DBOSClient, slots: int) -> None:
        self._engine = engine
        self._settings = settings
        self._client = client
        self._slots = slots
        self._to_prepare = Turns()
        self._to_render = Turns()

    def step(self) -> int:
        """Let through whoever may pass; how many."""
        with self._engine.connect() as conn:
            rows = conn.execute(
                sa.select(_c.id, _c.key_id, _c.priority, _c.created_us, _c.stage).where(
                    _c.status == predictions.PROCESSING
                )
            ).all()
            ready = [_candidate(row) for row in rows if row.stage == READY]
            rendering = Counter(row.key_id for row in rows if row.stage not in (FETCHING, READY))
            flying = Counter(row.key_id for row in rows)
            ahead = len(rows) - rendering.total()
            room = self._slots + self._settings.prepare_concurrent - ahead
            waiting = self._heads(conn, room) if room > 0 else []
            limits = self._limits(conn, {one.key_id for one in (*ready, *waiting)})
        passed = 0
        for one in self._to_render.choose(ready, self._slots - rendering.total(), rendering, limits):
            passed += self._pass_to_render(one)
        # One more than may render, so that a key with a limit of 1 finds its next job prepared.
        with_next = {key_id: limit + 1 for key_id, limit in limits.items()}
        for one in self._to_prepare.choose(waiting, room, flying, with_next):
            passed += self._pass_to_prepare(one)
        return passed

    def _heads(self, conn: sa.Connection, room: int) -> list[Candidate]:
        """The first few waiting jobs of every key."""
        place = sa.func.row_number().over(
            partition_by=_c.key_id, order_by=(_c.priority, _c.created_us, _c.id)
        )
        line = (
            sa.select(_c.id, _c.key_id, _c.priority, _c.created_us, place.label("place"))
            .where(_c.status == predictions.CREATED)
            .subquery()
        )
        return [_candidate(row) for row in conn.execute(sa.select(line).where(line.c.place <= room))]

    def _limits(self, conn: sa.Connection, key_ids: set[str]) -> dict[str, int]:
        """How many jobs of each key may render at a time."""
        rows = conn.execute(sa.select(t.keys.c.id, t.keys.c.concurrent).where(t.keys.c.id.in_(key_ids)))
        own = {row.id: row.concurrent for row in rows if row.concurrent is not None}
        return {key_id: own.get(key_id, self._settings.concurrent) for key_id in key_ids}

    def _pass_to_prepare(self, one: Candidate) -> bool:
        with transaction(self._engine) as conn:
            if not predictions.start(conn, one.id):
                return False  # cancelled meanwhile
            predictions.set_progress(conn, one.id, FETCHING, 0.0)
            self._enqueue(conn, PREPARE, PREPARE_QUEUE, one)
        return True

    def _pass_to_render(self, one: Candidate) -> bool:
        with transaction(self._engine) as conn:
            moved = conn.execute(
                sa.update(t.predictions)
                .where(_c.id == one.id, _c.status == predictions.PROCESSING, _c.stage == READY)
                .values(stage=RENDERING)
            )
            if moved.rowcount == 0:
                return False  # cancelled meanwhile
            self._enqueue(conn, RENDER, RENDER_QUEUE, one)
        return True

    def _enqueue(self, conn: sa.Connection, name: str, queue: str, one: Candidate) -> None:
        options = EnqueueOptions(
            workflow_name=name,
            queue_name=queue,
            workflow_id=workflow_id(name, one.id),
            app_version=VERSION,
            application_name=APPLICATION,
            priority=one.priority,
        )
        self._client.enqueue_in_transaction(conn, options, one.id)


def _candidate(row: Any) -> Candidate:
    return Candidate(row.id, row.key_id, row.priority, row.created_us)
