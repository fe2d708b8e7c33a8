"""Migrations: the schema they make, two first launches at once, databases that are too old or too new."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from lipwright.service import tables as t
from lipwright.service.db import is_sqlite, open_database, transaction
from lipwright.service.errors import DatabaseError
from lipwright.service.migrate import VERSION_TABLE, check_schema, include_object, migrate
from lipwright.service.settings import Settings

LAUNCH = """
import sys
from lipwright.service.db import open_database
from lipwright.service.migrate import check_schema, migrate
from lipwright.service.settings import load_settings
engine = open_database(load_settings())
migrate(engine)
check_schema(engine)
"""


def set_version(engine: sa.Engine, version: str) -> None:
    """Pretend that the database has this revision."""
    with transaction(engine) as conn:
        conn.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = :version"), {"version": version})


def test_migrations_make_the_tables_of_the_code(database: sa.Engine) -> None:
    with transaction(database) as conn:
        # A stranger in the same database, as DBOS's tables are.
        conn.execute(sa.text("CREATE TABLE workflow_status (id INTEGER)"))
    with database.connect() as conn:
        context = MigrationContext.configure(
            conn, opts={"version_table": VERSION_TABLE, "include_object": include_object}
        )
        assert compare_metadata(context, t.metadata) == []


def test_the_constraints_are_in_force(database: sa.Engine) -> None:
    insert = sa.insert(t.keys).values(
        id="0" * 32, name="a", token_sha256="b", webhook_secret="c", unlimited=False, balance_micro=-1,
        created_us=0,
    )  # fmt: skip
    with pytest.raises(sa.exc.IntegrityError, match="not_overdrawn"), transaction(database) as conn:
        conn.execute(insert)


def test_migrating_again_changes_nothing(database: sa.Engine) -> None:
    migrate(database)
    check_schema(database)


@pytest.mark.slow
def test_first_launches_at_once_all_work(settings: Settings, tmp_path: Path) -> None:
    environment = {
        "LIPWRIGHT_DATA": str(tmp_path / "data"),
        "LIPWRIGHT_DATABASE_URL": str(settings.database_url),
    }
    launches = [
        subprocess.Popen([sys.executable, "-c", LAUNCH], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [launch.communicate()[1] for launch in launches]
    assert [launch.returncode for launch in launches] == [0, 0, 0], said


def test_an_empty_database_is_told(settings: Settings) -> None:
    engine = open_database(settings)
    with pytest.raises(DatabaseError, match="no tables yet; run `lipwright serve --migrate`"):
        check_schema(engine)
    engine.dispose()


def test_a_newer_database_is_told_and_left_alone(database: sa.Engine) -> None:
    set_version(database, "9999")
    with pytest.raises(DatabaseError, match="newer than this lipwright"):
        check_schema(database)
    with pytest.raises(DatabaseError, match="newer than this lipwright"):
        migrate(database)


def test_an_older_database_is_told(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.service.migrate._head", lambda: "9999")
    with pytest.raises(DatabaseError, match="older than this lipwright"):
        check_schema(database)


def test_a_failed_migration_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_database(settings)

    def upgrade_and_break(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise RuntimeError("the power is gone")

    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", upgrade_and_break)
    with pytest.raises(RuntimeError):
        migrate(engine)
    assert sa.inspect(engine).get_table_names() == []
    monkeypatch.undo()
    migrate(engine)
    assert is_sqlite(engine) or sa.inspect(engine).has_table("lw_keys")
    engine.dispose()
