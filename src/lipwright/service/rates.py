"""How many requests a key may make in a minute, counted in the database, so that all API processes share it.

The window is the clock's minute, as on WaveSpeed: over the limit, a request is refused until the next one
begins.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lipwright.service import tables as t
from lipwright.service.db import is_sqlite, now_us
from lipwright.service.errors import RateLimitError

MINUTE_US = 60_000_000


def count_request(conn: sa.Connection, key_id: str, limit: int, now: int | None = None) -> None:
    """Count one request; `now` in microseconds. Raises RateLimitError, with the seconds to wait, over the
    limit.

    Call it inside the transaction that serves the request: a request that fails is then not counted.
    """
    moment = now_us() if now is None else now
    minute = moment // MINUTE_US
    c = t.rates.c
    used = conn.execute(
        sa.select(c["count"]).where(c.key_id == key_id, c.minute == minute)
    ).scalar_one_or_none()
    if used is None or used < limit:
        insert = sqlite.insert if is_sqlite(conn) else postgresql.insert
        used = conn.execute(
            insert(t.rates)
            .values(key_id=key_id, minute=minute, count=1)
            .on_conflict_do_update(index_elements=[c.key_id, c.minute], set_={"count": c["count"] + 1})
            .returning(c["count"])
        ).scalar_one()
        if used <= limit:
            return
    wait_s = -(-((minute + 1) * MINUTE_US - moment) // 1_000_000)
    raise RateLimitError(
        f"Too Many Requests: {limit} per minute are allowed; try again in {wait_s} s.", retry_after_s=wait_s
    )


def forget_before(conn: sa.Connection, now: int) -> int:
    """Remove the counts of minutes that are over at `now` (microseconds); how many."""
    return conn.execute(sa.delete(t.rates).where(t.rates.c.minute < now // MINUTE_US)).rowcount
