"""API keys: what is shown, what is kept, who is recognised."""

import base64
import dataclasses
import hashlib
import re

import pytest
import sqlalchemy as sa

from lipwright.service import keys
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.errors import (
    ConflictError,
    ForbiddenError,
    InvalidParameterError,
    NotFoundError,
    UnauthorizedError,
)
from lipwright.service.settings import load_settings


def made(engine: sa.Engine, name: str = "Ann", **limits: int | None) -> tuple[keys.Key, str]:
    with transaction(engine) as conn:
        return keys.create(conn, name, **limits)


def recognised(engine: sa.Engine, token: str) -> keys.Key:
    with engine.connect() as conn:
        return keys.authenticate(conn, token)


def test_a_key_is_long_random_and_kept_as_a_hash(database: sa.Engine) -> None:
    key, token = made(database)
    assert re.fullmatch(r"wsk_[A-Za-z0-9_-]{43}", token)
    assert made(database, "Bob")[1] != token
    with database.connect() as conn:
        row = conn.execute(sa.select(t.keys).where(t.keys.c.id == key.id)).one()
    assert row.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert all(token not in str(value) for value in row)


def test_the_webhook_secret_is_32_bytes_and_not_shown_in_passing(database: sa.Engine) -> None:
    key, _ = made(database)
    kind, _, text = key.webhook_secret.partition("_")
    assert (kind, len(base64.b64decode(text))) == ("whsec", 32)
    assert key.webhook_secret not in repr(key)
    assert made(database, "Bob")[0].webhook_secret != key.webhook_secret


def test_a_key_is_recognised(database: sa.Engine) -> None:
    key, token = made(database, balance_micro=5, rate_per_minute=7, concurrent=2, priority=3)
    assert recognised(database, token) == key
    assert (key.balance_micro, key.unlimited) == (5, False)
    with database.connect() as conn:
        assert keys.by_id(conn, key.id) == key
        assert keys.by_id(conn, "0" * 32) is None


@pytest.mark.parametrize(
    "change", [str.upper, str.lower, lambda token: token[:-1], lambda token: token + " "]
)
def test_nearly_a_key_is_none(database: sa.Engine, change: object) -> None:
    _, token = made(database)
    assert callable(change)
    with pytest.raises(UnauthorizedError, match="is not valid"):
        recognised(database, change(token))


@pytest.mark.parametrize("token", ["", "wsk_", "x" * 100_000, "wsk_ü", "' OR 1=1 --", "wsk_%"])
def test_strange_tokens_are_none(database: sa.Engine, token: str) -> None:
    made(database)
    with pytest.raises(UnauthorizedError, match="is not valid"):
        recognised(database, token)


def test_a_revoked_key_is_known_and_refused(database: sa.Engine) -> None:
    key, token = made(database)
    with transaction(database) as conn:
        gone = keys.revoke(conn, "Ann")
        assert gone.id == key.id
        assert keys.revoke(conn, key.id) == gone
        with pytest.raises(NotFoundError):
            keys.revoke(conn, "Ann")
    with pytest.raises(ForbiddenError, match="was revoked") as caught:
        recognised(database, token)
    assert (caught.value.http_status, caught.value.error_code) == (403, "key_revoked")


def test_two_keys_in_use_do_not_share_a_name(database: sa.Engine) -> None:
    first, _ = made(database)
    with pytest.raises(ConflictError, match="'Ann' exists"):
        made(database)
    with transaction(database) as conn:
        keys.revoke(conn, "Ann")
    second, _ = made(database)
    with database.connect() as conn:
        assert {key.id for key in keys.all_keys(conn)} == {first.id, second.id}
        assert keys.find(conn, "Ann") == second


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": " Ann"}, "without spaces"),
        ({"name": "x" * 201}, "1 to 200"),
        ({"name": "Ann", "balance_micro": -1}, "below zero"),
        ({"name": "Ann", "concurrent": 0}, "concurrent limit is 0"),
        ({"name": "Ann", "priority": 0}, "1 to 1000"),
    ],
)
def test_what_cannot_be(database: sa.Engine, values: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidParameterError, match=sentence):
        made(database, **values)  # type: ignore[arg-type]


def test_a_keys_own_limits_go_before_the_servers(database: sa.Engine) -> None:
    settings = load_settings(rate_per_minute=9, concurrent=8, priority=7)
    plain, _ = made(database)
    own, _ = made(database, "Bob", rate_per_minute=1, concurrent=2, priority=3)
    assert dataclasses.astuple(keys.limits(plain, settings)) == (9, 8, 7)
    assert dataclasses.astuple(keys.limits(own, settings)) == (1, 2, 3)
