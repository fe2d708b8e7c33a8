"""The outbox: webhooks that are due, their log, and sending them beside the other work of the controller.

A webhook is noted in the transaction that ends its prediction (predictions.py), so it is never lost. It may
be sent twice when a process dies between the answer and the note of it: receivers tell by `webhook-id`.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa

from lipwright.service import keys, metrics, predictions, signing, webhooks
from lipwright.service import tables as t
from lipwright.service.db import now_us, transaction
from lipwright.service.errors import NotFoundError
from lipwright.service.guard import Policy, policy_of
from lipwright.service.logs import log
from lipwright.service.settings import Settings
from lipwright.service.webhooks import Attempt

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
STATES = (PENDING, DELIVERED, FAILED)
AT_ONCE = 16
AT_ONCE_PER_KEY = 4
"""So that one user's receiver that hangs does not hold up those of the others."""


@dataclass(frozen=True)
class Posted:
    """A webhook and how it stands. Times are UTC microseconds since the epoch."""

    prediction_id: str
    key_id: str
    url: str
    state: str
    attempts: int
    created_us: int
    next_us: int | None
    last_status: int | None
    """HTTP status of the last attempt, None when no answer came or none was made."""
    last_error: str


class Sender:
    """Sends what is due, several at a time. `step` is called again and again and returns at once."""

    def __init__(self, engine: sa.Engine, settings: Settings, policy: Policy | None = None) -> None:
        self._engine = engine
        self._settings = settings
        self._policy = policy
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._running: dict[str, tuple[str, Future[Attempt | None]]] = {}

    def step(self) -> int:
        """Begin attempts that are due, and say how many. Raises what an earlier attempt raised: a database
        that failed, never a receiver.
        """
        for prediction_id in [id for id, (_, future) in self._running.items() if future.done()]:
            self._running.pop(prediction_id)[1].result()
        busy = Counter(key_id for key_id, _ in self._running.values())
        begun = 0
        for prediction_id, key_id in due(self._engine, now_us()):
            if len(self._running) >= AT_ONCE:
                break
            if prediction_id in self._running or busy[key_id] >= AT_ONCE_PER_KEY:
                continue
            busy[key_id] += 1
            future = self._pool.submit(
                attempt, self._engine, self._settings, prediction_id, policy=self._policy
            )
            self._running[prediction_id] = (key_id, future)
            begun += 1
        return begun

    def close(self) -> None:
        """Wait for the attempts that run, at most the time a receiver has."""
        self._pool.shutdown(wait=True)
        self._running.clear()


def due(engine: sa.Engine, at_us: int) -> list[tuple[str, str]]:
    """(prediction id, key id) of webhooks that are due, the longest waiting first, few of each key."""
    c = t.webhooks.c
    rank = sa.func.row_number().over(partition_by=c.key_id, order_by=(c.next_us, c.prediction_id))
    ranked = (
        sa.select(c.prediction_id, c.key_id, c.next_us, rank.label("rank"))
        .where(c.state == PENDING, c.next_us <= at_us)
        .subquery()
    )
    first = (
        sa.select(ranked.c.prediction_id, ranked.c.key_id)
        .where(ranked.c.rank <= 2 * AT_ONCE_PER_KEY)
        .order_by(ranked.c.next_us, ranked.c.prediction_id)
        .limit(8 * AT_ONCE)
    )
    with engine.connect() as conn:
        return [(row.prediction_id, row.key_id) for row in conn.execute(first)]


def attempt(
    engine: sa.Engine,
    settings: Settings,
    prediction_id: str,
    *,
    replay: bool = False,
    policy: Policy | None = None,
) -> Attempt | None:
    """Send one webhook now, and note what came of it. None when there is nothing to send any more.

    A `replay` is asked for by hand: in any state, and without moving the schedule; it delivers a webhook that
    had failed. Raises NotFoundError for a replay of a prediction without a webhook.
    """
    ready = _ready(engine, settings, prediction_id, replay=replay)
    if ready is None:
        return None
    url, body, secret = ready
    done = webhooks.deliver(
        policy if policy is not None else policy_of(settings),
        url,
        prediction_id,
        body,
        secret,
        now_us=now_us(),
        timeout_s=settings.webhook_timeout_s,
    )
    _note(engine, settings, prediction_id, done, replay=replay)
    metrics.WEBHOOKS.labels("delivered" if done.delivered else "failed").inc()
    log().info(
        "webhook delivered" if done.delivered else "webhook failed",
        prediction_id=prediction_id,
        status=done.http_status,
        error=done.error,
    )
    return done


def _ready(
    engine: sa.Engine, settings: Settings, prediction_id: str, *, replay: bool
) -> tuple[str, bytes, str] | None:
    """URL, body and secret. The body is made once and kept, so that all attempts send the same."""
    url_secret = signing.url_secret(engine)
    with transaction(engine) as conn:
        row = conn.execute(
            sa.select(t.webhooks).where(t.webhooks.c.prediction_id == prediction_id).with_for_update()
        ).one_or_none()
        if row is None and replay:
            raise NotFoundError(f"The prediction {prediction_id} has no webhook, or is not finished.")
        if row is None or (row.state != PENDING and not replay):
            return None
        key = keys.by_id(conn, row.key_id)
        assert key is not None  # a foreign key of predictions
        body: bytes | None = row.body
        if body is None:
            prediction = predictions.get(conn, prediction_id)
            if prediction is None:  # removed by retention before anything was sent
                _set(conn, prediction_id, state=FAILED, next_us=None)
                return None
            body = webhooks.payload(prediction, url_secret, settings.retention_us)
            _set(conn, prediction_id, body=body)
        return row.url, body, key.webhook_secret


def _note(engine: sa.Engine, settings: Settings, prediction_id: str, done: Attempt, *, replay: bool) -> None:
    with transaction(engine) as conn:
        row = conn.execute(
            sa.select(t.webhooks).where(t.webhooks.c.prediction_id == prediction_id).with_for_update()
        ).one()
        number = row.attempts + 1
        conn.execute(
            sa.insert(t.deliveries).values(
                prediction_id=prediction_id,
                attempt=number,
                replay=replay,
                at_us=done.at_us,
                duration_ms=done.duration_ms,
                http_status=done.http_status,
                error=done.error,
            )
        )
        first_us = row.first_us if row.first_us is not None else done.at_us
        _set(conn, prediction_id, attempts=number, first_us=first_us)
        if done.delivered:
            _set(conn, prediction_id, state=DELIVERED, next_us=None)
        elif not replay:
            following = webhooks.next_attempt_us(number, first_us, now_us(), settings.webhook_retry_h)
            _set(conn, prediction_id, state=PENDING if following else FAILED, next_us=following)


def _set(conn: sa.Connection, prediction_id: str, **values: object) -> None:
    conn.execute(sa.update(t.webhooks).where(t.webhooks.c.prediction_id == prediction_id).values(**values))


def posted(conn: sa.Connection, *, state: str | None = None, limit: int = 50) -> Sequence[Posted]:
    """The latest webhooks, newest first; with `state`, only those."""
    c = t.webhooks.c
    logged = t.deliveries.alias()
    last = (
        sa.select(sa.func.max(logged.c.id)).where(logged.c.prediction_id == c.prediction_id).scalar_subquery()
    )
    query = (
        sa.select(t.webhooks, t.deliveries.c.http_status, t.deliveries.c.error)
        .select_from(t.webhooks)
        .outerjoin(t.deliveries, t.deliveries.c.id == last)
        .order_by(c.created_us.desc(), c.prediction_id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(c.state == state)
    return [
        Posted(
            prediction_id=row.prediction_id,
            key_id=row.key_id,
            url=row.url,
            state=row.state,
            attempts=row.attempts,
            created_us=row.created_us,
            next_us=row.next_us,
            last_status=row.http_status,
            last_error="" if row.error is None else row.error,
        )
        for row in conn.execute(query)
    ]


def deliveries(conn: sa.Connection, prediction_id: str) -> list[Attempt]:
    """The log of a prediction's webhook, oldest first."""
    c = t.deliveries.c
    rows = conn.execute(sa.select(t.deliveries).where(c.prediction_id == prediction_id).order_by(c.id))
    return [Attempt(row.at_us, row.duration_ms, row.http_status, row.error) for row in rows]
