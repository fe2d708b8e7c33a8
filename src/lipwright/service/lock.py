"""Which controller works: the one that holds the lock. The system frees it when its process dies, however
it dies.

On PostgreSQL it is an advisory lock of a connection that does nothing else, on SQLite `flock` on a file
beside the database.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from lipwright.service.db import is_sqlite
from lipwright.service.errors import DatabaseError

ADVISORY_KEY = 0x6C697077  # "lipw"


class Lock(Protocol):
    """The right to work."""

    def try_acquire(self) -> bool:
        """Take it if it is free. Raises DatabaseError."""
        ...

    def check(self) -> None:
        """Raise DatabaseError when it was lost, or when the database does not answer."""
        ...


def open_lock(engine: sa.Engine) -> Lock:
    """The lock that belongs to a database."""
    if is_sqlite(engine):
        return FileLock(Path(f"{engine.url.database}.controller"), engine)
    return AdvisoryLock(engine)


class FileLock:
    """`flock` on a file that is never removed."""

    def __init__(self, path: Path, engine: sa.Engine) -> None:
        self._descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT, 0o600
        )  # not inherited: children cannot hold it
        self._engine = engine

    def try_acquire(self) -> bool:
        """See Lock."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def check(self) -> None:
        """See Lock: it cannot be lost, so this only asks the database."""
        try:
            with self._engine.connect() as conn:
                conn.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError as error:
            raise DatabaseError(f"The database does not answer: {error.orig}.") from error


class AdvisoryLock:
    """`pg_try_advisory_lock` on a connection of its own; lost with the connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None

    def try_acquire(self) -> bool:
        """See Lock."""
        try:
            if self._connection is None:
                autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
                self._connection = autocommit.connect()
                self._connection.detach()  # never another thread's, never recycled
            taken = self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(ADVISORY_KEY)))
            return bool(taken.scalar_one())
        except sa.exc.DBAPIError as error:
            self._connection = None
            raise DatabaseError(f"The database does not answer: {error.orig}.") from error

    def check(self) -> None:
        """See Lock."""
        assert self._connection is not None
        try:
            self._connection.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError as error:
            raise DatabaseError(f"The connection that held the lock is lost: {error.orig}.") from error
