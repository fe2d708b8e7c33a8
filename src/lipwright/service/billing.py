"""What a key was charged and what it used: the queries behind billing search and usage statistics.

Amounts are micro-dollars and times UTC microseconds; the API turns them into the wire format.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lipwright.service import tables as t

DEDUCT = "deduct"
"""A charge for a prediction."""
RECHARGE = "recharge"
"""A grant to a key."""
PRE = "pre"
"""State of an order whose amount is reserved only."""
DONE = "done"


@dataclass(frozen=True)
class Billing:
    """One entry of the bill: the order of a prediction, or a grant."""

    uuid: str
    billing_type: str
    """`deduct` or `recharge`."""
    price_micro: int
    """Held or charged, 0 when returned; of a grant, what was added (negative: taken)."""
    state: str
    """`pre` while the prediction runs, then `done`."""
    status: str
    """`reserved`, `settled`, `released`, or `granted`."""
    prediction_id: str | None
    model: str | None
    prediction_status: str | None
    """None when retention has removed the prediction."""
    created_us: int
    updated_us: int


@dataclass(frozen=True)
class ModelUsage:
    """What one model was used for in a period."""

    model: str
    cost_micro: int
    completed: int
    seconds: float
    """Seconds of output."""
    last_used_us: int


@dataclass(frozen=True)
class DayUsage:
    """What was used on one day."""

    date: str
    """YYYY-MM-DD, UTC."""
    cost_micro: int
    completed: int
    models: tuple[ModelUsage, ...]


@dataclass(frozen=True)
class Usage:
    """What a key used in a period."""

    models: tuple[ModelUsage, ...]
    """By cost, highest first."""
    days: tuple[DayUsage, ...]
    """Days with a completed prediction, oldest first."""
    cost_micro: int
    requests: int
    """Accepted predictions."""
    completed: int


def search(
    conn: sa.Connection,
    key_id: str,
    page: int,
    page_size: int,
    *,
    billing_type: str | None = None,
    prediction_ids: tuple[str, ...] | None = None,
    model: str | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    oldest_first: bool = False,
) -> tuple[list[Billing], int]:
    """One page (from 1) of a key's bill, and how many entries there are."""
    entries = sa.union_all(_orders(key_id), _grants(key_id)).subquery()
    c = entries.c
    wanted: list[sa.ColumnElement[bool]] = []
    if billing_type is not None:
        wanted.append(c.billing_type == billing_type)
    if prediction_ids is not None:
        wanted.append(c.prediction_id.in_(prediction_ids))
    if model is not None:
        wanted.append(c.model == model)
    if start_us is not None:
        wanted.append(c.created_us >= start_us)
    if end_us is not None:
        wanted.append(c.created_us <= end_us)
    total = conn.execute(sa.select(sa.func.count()).select_from(entries).where(*wanted)).scalar_one()
    order = (c.created_us, c.uuid) if oldest_first else (c.created_us.desc(), c.uuid.desc())
    rows = conn.execute(
        sa.select(entries).where(*wanted).order_by(*order).limit(page_size).offset((page - 1) * page_size)
    )
    return [Billing(**row._mapping) for row in rows], total


def usage(conn: sa.Connection, key_id: str, start_us: int, end_us: int, model: str | None = None) -> Usage:
    """What a key used from `start_us` to `end_us`, both included, of one model or all."""
    c = t.usage.c
    wanted = [c.key_id == key_id, c.created_us.between(start_us, end_us)]
    accepted = [t.orders.c.key_id == key_id, t.orders.c.created_us.between(start_us, end_us)]
    if model is not None:
        wanted.append(c.model == model)
        accepted.append(t.orders.c.model == model)
    # Whole days since the epoch: UTC, and the same arithmetic in both databases.
    day = (c.created_us // 86_400_000_000).label("day")
    rows = conn.execute(
        sa.select(
            day,
            c.model,
            sa.func.sum(c.cost_micro).label("cost"),
            sa.func.count().label("completed"),
            sa.func.sum(c.output_s).label("seconds"),
            sa.func.max(c.created_us).label("last"),
        )
        .where(*wanted)
        .group_by(day, c.model)
        .order_by(day, c.model)
    ).all()
    requests = conn.execute(sa.select(sa.func.count()).select_from(t.orders).where(*accepted)).scalar_one()
    parts = [
        (int(row.day), ModelUsage(row.model, int(row.cost), row.completed, float(row.seconds), row.last))
        for row in rows
    ]
    models = [
        _merged([part for _, part in parts if part.model == name]) for name in {p.model for _, p in parts}
    ]
    days = [
        _day(number, [part for at, part in parts if at == number])
        for number in sorted({at for at, _ in parts})
    ]
    return Usage(
        models=tuple(sorted(models, key=lambda each: (-each.cost_micro, each.model))),
        days=tuple(days),
        cost_micro=sum(part.cost_micro for _, part in parts),
        requests=requests,
        completed=sum(part.completed for _, part in parts),
    )


def _orders(key_id: str) -> sa.Select[*tuple[Any, ...]]:
    c = t.orders.c
    return (
        sa.select(
            c.prediction_id.label("uuid"),
            sa.literal(DEDUCT).label("billing_type"),
            c.amount_micro.label("price_micro"),
            sa.case((c.state == "reserved", PRE), else_=DONE).label("state"),
            c.state.label("status"),
            c.prediction_id.label("prediction_id"),
            c.model.label("model"),
            t.predictions.c.status.label("prediction_status"),
            c.created_us.label("created_us"),
            c.updated_us.label("updated_us"),
        )
        .select_from(t.orders.outerjoin(t.predictions, t.predictions.c.id == c.prediction_id))
        .where(c.key_id == key_id)
    )


def _grants(key_id: str) -> sa.Select[*tuple[Any, ...]]:
    c = t.ledger.c
    text = sa.String(200)
    return sa.select(
        (sa.literal("grant-") + sa.cast(c.id, text)).label("uuid"),
        sa.literal(RECHARGE).label("billing_type"),
        c.amount_micro.label("price_micro"),
        sa.literal(DONE).label("state"),
        sa.literal("granted").label("status"),
        sa.cast(sa.null(), text).label("prediction_id"),
        sa.cast(sa.null(), text).label("model"),
        sa.cast(sa.null(), text).label("prediction_status"),
        c.created_us.label("created_us"),
        c.created_us.label("updated_us"),
    ).where(c.key_id == key_id, c.kind == "grant")


def _merged(parts: list[ModelUsage]) -> ModelUsage:
    return ModelUsage(
        model=parts[0].model,
        cost_micro=sum(part.cost_micro for part in parts),
        completed=sum(part.completed for part in parts),
        seconds=sum(part.seconds for part in parts),
        last_used_us=max(part.last_used_us for part in parts),
    )


def _day(number: int, parts: list[ModelUsage]) -> DayUsage:
    return DayUsage(
        date=datetime.fromtimestamp(number * 86_400, UTC).date().isoformat(),
        cost_micro=sum(part.cost_micro for part in parts),
        completed=sum(part.completed for part in parts),
        models=tuple(parts),
    )
