"""The database: one engine for SQLite or PostgreSQL, and how a transaction is taken. The only file that knows
drivers.

SQLite (the default) runs in WAL mode with `synchronous=FULL`: a committed row is on the disk. The same engine
is handed to DBOS, which begins some of its transactions itself (`BEGIN IMMEDIATE` as text), so this module
must not begin transactions behind its back: `transaction` says it aloud, everything else stays in the
driver's own mode, in which a read runs by itself and the first write begins.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from lipwright.service.errors import DatabaseError
from lipwright.service.settings import Settings

BUSY_TIMEOUT_MS = 30_000
"""How long SQLite waits for another writer; DBOS uses the same."""
POOL_SIZE = 10
POOL_OVERFLOW = 20


def now_us() -> int:
    """UTC microseconds since the epoch."""
    return time.time_ns() // 1000


def database_url(settings: Settings) -> URL:
    """Where the database is, with the driver filled in. Raises DatabaseError, without the password."""
    if settings.database_url is None:
        return URL.create("sqlite", database=str(settings.sqlite_path))
    try:
        url = make_url(settings.database_url)
    except ArgumentError as error:
        raise DatabaseError(
            "The setting database_url is no URL; write postgresql://user:password@host/name or sqlite:///path."
        ) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database not in (None, "", ":memory:"):
        return url
    raise DatabaseError(
        f"The setting database_url starts with {url.drivername!r}, but must name PostgreSQL "
        "(postgresql://user:password@host/name) or a SQLite file (sqlite:///path)."
    )


def is_sqlite(engine: sa.Engine | sa.Connection) -> bool:
    """Whether this is SQLite; else it is PostgreSQL."""
    return engine.dialect.name == "sqlite"


def open_database(settings: Settings) -> sa.Engine:
    """The engine, after one connection worked. Raises DatabaseError with the reason.

    Dispose of it in the process that opened it; never carry it through a fork.
    """
    url = database_url(settings)
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url)
    try:
        with engine.connect() as conn:
            conn.execute(sa.text("SELECT 1"))
    except DBAPIError as error:
        engine.dispose()
        raise DatabaseError(
            f"The database {url.render_as_string(hide_password=True)} cannot be opened: {_reason(error)}."
        ) from error
    return engine


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection inside one transaction: committed at the end, rolled back by an exception.

    On SQLite it holds the write lock from the start, so what it reads stays true until it commits. On
    PostgreSQL it is READ COMMITTED: guard every write by its WHERE, or lock the row first.
    """
    with engine.begin() as conn:
        if is_sqlite(conn):
            conn.exec_driver_sql("BEGIN IMMEDIATE")
        yield conn


def lost_connection(error: Exception) -> bool:
    """Whether an error of SQLAlchemy means that the database is away, rather than a bug."""
    return isinstance(error, OperationalError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _sqlite(url: URL) -> sa.Engine:
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"The folder {folder} for the database cannot be made: {error.strerror}; set LIPWRIGHT_DATA to a "
            "folder that this user may write to."
        ) from error
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW
    )

    @sa.event.listens_for(engine, "connect")
    def _set(connection: sqlite3.Connection, _record: Any) -> None:
        # As DBOS does on engines of its own: a first write then takes the lock at once instead of upgrading a
        # read, which would fail without waiting.
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _postgres(url: URL) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "keepalives": 1,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": "-c synchronous_commit=on",
        },
    )


def _reason(error: DBAPIError) -> str:
    """The driver's words on one line, without a full stop."""
    return " ".join(str(error.orig).split()).rstrip(".")
