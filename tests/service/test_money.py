"""Money: the price rule, and that no order of events creates, loses or overdraws a micro-dollar."""

import random
from dataclasses import dataclass
from threading import Thread
from uuid import uuid4

import pytest
import sqlalchemy as sa

from lipwright.service import money
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.errors import CreditError, NotFoundError
from lipwright.service.keys import Key
from lipwright.service.money import MICRO, PriceRule
from lipwright.service.settings import load_settings
from service.accounts import new_key

RULE = PriceRule.of(load_settings())


def ledger_sum(engine: sa.Engine, key_id: str) -> int:
    with engine.connect() as conn:
        total = sa.func.coalesce(sa.func.sum(t.ledger.c.amount_micro), 0)
        return int(conn.execute(sa.select(total).where(t.ledger.c.key_id == key_id)).scalar_one())


def held(engine: sa.Engine, key_id: str) -> int:
    """The stored balance, of unlimited keys, too."""
    with engine.connect() as conn:
        return int(conn.execute(sa.select(t.keys.c.balance_micro).where(t.keys.c.id == key_id)).scalar_one())


def kinds(engine: sa.Engine, prediction_id: str) -> list[tuple[str, int]]:
    c = t.ledger.c
    with engine.connect() as conn:
        rows = conn.execute(
            sa.select(c.kind, c.amount_micro).where(c.prediction_id == prediction_id).order_by(c.id)
        )
        return [(row.kind, row.amount_micro) for row in rows]


@pytest.mark.parametrize(
    ("seconds", "dollars"),
    [
        (0, 0.15),
        (4.2, 0.15),
        (5, 0.15),
        (5.0000004, 0.15),  # an artefact of floating point
        (5.001, 0.18),
        (9.2, 0.30),
        (10.04, 0.33),
        (599.5, 18.0),
        (600, 18.0),
        (4000, 18.0),
    ],
)
def test_the_default_price(seconds: float, dollars: float) -> None:
    assert RULE.price(seconds) == round(dollars * MICRO)


def test_a_rule_of_ones_own() -> None:
    rule = PriceRule.of(
        load_settings(
            price_unit_usd="0.1", price_unit_s=3, price_minimum_s=0, price_round_s=3, price_cap_s=60
        )
    )
    assert [rule.price(seconds) for seconds in (0, 1, 3, 3.5, 100)] == [
        0,
        100_000,
        100_000,
        200_000,
        2_000_000,
    ]
    odd = PriceRule(unit_micro=100_000, unit_s=3, minimum_s=1, round_s=1, cap_s=60)
    assert odd.price(1) == 33_333


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_no_length_has_no_price(seconds: float) -> None:
    with pytest.raises(ValueError, match="no length"):
        RULE.price(seconds)


def test_a_job_from_reservation_to_settlement(database: sa.Engine) -> None:
    key, id = new_key(database, 1.0), uuid4().hex
    with transaction(database) as conn:
        money.reserve(conn, key.id, id, "m", 150_000)
        assert money.adjust(conn, id, 300_000)
        assert money.adjust(conn, id, 300_000)
        assert money.balance(conn, key.id) == 700_000
        assert money.settle(conn, id, 270_000) == 270_000
        assert money.settle(conn, id, 270_000) is None
        assert money.release(conn, id) is None
        assert not money.adjust(conn, id, 400_000)
        assert money.balance(conn, key.id) == 730_000
    expected = [("reserve", -150_000), ("adjust", -150_000), ("settle", 30_000)]
    assert kinds(database, id) == expected
    assert ledger_sum(database, key.id) == 730_000


def test_a_job_that_failed_costs_nothing(database: sa.Engine) -> None:
    key, id = new_key(database, 1.0), uuid4().hex
    with transaction(database) as conn:
        money.reserve(conn, key.id, id, "m", 150_000)
        assert money.release(conn, id) == 150_000
        assert money.release(conn, id) is None
        assert money.settle(conn, id, 150_000) is None
        assert money.balance(conn, key.id) == MICRO


def test_a_second_adjustment_replaces_the_first(database: sa.Engine) -> None:
    key, id = new_key(database, 1.0), uuid4().hex
    with transaction(database) as conn:
        money.reserve(conn, key.id, id, "m", 150_000)
        for amount in (500_000, 200_000):
            assert money.adjust(conn, id, amount)
        assert money.balance(conn, key.id) == 800_000
    assert kinds(database, id) == [("reserve", -150_000), ("adjust", -50_000)]


def test_a_short_balance_refuses_and_changes_nothing(database: sa.Engine) -> None:
    key, id = new_key(database, 0.2), uuid4().hex
    with transaction(database) as conn:
        money.reserve(conn, key.id, id, "m", 150_000)
    with (
        pytest.raises(CreditError, match=r"0\.1500 USD more is needed, the balance is 0\.0500 USD"),
        transaction(database) as conn,
    ):
        money.reserve(conn, key.id, uuid4().hex, "m", 150_000)
    with pytest.raises(CreditError, match="Insufficient credits"), transaction(database) as conn:
        money.adjust(conn, id, 210_000)
    assert held(database, key.id) == ledger_sum(database, key.id) == 50_000


def test_a_result_longer_than_expected_costs_what_the_balance_has(database: sa.Engine) -> None:
    key, id = new_key(database, 0.2), uuid4().hex
    with transaction(database) as conn:
        money.reserve(conn, key.id, id, "m", 150_000)
        assert money.settle(conn, id, 300_000) == 200_000
        assert money.balance(conn, key.id) == 0


def test_an_unlimited_key_counts_what_it_spends(database: sa.Engine) -> None:
    key, id = new_key(database, None), uuid4().hex
    with transaction(database) as conn:
        money.reserve(conn, key.id, id, "m", 150_000)
        assert money.settle(conn, id, 300_000) == 300_000
        assert money.balance(conn, key.id) is None
    assert held(database, key.id) == ledger_sum(database, key.id) == -300_000


def test_a_grant_cannot_overdraw(database: sa.Engine) -> None:
    key = new_key(database, 1.0)
    with pytest.raises(CreditError, match="cannot be taken"), transaction(database) as conn:
        money.grant(conn, key.id, -MICRO - 1)
    with transaction(database) as conn:
        money.grant(conn, key.id, -MICRO)
        assert money.balance(conn, key.id) == 0
    with pytest.raises(NotFoundError), transaction(database) as conn:
        money.grant(conn, "0" * 32, 1)


@dataclass
class Order:
    """What the model below knows of an order."""

    key: Key
    amount: int
    open: bool = True


class Model:
    """What must become of balances, in plain arithmetic, beside what the database does."""

    def __init__(self, conn: sa.Connection, keys: list[Key]) -> None:
        self.conn = conn
        self.balances = {key.id: key.balance_micro for key in keys}
        self.orders: dict[str, Order] = {}

    def affords(self, key: Key, amount: int) -> bool:
        return key.unlimited or amount <= self.balances[key.id]

    def grant(self, key: Key, amount: int) -> None:
        money.grant(self.conn, key.id, amount)
        assert self.affords(key, -amount)
        self.balances[key.id] += amount

    def reserve(self, key: Key, amount: int, id: str) -> None:
        money.reserve(self.conn, key.id, id, "m", amount)
        assert self.affords(key, amount)
        self.balances[key.id] -= amount
        self.orders[id] = Order(key, amount)

    def adjust(self, id: str, amount: int) -> None:
        order = self.orders[id]
        assert money.adjust(self.conn, id, amount) == order.open
        if order.open:
            assert self.affords(order.key, amount - order.amount)
            self.balances[order.key.id] -= amount - order.amount
            order.amount = amount

    def end(self, id: str, price: int | None) -> None:
        """Settle at a price, or release."""
        order = self.orders[id]
        if price is None:
            cost = 0
            assert money.release(self.conn, id) == (order.amount if order.open else None)
        else:
            most = price if order.key.unlimited else order.amount + self.balances[order.key.id]
            cost = min(price, most)
            assert money.settle(self.conn, id, price) == (cost if order.open else None)
        if order.open:
            self.balances[order.key.id] += order.amount - cost
            order.open = False

    def check(self) -> None:
        """Balances are as computed, as the sum of the ledger says, and overdrawn only if unlimited."""
        total = sa.func.coalesce(sa.func.sum(t.ledger.c.amount_micro), 0)
        rows = self.conn.execute(
            sa.select(t.keys.c.id, t.keys.c.unlimited, t.keys.c.balance_micro, total)
            .outerjoin(t.ledger, t.ledger.c.key_id == t.keys.c.id)
            .group_by(t.keys.c.id)
        ).all()
        assert {row[0]: row[2] for row in rows} == self.balances
        assert all(row[2] == int(row[3]) for row in rows)
        assert all(row[1] or row[2] >= 0 for row in rows)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_whatever_order(database: sa.Engine, seed: int) -> None:
    """150 random events on three keys, against the model."""
    choose = random.Random(seed)
    keys = [new_key(database, dollars) for dollars in (0.0, 2.0, None)]
    refused = 0
    with transaction(database) as conn:
        model = Model(conn, keys)
        for _ in range(150):
            key, amount = choose.choice(keys), choose.randrange(1, 700_000)
            id = choose.choice(sorted(model.orders)) if model.orders else None
            event = choose.choice(("grant", "reserve", "reserve", "adjust", "settle", "release"))
            try:
                with conn.begin_nested():
                    if event == "grant":
                        model.grant(key, amount if choose.random() < 0.6 else -amount)
                    elif event == "reserve" or id is None:
                        model.reserve(key, amount, f"{choose.getrandbits(128):032x}")
                    elif event == "adjust":
                        model.adjust(id, amount)
                    else:
                        model.end(id, amount if event == "settle" else None)
            except CreditError:
                refused += 1
            model.check()
    assert refused > 0


def test_reservations_at_once_do_not_overdraw(database: sa.Engine) -> None:
    """Twelve threads want 0.15 USD each of one dollar: six get it."""
    key = new_key(database, 1.0)
    results: list[bool] = []

    def try_it() -> None:
        try:
            with transaction(database) as conn:
                money.reserve(conn, key.id, uuid4().hex, "m", 150_000)
            results.append(True)
        except CreditError:
            results.append(False)

    threads = [Thread(target=try_it) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 6 + [True] * 6
    assert held(database, key.id) == ledger_sum(database, key.id) == 100_000
