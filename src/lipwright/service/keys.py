"""API keys: made, listed, taken back and recognised.

A key is `wsk_` and 43 url-safe characters (256 random bits), shown once. The database holds its SHA-256 only:
with that many random bits a slow hash would protect nothing more and cost every request. Each key has a
secret of its own that signs its webhooks; that one must be kept readable.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from lipwright.service import money
from lipwright.service import tables as t
from lipwright.service.db import now_us
from lipwright.service.errors import (
    ConflictError,
    ForbiddenError,
    InvalidParameterError,
    NotFoundError,
    UnauthorizedError,
)
from lipwright.service.settings import Settings

TOKEN_PREFIX = "wsk_"
TOKEN_BYTES = 32
WEBHOOK_PREFIX = "whsec_"
WEBHOOK_BYTES = 32
LONGEST_NAME = 200
LONGEST_TOKEN = 200
"""Characters of an Authorization value that are looked at: more is no key of ours."""
PRIORITIES = (1, 1000)


@dataclass(frozen=True)
class Key:
    """One API key, without the key itself."""

    id: str
    name: str
    webhook_secret: str = field(repr=False)
    unlimited: bool
    """Whether its balance may go below zero; `balance_micro` then counts what it spent."""
    balance_micro: int
    rate_per_minute: int | None
    """Submits per minute; None for the server's setting, as in the next two."""
    concurrent: int | None
    priority: int | None
    """Smaller goes first."""
    created_us: int
    revoked_us: int | None


@dataclass(frozen=True)
class KeyLimits:
    """What holds for a key: its own limits, else the server's."""

    rate_per_minute: int
    concurrent: int
    priority: int


_COLUMNS = [t.keys.c[each.name] for each in fields(Key)]


def create(
    conn: sa.Connection,
    name: str,
    *,
    balance_micro: int | None = None,
    rate_per_minute: int | None = None,
    concurrent: int | None = None,
    priority: int | None = None,
) -> tuple[Key, str]:
    """A new key, and its token, which nobody can read again. Without a balance it is unlimited.

    Raises InvalidParameterError for a name or limit that cannot be, and ConflictError when a key that is in
    use has the name.
    """
    _check(name, balance_micro, rate_per_minute, concurrent, priority)
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    key = Key(
        id=uuid4().hex,
        name=name,
        webhook_secret=WEBHOOK_PREFIX + base64.b64encode(secrets.token_bytes(WEBHOOK_BYTES)).decode(),
        unlimited=balance_micro is None,
        balance_micro=0,
        rate_per_minute=rate_per_minute,
        concurrent=concurrent,
        priority=priority,
        created_us=now_us(),
        revoked_us=None,
    )
    values = {each.name: getattr(key, each.name) for each in fields(Key)}
    try:
        conn.execute(sa.insert(t.keys).values(**values, token_sha256=_digest(token)))
    except sa.exc.IntegrityError as error:
        raise ConflictError(
            f"A key named {name!r} exists; choose another name, or revoke that one first."
        ) from error
    if balance_micro is not None:
        money.grant(conn, key.id, balance_micro)
    return find(conn, key.id), token


def authenticate(conn: sa.Connection, token: str) -> Key:
    """The key of a token. Raises UnauthorizedError when there is none, ForbiddenError when revoked."""
    if not token or len(token) > LONGEST_TOKEN or not token.isascii():
        raise UnauthorizedError("The API key is not valid; send it as `Authorization: Bearer KEY`.")
    digest = _digest(token)
    row = conn.execute(
        sa.select(*_COLUMNS, t.keys.c.token_sha256).where(t.keys.c.token_sha256 == digest)
    ).one_or_none()
    # The look-up by hash tells an attacker nothing about keys; comparing once more keeps it so whatever the
    # database does with letter case or padding.
    if row is None or not hmac.compare_digest(row.token_sha256, digest):
        raise UnauthorizedError("The API key is not valid; send it as `Authorization: Bearer KEY`.")
    key = _key(row)
    if key.revoked_us is not None:
        raise ForbiddenError("This API key was revoked; ask for a new one.", error_code="key_revoked")
    return key


def limits(key: Key, settings: Settings) -> KeyLimits:
    """The limits that hold for a key."""
    return KeyLimits(
        rate_per_minute=settings.rate_per_minute if key.rate_per_minute is None else key.rate_per_minute,
        concurrent=settings.concurrent if key.concurrent is None else key.concurrent,
        priority=settings.priority if key.priority is None else key.priority,
    )


def by_id(conn: sa.Connection, key_id: str) -> Key | None:
    """The key with this id, revoked or not."""
    row = conn.execute(sa.select(*_COLUMNS).where(t.keys.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def find(conn: sa.Connection, name_or_id: str) -> Key:
    """A key by its id, or by the name of a key in use. Raises NotFoundError."""
    c = t.keys.c
    row = conn.execute(
        sa.select(*_COLUMNS)
        .where(sa.or_(c.id == name_or_id, sa.and_(c.name == name_or_id, c.revoked_us.is_(None))))
        .order_by(sa.case((c.id == name_or_id, 0), else_=1))
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no key {name_or_id!r}; `lipwright keys list` shows them all.")
    return _key(row)


def all_keys(conn: sa.Connection) -> Sequence[Key]:
    """All keys, oldest first, revoked ones too."""
    return [
        _key(row) for row in conn.execute(sa.select(*_COLUMNS).order_by(t.keys.c.created_us, t.keys.c.id))
    ]


def revoke(conn: sa.Connection, name_or_id: str) -> Key:
    """Take a key back for good. Its jobs go on. Raises NotFoundError; revoking again is fine."""
    key = find(conn, name_or_id)
    conn.execute(
        sa.update(t.keys)
        .where(t.keys.c.id == key.id, t.keys.c.revoked_us.is_(None))
        .values(revoked_us=now_us())
    )
    return find(conn, key.id)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: sa.Row[*tuple[Any, ...]]) -> Key:
    return Key(**{each.name: row._mapping[each.name] for each in fields(Key)})


def _check(
    name: str,
    balance_micro: int | None,
    rate_per_minute: int | None,
    concurrent: int | None,
    priority: int | None,
) -> None:
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidParameterError(
            f"The name of a key is {name!r}, but must be 1 to {LONGEST_NAME} printable characters without "
            "spaces at its ends."
        )
    if balance_micro is not None and balance_micro < 0:
        raise InvalidParameterError(
            f"The balance is {money.dollars(balance_micro)} USD, but must not be below zero."
        )
    for said, value in (("per-minute limit", rate_per_minute), ("concurrent limit", concurrent)):
        if value is not None and value < 1:
            raise InvalidParameterError(f"The {said} is {value}, but must be at least 1.")
    low, high = PRIORITIES
    if priority is not None and not low <= priority <= high:
        raise InvalidParameterError(f"The priority is {priority}, but must be {low} to {high}.")
