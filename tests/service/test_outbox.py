"""The outbox on both databases: attempts, their log, back-off, replay, and many receivers at once."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.service import metrics, outbox, predictions
from lipwright.service import tables as t
from lipwright.service.db import now_us, transaction
from lipwright.service.errors import NotFoundError
from lipwright.service.outbox import Sender, attempt, deliveries, due, posted
from lipwright.service.settings import Settings, load_settings
from lipwright.service.webhooks import verify
from service.accounts import finished, new_key, running
from service.hostile import Hostile, answer, hostile_server


@pytest.fixture
def open_settings(settings: Settings) -> Settings:
    """The settings, but with private addresses allowed: the receivers are on this machine."""
    return load_settings(**settings.model_dump() | {"allow_private_urls": True, "webhook_timeout_s": 2})


def _row(engine: sa.Engine, prediction_id: str) -> Any:
    with engine.connect() as conn:
        return conn.execute(sa.select(t.webhooks).where(t.webhooks.c.prediction_id == prediction_id)).one()


def _headers(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


def _flaky(fails: int) -> Callable[[socket.socket, bytes], None]:
    left = [fails]

    def behave(connection: socket.socket, request: bytes) -> None:
        left[0] -= 1
        status = "500 Oh" if left[0] >= 0 else "200 OK"
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return behave


def test_a_delivery_is_genuine_and_noted(database: sa.Engine, open_settings: Settings) -> None:
    key = new_key(database)
    counted = metrics.WEBHOOKS.labels("delivered")._value.get()
    with hostile_server({"/hook": answer(b"ok")}) as receiver:
        done = finished(database, key, webhook_url=receiver.url("/hook"))
        said = attempt(database, open_settings, done.id)
    assert said is not None and said.delivered
    assert metrics.WEBHOOKS.labels("delivered")._value.get() == counted + 1
    headers, body = _headers(receiver.requests[0])
    assert verify(key.webhook_secret, headers, body, now_us() / 1e6)
    assert headers["webhook-id"] == done.id
    assert json.loads(body)["id"] == done.id
    assert json.loads(body)["status"] == "completed"
    row = _row(database, done.id)
    assert (row.state, row.attempts, row.next_us, row.body) == ("delivered", 1, None, body)
    with database.connect() as conn:
        (logged,) = deliveries(conn, done.id)
    assert (logged.http_status, logged.error) == (200, "")
    assert attempt(database, open_settings, done.id) is None  # nothing is sent twice


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_failures_are_announced_too(status: str, database: sa.Engine, open_settings: Settings) -> None:
    key = new_key(database)
    with hostile_server({"/hook": answer(b"ok")}) as receiver:
        one = running(database, key, webhook_url=receiver.url("/hook"))
        with transaction(database) as conn:
            predictions.fail(conn, one.id, code=1402, error="It is not there.", status=status)
        attempt(database, open_settings, one.id)
    _, body = _headers(receiver.requests[0])
    found = json.loads(body)
    assert (found["status"], found["error"], found["outputs"]) == (status, "It is not there.", [])


def test_failed_attempts_are_tried_again_with_the_same_body(
    database: sa.Engine, open_settings: Settings
) -> None:
    key = new_key(database)
    with hostile_server({"/hook": _flaky(2)}) as receiver:
        done = finished(database, key, webhook_url=receiver.url("/hook"))
        for _ in range(2):
            attempt(database, open_settings, done.id)
            row = _row(database, done.id)
            assert row.state == "pending"
            assert row.next_us > now_us()
        assert due(database, now_us()) == []
        assert due(database, row.next_us) == [(done.id, key.id)]
        attempt(database, open_settings, done.id)
    bodies = {_headers(request)[1] for request in receiver.requests}
    ids = {_headers(request)[0]["webhook-id"] for request in receiver.requests}
    assert (len(bodies), ids) == (1, {done.id})
    assert _row(database, done.id).state == "delivered"
    with database.connect() as conn:
        assert [each.http_status for each in deliveries(conn, done.id)] == [500, 500, 200]


def test_after_a_day_it_is_given_up_and_can_be_replayed(database: sa.Engine, open_settings: Settings) -> None:
    key = new_key(database)
    with hostile_server({"/hook": _flaky(2)}) as receiver:
        done = finished(database, key, webhook_url=receiver.url("/hook"))
        with transaction(database) as conn:
            conn.execute(sa.update(t.webhooks).values(first_us=now_us() - 25 * 3600 * 1_000_000))
        attempt(database, open_settings, done.id)
        row = _row(database, done.id)
        assert (row.state, row.next_us) == ("failed", None)
        assert attempt(database, open_settings, done.id) is None
        again = attempt(database, open_settings, done.id, replay=True)
        assert again is not None and again.http_status == 500
        assert _row(database, done.id).state == "failed"
        again = attempt(database, open_settings, done.id, replay=True)
        assert again is not None and again.delivered
    assert _row(database, done.id).state == "delivered"
    with database.connect() as conn:
        replays = conn.execute(sa.select(t.deliveries.c.replay).order_by(t.deliveries.c.id)).scalars()
        assert list(replays) == [False, True, True]


def test_private_receivers_are_failed_attempts(database: sa.Engine, settings: Settings) -> None:
    with hostile_server({"/hook": answer(b"ok")}) as receiver:
        done = finished(database, new_key(database), webhook_url=receiver.url("/hook", scheme="https"))
        said = attempt(database, settings, done.id)
    assert said is not None and "port" in said.error
    assert receiver.requests == []
    assert _row(database, done.id).state == "pending"


def test_a_prediction_without_a_webhook_cannot_be_replayed(
    database: sa.Engine, open_settings: Settings
) -> None:
    done = finished(database, new_key(database), webhook_url=None)
    with pytest.raises(NotFoundError, match="no webhook"):
        attempt(database, open_settings, done.id, replay=True)


def test_a_prediction_that_is_gone_is_given_up(database: sa.Engine, open_settings: Settings) -> None:
    done = finished(database, new_key(database))
    with transaction(database) as conn:
        conn.execute(sa.delete(t.predictions).where(t.predictions.c.id == done.id))
    assert attempt(database, open_settings, done.id) is None
    assert _row(database, done.id).state == "failed"


def _hang(connection: socket.socket, request: bytes) -> None:
    connection.recv(1)


def _run(sender: Sender, receivers: list[Hostile], wanted: int) -> None:
    import time

    for _ in range(400):
        sender.step()
        if sum(len(each.requests) for each in receivers) >= wanted:
            return
        time.sleep(0.02)
    raise AssertionError("not all receivers were called")


def test_a_receiver_that_hangs_does_not_hold_up_others(database: sa.Engine, open_settings: Settings) -> None:
    stuck, quick = new_key(database), new_key(database)
    with (
        hostile_server({"/hook": _hang}) as slow,
        hostile_server({"/hook": answer(b"ok")}) as receiver,
    ):
        for _ in range(20):
            finished(database, stuck, webhook_url=slow.url("/hook"))
        mine = [finished(database, quick, webhook_url=receiver.url("/hook")) for _ in range(6)]
        sender = Sender(database, open_settings)
        try:
            _run(sender, [receiver], len(mine))
            assert len(slow.requests) <= outbox.AT_ONCE_PER_KEY
        finally:
            sender.close()
    ids = {_headers(request)[0]["webhook-id"] for request in receiver.requests}
    assert ids == {one.id for one in mine}
    assert len(receiver.requests) == len(mine)


def test_the_list_shows_how_webhooks_stand(database: sa.Engine, open_settings: Settings) -> None:
    key = new_key(database)
    with hostile_server({"/hook": answer(status="500 Oh")}) as receiver:
        first = finished(database, key, webhook_url=receiver.url("/hook"))
        second = finished(database, key)
        attempt(database, open_settings, first.id)
    with database.connect() as conn:
        rows = {row.prediction_id: row for row in posted(conn)}
        assert posted(conn, state="delivered") == []
        assert len(posted(conn, limit=1)) == 1
    assert (rows[first.id].last_status, rows[first.id].attempts) == (500, 1)
    assert (rows[second.id].last_status, rows[second.id].state) == (None, "pending")
