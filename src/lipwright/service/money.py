"""Money: what a job costs, and how it is held, charged and returned. Integer micro-dollars throughout.

An accepted prediction has one order: `reserved` at submit, then exactly once `settled` (completed) or
`released` (failed or cancelled). Every change of a balance is one row of the ledger, unique per prediction
and kind, so the sum of a key's ledger is its balance. A balance is never overdrawn unless the key is
unlimited: a reservation that it does not cover is refused, and a result that turns out longer than expected
costs at most what the balance still has. All functions run inside the caller's transaction; rows are locked
in the order prediction, order, key.
"""

import math
from dataclasses import dataclass

import sqlalchemy as sa

from lipwright.service import tables as t
from lipwright.service.db import now_us
from lipwright.service.errors import CreditError, NotFoundError
from lipwright.service.settings import Settings

MICRO = 1_000_000
"""Micro-dollars in a dollar."""


@dataclass(frozen=True)
class PriceRule:
    """Price of an output by its seconds: rounded up, at least, at most, per unit."""

    unit_micro: int
    unit_s: int
    minimum_s: int
    round_s: int
    cap_s: int

    @classmethod
    def of(cls, settings: Settings, *, adapt: bool = False) -> "PriceRule":
        """The rule that the settings state for outputs, or for the clips of adapt jobs."""
        unit = settings.price_unit_usd
        if adapt and settings.adapt_price_unit_usd is not None:
            unit = settings.adapt_price_unit_usd
        return cls(
            unit_micro=int((unit * MICRO).to_integral_value()),
            unit_s=settings.price_unit_s,
            minimum_s=settings.price_minimum_s,
            round_s=settings.price_round_s,
            cap_s=settings.price_cap_s,
        )

    def billed_s(self, seconds: float) -> int:
        """Whole seconds that an output of `seconds` is charged as.

        Counted in milliseconds first: 10.0000004 s, an artefact of floating point, is ten seconds, not
        eleven.
        """
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"{seconds} s is no length")
        step_ms = 1000 * self.round_s
        rounded_s = -(-round(seconds * 1000) // step_ms) * self.round_s
        return min(max(rounded_s, self.minimum_s), self.cap_s)

    def price(self, seconds: float) -> int:
        """Micro-dollars of an output of `seconds`; a part of a micro-dollar is dropped."""
        return self.billed_s(seconds) * self.unit_micro // self.unit_s

    @property
    def least(self) -> int:
        """Micro-dollars of the shortest output: what is reserved at submit."""
        return self.price(0)


def dollars(micro: int) -> float:
    """Micro-dollars as the wire format's number of dollars."""
    return micro / MICRO


def balance(conn: sa.Connection, key_id: str) -> int | None:
    """What a key may still spend; None when it is unlimited. Raises NotFoundError."""
    row = conn.execute(
        sa.select(t.keys.c.unlimited, t.keys.c.balance_micro).where(t.keys.c.id == key_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no key {key_id}.")
    return None if row.unlimited else int(row.balance_micro)


def grant(conn: sa.Connection, key_id: str, amount_micro: int) -> None:
    """Add money to a key, or take it back with a negative amount. Raises CreditError, NotFoundError."""
    if not _move(conn, key_id, amount_micro):
        held = balance(conn, key_id)
        raise CreditError(
            f"The balance is {dollars(0 if held is None else held):.6f} USD, so "
            f"{dollars(-amount_micro):.6f} USD cannot be taken from it."
        )
    _note(conn, key_id, None, "grant", amount_micro)


def reserve(conn: sa.Connection, key_id: str, prediction_id: str, model: str, amount_micro: int) -> None:
    """Hold money for a new prediction. Raises CreditError, and nothing is held, when the balance is short."""
    if not _move(conn, key_id, -amount_micro):
        raise _short(conn, key_id, amount_micro)
    now = now_us()
    conn.execute(
        sa.insert(t.orders).values(
            prediction_id=prediction_id,
            key_id=key_id,
            model=model,
            state="reserved",
            amount_micro=amount_micro,
            created_us=now,
            updated_us=now,
        )
    )
    _note(conn, key_id, prediction_id, "reserve", -amount_micro)


def adjust(conn: sa.Connection, prediction_id: str, amount_micro: int) -> bool:
    """Make the reservation `amount_micro`, once the length of the output is known.

    False, and nothing changes, when the order is no longer open (the job was cancelled). The same call again
    changes nothing; another amount replaces the former adjustment. Raises CreditError when the balance is
    short.
    """
    order = _open_order(conn, prediction_id)
    if order is None:
        return False
    more = amount_micro - order.amount_micro
    if more == 0:
        return True
    if not _move(conn, order.key_id, -more):
        raise _short(conn, order.key_id, more)
    _set_order(conn, prediction_id, "reserved", amount_micro)
    conn.execute(
        sa.update(t.predictions)
        .where(t.predictions.c.id == prediction_id)
        .values(reserved_micro=amount_micro)
    )
    rewritten = conn.execute(
        sa.update(t.ledger)
        .where(t.ledger.c.prediction_id == prediction_id, t.ledger.c.kind == "adjust")
        .values(amount_micro=t.ledger.c.amount_micro - more)
    )
    if rewritten.rowcount == 0:
        _note(conn, order.key_id, prediction_id, "adjust", -more)
    return True


def settle(conn: sa.Connection, prediction_id: str, price_micro: int) -> int | None:
    """Charge a completed prediction and return the rest of its reservation; the charge, None if not open.

    The charge is the price, but never more than the reservation and what the balance still has.
    """
    order = _open_order(conn, prediction_id)
    if order is None:
        return None
    cost = price_micro
    if cost > order.amount_micro:
        spare = _lock_balance(conn, order.key_id)
        cost = price_micro if spare is None else min(price_micro, order.amount_micro + spare)
    back = order.amount_micro - cost
    _move(conn, order.key_id, back)
    _set_order(conn, prediction_id, "settled", cost)
    _note(conn, order.key_id, prediction_id, "settle", back)
    return cost


def release(conn: sa.Connection, prediction_id: str) -> int | None:
    """Return the whole reservation of a prediction that failed; the amount, None if not open."""
    order = _open_order(conn, prediction_id)
    if order is None:
        return None
    _move(conn, order.key_id, order.amount_micro)
    _set_order(conn, prediction_id, "released", 0)
    _note(conn, order.key_id, prediction_id, "release", order.amount_micro)
    return int(order.amount_micro)


def _open_order(conn: sa.Connection, prediction_id: str) -> sa.Row[str, int] | None:
    """Key and amount of an order that is still reserved, locked; None for none."""
    return conn.execute(
        sa.select(t.orders.c.key_id, t.orders.c.amount_micro)
        .where(t.orders.c.prediction_id == prediction_id, t.orders.c.state == "reserved")
        .with_for_update()
    ).one_or_none()


def _set_order(conn: sa.Connection, prediction_id: str, state: str, amount_micro: int) -> None:
    conn.execute(
        sa.update(t.orders)
        .where(t.orders.c.prediction_id == prediction_id)
        .values(state=state, amount_micro=amount_micro, updated_us=now_us())
    )


def _lock_balance(conn: sa.Connection, key_id: str) -> int | None:
    """As `balance`, with the key's row locked until the transaction ends."""
    conn.execute(sa.select(t.keys.c.id).where(t.keys.c.id == key_id).with_for_update())
    return balance(conn, key_id)


def _move(conn: sa.Connection, key_id: str, amount_micro: int) -> bool:
    """Add to a balance; False, and nothing changes, when that would overdraw it or there is no such key."""
    enough = sa.or_(t.keys.c.unlimited, t.keys.c.balance_micro + amount_micro >= 0)
    done = conn.execute(
        sa.update(t.keys)
        .where(t.keys.c.id == key_id, enough)
        .values(balance_micro=t.keys.c.balance_micro + amount_micro)
    )
    return done.rowcount == 1


def _note(conn: sa.Connection, key_id: str, prediction_id: str | None, kind: str, amount_micro: int) -> None:
    conn.execute(
        sa.insert(t.ledger).values(
            key_id=key_id,
            prediction_id=prediction_id,
            kind=kind,
            amount_micro=amount_micro,
            created_us=now_us(),
        )
    )


def _short(conn: sa.Connection, key_id: str, needed_micro: int) -> CreditError:
    held = balance(conn, key_id)
    return CreditError(
        f"Insufficient credits: {dollars(needed_micro):.4f} USD more is needed, the balance is "
        f"{dollars(0 if held is None else held):.4f} USD."
    )
