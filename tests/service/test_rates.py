"""Requests per minute: counted once, shared by threads, refused with the seconds to wait."""

from threading import Thread

import pytest
import sqlalchemy as sa

from lipwright.service import rates
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.errors import RateLimitError
from lipwright.service.rates import MINUTE_US
from service.accounts import new_key

NOW = 1_700_000_000_000_000 // MINUTE_US * MINUTE_US


def count(engine: sa.Engine, key_id: str, limit: int, now: int = NOW) -> None:
    with transaction(engine) as conn:
        rates.count_request(conn, key_id, limit, now)


def test_over_the_limit_until_the_next_minute(database: sa.Engine) -> None:
    key, other = new_key(database), new_key(database)
    for _ in range(3):
        count(database, key.id, 3)
    with pytest.raises(RateLimitError, match="Too Many Requests: 3 per minute") as caught:
        count(database, key.id, 3, NOW + 17_500_000)
    assert caught.value.retry_after_s == 43
    count(database, other.id, 3)
    count(database, key.id, 3, NOW + MINUTE_US)


def test_the_wait_is_at_least_a_second(database: sa.Engine) -> None:
    key = new_key(database)
    count(database, key.id, 1, NOW + MINUTE_US - 1)
    with pytest.raises(RateLimitError) as caught:
        count(database, key.id, 1, NOW + MINUTE_US - 1)
    assert caught.value.retry_after_s == 1


def test_a_request_that_fails_is_not_counted(database: sa.Engine) -> None:
    key = new_key(database)
    with pytest.raises(ZeroDivisionError), transaction(database) as conn:
        rates.count_request(conn, key.id, 1, NOW)
        _ = 1 // 0
    count(database, key.id, 1)


def test_of_many_at_once_the_limit_pass(database: sa.Engine) -> None:
    key = new_key(database)
    passed: list[bool] = []

    def ask() -> None:
        try:
            count(database, key.id, 5)
            passed.append(True)
        except RateLimitError:
            passed.append(False)

    threads = [Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 5


def test_past_minutes_are_forgotten(database: sa.Engine) -> None:
    key = new_key(database)
    for minute in range(3):
        count(database, key.id, 9, NOW + minute * MINUTE_US)
    with transaction(database) as conn:
        assert rates.forget_before(conn, NOW + 2 * MINUTE_US) == 2
        assert conn.execute(sa.select(sa.func.count()).select_from(t.rates)).scalar_one() == 1
