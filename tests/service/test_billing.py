"""The bill and the statistics: what entries there are, in which order, and what they add up to."""

from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.service import billing, predictions
from lipwright.service import tables as t
from lipwright.service.billing import Billing
from lipwright.service.db import transaction
from lipwright.service.money import MICRO
from service.accounts import COST, RULE, finished, new_key, running

DAY_US = 86_400_000_000
ALWAYS = (0, 2**60)


def bill(
    engine: sa.Engine, key_id: str, page: int = 1, size: int = 10, **wanted: Any
) -> tuple[list[Billing], int]:
    with engine.connect() as conn:
        return billing.search(conn, key_id, page, size, **wanted)


def used(engine: sa.Engine, key_id: str, **wanted: Any) -> billing.Usage:
    with engine.connect() as conn:
        return billing.usage(conn, key_id, *ALWAYS, **wanted)


@pytest.fixture
def work(database: sa.Engine) -> tuple[str, dict[str, str]]:
    """A key with a completed, a failed and a running prediction, in this order, and one of another key."""
    key = new_key(database, 10.0)
    done = finished(database, key)
    failed = running(database, key, model="other")
    with transaction(database) as conn:
        assert predictions.fail(conn, failed.id, code=1403, error="No face.")
    busy = running(database, key)
    finished(database, new_key(database))
    return key.id, {"done": done.id, "failed": failed.id, "busy": busy.id}


def test_the_bill_has_orders_and_grants(database: sa.Engine, work: tuple[str, dict[str, str]]) -> None:
    key_id, ids = work
    entries, total = bill(database, key_id, oldest_first=True)
    assert total == 4
    told = [(e.billing_type, e.price_micro, e.state, e.status, e.prediction_status) for e in entries]
    assert told == [
        ("recharge", 10 * MICRO, "done", "granted", None),
        ("deduct", COST, "done", "settled", "completed"),
        ("deduct", 0, "done", "released", "failed"),
        ("deduct", RULE.least, "pre", "reserved", "processing"),
    ]
    assert [entry.prediction_id for entry in entries] == [None, ids["done"], ids["failed"], ids["busy"]]
    assert len({entry.uuid for entry in entries}) == 4


def test_the_bill_is_searched(database: sa.Engine, work: tuple[str, dict[str, str]]) -> None:
    key_id, ids = work
    newest, total = bill(database, key_id, size=1)
    assert ([entry.prediction_id for entry in newest], total) == ([ids["busy"]], 4)
    assert bill(database, key_id, page=5, size=1) == ([], 4)
    assert bill(database, key_id, billing_type="recharge")[1] == 1
    assert bill(database, key_id, billing_type="deduct")[1] == 3
    assert bill(database, key_id, billing_type="nonsense") == ([], 0)
    assert bill(database, key_id, model="other")[1] == 1
    assert bill(database, key_id, prediction_ids=(ids["done"], ids["busy"]))[1] == 2
    assert bill(database, key_id, prediction_ids=())[1] == 0
    moment = newest[0].created_us
    assert bill(database, key_id, start_us=moment)[1] == 1
    assert bill(database, key_id, end_us=moment - 1)[1] == 3


def test_the_bill_outlives_predictions(database: sa.Engine, work: tuple[str, dict[str, str]]) -> None:
    key_id, ids = work
    with transaction(database) as conn:
        conn.execute(sa.delete(t.predictions).where(t.predictions.c.id == ids["done"]))
    (entry,), _ = bill(database, key_id, prediction_ids=(ids["done"],))
    assert (entry.price_micro, entry.prediction_status) == (COST, None)


def test_usage_by_model_and_day(database: sa.Engine) -> None:
    key = new_key(database)
    made = [finished(database, key, model=model) for model in ("a", "a", "b", "b", "b")]
    running(database, key, model="a")
    with transaction(database) as conn:
        for number, each in enumerate(made):
            when = 20_000 * DAY_US + number // 2 * DAY_US + number
            conn.execute(sa.update(t.usage).where(t.usage.c.prediction_id == each.id).values(created_us=when))
    usage = used(database, key.id)
    assert (usage.cost_micro, usage.requests, usage.completed) == (5 * COST, 6, 5)
    assert [(m.model, m.cost_micro, m.completed) for m in usage.models] == [
        ("b", 3 * COST, 3),
        ("a", 2 * COST, 2),
    ]
    assert usage.models[0].seconds == pytest.approx(3 * 9.2)
    assert usage.models[0].last_used_us == 20_002 * DAY_US + 4
    days = [(day.date, day.completed, [m.model for m in day.models]) for day in usage.days]
    assert days == [("2024-10-04", 2, ["a"]), ("2024-10-05", 2, ["b"]), ("2024-10-06", 1, ["b"])]
    only = used(database, key.id, model="a")
    assert (only.requests, only.completed, only.cost_micro) == (3, 2, 2 * COST)


def test_usage_of_nothing(database: sa.Engine) -> None:
    assert used(database, new_key(database).id) == billing.Usage((), (), 0, 0, 0)
