"""Predictions: the record of every accepted job, and the only ways in which its state changes.

States go created -> processing -> completed | failed | cancelled, and never back. Each change is guarded by
the state it starts from, in the WHERE of its UPDATE, so of two writers one wins and the other learns that it
lost. `complete` and `fail` settle the money and note the webhook in the same transaction as the state. All
functions run inside the caller's transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from lipwright.service import money
from lipwright.service import tables as t
from lipwright.service.db import now_us
from lipwright.service.errors import CODE_OK, ConflictError, NotFoundError
from lipwright.service.money import PriceRule

SYNC = "sync"
ADAPT = "adapt"
"""Kinds of jobs: a video and a voice to a video; a clip to a personal bundle, which gets the job's id."""

CREATED = "created"
PROCESSING = "processing"
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"
STATUSES = (CREATED, PROCESSING, COMPLETED, FAILED, CANCELLED)
UNFINISHED = (CREATED, PROCESSING)
TERMINAL = (COMPLETED, FAILED, CANCELLED)


@dataclass(frozen=True)
class Prediction:
    """One row. Times are UTC microseconds since the epoch, money micro-dollars."""

    id: str
    """32 lower-case hex digits."""
    key_id: str
    model: str
    """The model id of the wire format, as submitted."""
    bundle: str
    """The model bundle that renders it."""
    kind: str
    """SYNC or ADAPT."""
    status: str
    input: dict[str, Any]
    """As on the wire, the fields we know only."""
    options: dict[str, Any]
    """Options of the job that were given, by their names in options.py, of an adapt job those of
    adapt/options.py."""
    webhook_url: str | None
    base64: bool
    """Whether the client asked for outputs in base64."""
    base_url: str
    """Scheme and host of the URLs that the client is given, without a slash at the end."""
    created_us: int
    started_us: int | None = None
    finished_us: int | None = None
    error: str = ""
    code: int = CODE_OK
    outputs: tuple[str, ...] = ()
    """Storage keys; none of an adapt job."""
    report_key: str | None = None
    nsfw: tuple[bool, ...] = ()
    inference_ms: int = 0
    output_s: float | None = None
    """Seconds of the output video, of an adapt job those of its clip; known when completed."""
    progress: float = 0.0
    """0 to 1."""
    stage: str = ""
    reserved_micro: int = 0
    cost_micro: int = 0
    attempts: int = 0
    """How often rendering was begun."""
    crashes: int = 0
    """How often it killed its worker."""
    cancel_requested_us: int | None = None
    deleted_us: int | None = None
    idempotency_key: str | None = None
    body_sha256: str | None = None
    """Of the submitted body, to tell a repeated request from another one with the same Idempotency-Key."""
    priority: int = 100
    """Smaller goes first."""

    @property
    def terminal(self) -> bool:
        """Whether the state is final."""
        return self.status in TERMINAL


@dataclass(frozen=True)
class Outcome:
    """What a render brought."""

    outputs: tuple[str, ...]
    report_key: str | None
    nsfw: tuple[bool, ...]
    inference_ms: int
    output_s: float


_COLUMNS = [t.predictions.c[field.name] for field in fields(Prediction)]


def insert(conn: sa.Connection, prediction: Prediction) -> None:
    """Accept a prediction: its row and, unless `reserved_micro` is 0 by a free rule, its reservation.

    Raises CreditError when the balance is short, and ConflictError when the key already used this
    Idempotency-Key; look with `by_idempotency` first, this is for two such requests at once. After either the
    caller's transaction must end.
    """
    values = {field.name: getattr(prediction, field.name) for field in fields(Prediction)}
    values |= {"outputs": list(prediction.outputs), "nsfw": list(prediction.nsfw)}
    try:
        conn.execute(sa.insert(t.predictions).values(values))
    except sa.exc.IntegrityError as error:
        if prediction.idempotency_key is None:
            raise
        raise ConflictError(
            "Another request with this Idempotency-Key is being accepted; repeat this one to get its answer."
        ) from error
    money.reserve(conn, prediction.key_id, prediction.id, prediction.model, prediction.reserved_micro)


def get(conn: sa.Connection, id: str, key_id: str | None = None) -> Prediction | None:
    """A prediction, deleted ones too (`deleted_us`). With `key_id`, those of other keys are None."""
    query = sa.select(*_COLUMNS).where(t.predictions.c.id == id)
    if key_id is not None:
        query = query.where(t.predictions.c.key_id == key_id)
    return _one(conn, query)


def by_ids(conn: sa.Connection, ids: Collection[str]) -> dict[str, Prediction]:
    """Those of the predictions that exist, of whichever key, deleted ones too, by id."""
    if not ids:
        return {}
    rows = conn.execute(sa.select(*_COLUMNS).where(t.predictions.c.id.in_(list(ids))))
    return {row.id: _prediction(row) for row in rows}


def by_idempotency(conn: sa.Connection, key_id: str, idempotency_key: str) -> Prediction | None:
    """The prediction that a key submitted under this Idempotency-Key."""
    return _one(
        conn,
        sa.select(*_COLUMNS).where(
            t.predictions.c.key_id == key_id, t.predictions.c.idempotency_key == idempotency_key
        ),
    )


def repeated(conn: sa.Connection, key_id: str, idempotency_key: str, body_sha256: str) -> Prediction | None:
    """The prediction to answer a repeated submit with; None for a new one.

    Raises ConflictError when the Idempotency-Key was used with another body.
    """
    earlier = by_idempotency(conn, key_id, idempotency_key)
    if earlier is not None and earlier.body_sha256 != body_sha256:
        raise ConflictError(
            f"This Idempotency-Key was used for prediction {earlier.id} with another body; use a new key."
        )
    return earlier


def search(
    conn: sa.Connection,
    key_id: str,
    page: int,
    page_size: int,
    *,
    model: str | None = None,
    status: str | None = None,
    created_after_us: int | None = None,
    created_before_us: int | None = None,
) -> tuple[list[Prediction], int]:
    """One page (from 1) of a key's predictions, newest first, without deleted ones; and their number."""
    c = t.predictions.c
    wanted = [c.key_id == key_id, c.deleted_us.is_(None)]
    if model is not None:
        wanted.append(c.model == model)
    if status is not None:
        wanted.append(c.status == status)
    if created_after_us is not None:
        wanted.append(c.created_us >= created_after_us)
    if created_before_us is not None:
        wanted.append(c.created_us <= created_before_us)
    total = conn.execute(sa.select(sa.func.count()).select_from(t.predictions).where(*wanted)).scalar_one()
    rows = conn.execute(
        sa.select(*_COLUMNS)
        .where(*wanted)
        .order_by(c.created_us.desc(), c.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return [_prediction(row) for row in rows], total


def start(conn: sa.Connection, id: str) -> bool:
    """created -> processing; False if it was not `created`."""
    return _change(conn, id, (CREATED,), status=PROCESSING, started_us=now_us())


def begin_attempt(conn: sa.Connection, id: str) -> bool:
    """Count one more attempt at rendering; False if it is no longer processing."""
    return _change(conn, id, (PROCESSING,), attempts=t.predictions.c.attempts + 1)


def set_progress(conn: sa.Connection, id: str, stage: str, progress: float) -> None:
    """Note how far a running job is, 0 to 1; of a finished one nothing changes."""
    _change(conn, id, (PROCESSING,), stage=stage, progress=progress)


def count_crash(conn: sa.Connection, id: str) -> int:
    """Count one more killed worker; how many it has killed by now. Raises NotFoundError."""
    crashes = conn.execute(
        sa.update(t.predictions)
        .where(t.predictions.c.id == id)
        .values(crashes=t.predictions.c.crashes + 1)
        .returning(t.predictions.c.crashes)
    ).scalar_one_or_none()
    if crashes is None:
        raise NotFoundError(f"There is no prediction {id}.")
    return int(crashes)


def request_cancel(conn: sa.Connection, id: str) -> Prediction:
    """Note that the client wants it stopped, unless it is finished or this was noted before.

    Returns the row as it then is: whoever runs it ends it with `fail(..., status="cancelled")`. Raises
    NotFoundError.
    """
    conn.execute(
        sa.update(t.predictions)
        .where(
            t.predictions.c.id == id,
            t.predictions.c.status.in_(UNFINISHED),
            t.predictions.c.cancel_requested_us.is_(None),
        )
        .values(cancel_requested_us=now_us())
    )
    prediction = get(conn, id)
    if prediction is None:
        raise NotFoundError(f"There is no prediction {id}.")
    return prediction


def cancel_requested(conn: sa.Connection, id: str) -> bool:
    """Whether to stop working on it: the client asked for that, or it is already finished or gone."""
    row = conn.execute(
        sa.select(t.predictions.c.cancel_requested_us, t.predictions.c.status).where(t.predictions.c.id == id)
    ).one_or_none()
    return row is None or row.cancel_requested_us is not None or row.status in TERMINAL


def complete(conn: sa.Connection, id: str, outcome: Outcome, rule: PriceRule) -> bool:
    """processing -> completed, with usage, charge and webhook; False, and nothing changes, from any other
    state.
    """
    won = _change(
        conn,
        id,
        (PROCESSING,),
        status=COMPLETED,
        finished_us=now_us(),
        outputs=list(outcome.outputs),
        report_key=outcome.report_key,
        nsfw=list(outcome.nsfw),
        inference_ms=outcome.inference_ms,
        output_s=outcome.output_s,
        progress=1.0,
        stage="",
        error="",
        code=CODE_OK,
    )
    if not won:
        return False
    cost = money.settle(conn, id, rule.price(outcome.output_s))
    assert cost is not None, f"prediction {id} was processing without an open order"
    _change(conn, id, (COMPLETED,), cost_micro=cost)
    done = get(conn, id)
    assert done is not None
    conn.execute(
        sa.insert(t.usage).values(
            prediction_id=id,
            key_id=done.key_id,
            model=done.model,
            output_s=outcome.output_s,
            cost_micro=cost,
            created_us=done.finished_us,
        )
    )
    _announce(conn, done)
    return True


def fail(conn: sa.Connection, id: str, *, code: int, error: str, status: str = FAILED) -> bool:
    """created or processing -> failed (or cancelled), with refund and webhook; False if it was finished.

    `error` is the sentence for the client and must not be empty.
    """
    assert status in (FAILED, CANCELLED) and error, (status, error)
    if not _change(conn, id, UNFINISHED, status=status, finished_us=now_us(), error=error, code=code):
        return False
    released = money.release(conn, id)
    assert released is not None, f"prediction {id} was unfinished without an open order"
    done = get(conn, id)
    assert done is not None
    _announce(conn, done)
    return True


def mark_deleted(conn: sa.Connection, ids: Sequence[str], key_id: str) -> int:
    """Hide finished predictions of a key; how many. Unknown, unfinished and other keys' ids count nothing."""
    if not ids:
        return 0
    c = t.predictions.c
    done = conn.execute(
        sa.update(t.predictions)
        .where(c.id.in_(list(ids)), c.key_id == key_id, c.deleted_us.is_(None), c.status.in_(TERMINAL))
        .values(deleted_us=now_us())
    )
    return done.rowcount


def queue_counts(conn: sa.Connection) -> dict[str, int]:
    """How many predictions are in each state that is not final."""
    c = t.predictions.c
    rows = conn.execute(
        sa.select(c.status, sa.func.count()).where(c.status.in_(UNFINISHED)).group_by(c.status)
    )
    return dict.fromkeys(UNFINISHED, 0) | {row[0]: row[1] for row in rows}


def unfinished_of(conn: sa.Connection, key_id: str) -> int:
    """How many unfinished predictions a key has."""
    c = t.predictions.c
    return conn.execute(
        sa.select(sa.func.count())
        .select_from(t.predictions)
        .where(c.key_id == key_id, c.status.in_(UNFINISHED))
    ).scalar_one()


def _announce(conn: sa.Connection, done: Prediction) -> None:
    """Put the webhook of a finished prediction into the outbox; the body is made at its first attempt."""
    if done.webhook_url is None:
        return
    now = now_us()
    conn.execute(
        sa.insert(t.webhooks).values(
            prediction_id=done.id,
            key_id=done.key_id,
            url=done.webhook_url,
            state="pending",
            attempts=0,
            created_us=now,
            next_us=now,
        )
    )


def _change(conn: sa.Connection, id: str, starting_from: Sequence[str], **values: Any) -> bool:
    done = conn.execute(
        sa.update(t.predictions)
        .where(t.predictions.c.id == id, t.predictions.c.status.in_(starting_from))
        .values(**values)
    )
    return done.rowcount == 1


def _one(conn: sa.Connection, query: sa.Select[*tuple[Any, ...]]) -> Prediction | None:
    row = conn.execute(query).one_or_none()
    return None if row is None else _prediction(row)


def _prediction(row: sa.Row[*tuple[Any, ...]]) -> Prediction:
    values = dict(row._mapping)
    return Prediction(**values | {"outputs": tuple(row.outputs), "nsfw": tuple(row.nsfw)})
