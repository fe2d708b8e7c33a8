"""Bringing the schema up to date, and telling when it is not. Run once before the processes of a server
start.

Only our own tables are touched: DBOS keeps its tables, and the record of its own migrations, in the same
database.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from lipwright.service import tables as t
from lipwright.service.db import is_sqlite, transaction
from lipwright.service.errors import DatabaseError

FOLDER = Path(__file__).resolve().parent / "migrations"
VERSION_TABLE = "lw_version"
ADVISORY_KEY = 0x6C776D69  # "lwmi"; the controller's lock is another one
HEAD = "head"


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to this code's revision; do nothing when it is there.

    Several processes may call it at once: one works, the others wait for it. It is all or nothing. Raises
    DatabaseError when the database is of a newer lipwright.
    """
    with transaction(engine) as conn:
        if not is_sqlite(conn):  # a SQLite transaction has the write lock already
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_KEY)))
        if _at(conn) != _head():
            _refuse_newer(conn)
            command.upgrade(_config(conn), HEAD)


def migrate_if_empty(engine: sa.Engine) -> None:
    """Make the tables of a database that has none; leave any other to `check_schema`."""
    with engine.connect() as conn:
        empty = _at(conn) is None
    if empty:
        migrate(engine)


def check_schema(engine: sa.Engine) -> None:
    """Raise DatabaseError, saying what to do, unless the schema is the one this code was written for."""
    with engine.connect() as conn:
        at = _at(conn)
        if at == _head():
            return
        if at is None:
            raise DatabaseError(f"{_name(conn)} has no tables yet; run `lipwright serve --migrate`.")
        _refuse_newer(conn)
        raise DatabaseError(
            f"{_name(conn)} is older than this lipwright (schema {at}, wanted {_head()}); make a backup, "
            "then run `lipwright serve --migrate`."
        )


def configure(apply: Callable[..., None], conn: sa.Connection) -> None:
    """Alembic's settings: which tables are ours, and where the revision is noted."""
    apply(
        connection=conn,
        target_metadata=t.metadata,
        version_table=VERSION_TABLE,
        include_object=include_object,
        render_as_batch=is_sqlite(conn),
    )


def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Whether Alembic may look at something: only tables with our prefix, and what belongs to them."""
    return kind != "table" or (name is not None and name.startswith(t.PREFIX) and name != VERSION_TABLE)


def draft(engine: sa.Engine, message: str) -> None:
    """Write a new revision that turns the schema of a database at the head into tables.py. For developers."""
    with transaction(engine) as conn:
        command.revision(_config(conn), message, autogenerate=True)


def _config(conn: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(FOLDER))


def _head() -> str:
    head = _scripts().get_current_head()
    assert head is not None
    return head


def _at(conn: sa.Connection) -> str | None:
    """The revision of a database, None for none."""
    found = MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE}).get_current_revision()
    return None if found is None else str(found)


def _refuse_newer(conn: sa.Connection) -> None:
    at = _at(conn)
    if at is not None and at not in {script.revision for script in _scripts().walk_revisions()}:
        raise DatabaseError(
            f"{_name(conn)} is newer than this lipwright (schema {at}, known up to {_head()}); install the "
            "version that made it, or restore a backup."
        )


def _name(conn: sa.Connection) -> str:
    return f"The database {conn.engine.url.render_as_string(hide_password=True)}"
