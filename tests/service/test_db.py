"""The database: what SQLite is set to, transactions, sentences for what cannot be opened."""

from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from lipwright.service import tables as t
from lipwright.service.db import database_url, is_sqlite, lost_connection, open_database, transaction
from lipwright.service.errors import DatabaseError
from lipwright.service.settings import Settings, load_settings
from service.accounts import new_key


def pragma(engine: sa.Engine, name: str) -> object:
    with engine.connect() as conn:
        return conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_sqlite_is_durable(tmp_path: Path) -> None:
    engine = open_database(load_settings(data=tmp_path))
    assert (tmp_path / "lipwright.db").exists()
    found = {
        name: pragma(engine, name) for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    engine.dispose()


def test_postgres_waits_for_its_disk(
    postgres_server: object, settings: Settings, database: sa.Engine
) -> None:
    if is_sqlite(database):
        return
    with database.connect() as conn:
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


def test_a_failed_transaction_leaves_nothing(database: sa.Engine) -> None:
    key = new_key(database)
    with pytest.raises(ZeroDivisionError), transaction(database) as conn:
        conn.execute(sa.delete(t.ledger))
        _ = 1 // 0
    with database.connect() as conn:
        assert conn.execute(sa.select(t.ledger.c.key_id)).scalars().all() == [key.id]


def test_what_a_transaction_read_stays_true_until_it_wrote(database: sa.Engine) -> None:
    """Ten threads add one to a number that they read before: with the row locked, none is lost."""
    key = new_key(database, 0)
    together = Barrier(10)

    def add() -> None:
        together.wait()
        with transaction(database) as conn:
            here = sa.select(t.keys.c.balance_micro).where(t.keys.c.id == key.id).with_for_update()
            seen = conn.execute(here).scalar_one()
            conn.execute(sa.update(t.keys).values(balance_micro=seen + 1))

    threads = [Thread(target=add) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.connect() as conn:
        assert conn.execute(sa.select(t.keys.c.balance_micro)).scalar_one() == 10


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "is no URL"),
        ("mysql://localhost/x", "must name PostgreSQL"),
        ("sqlite://", "must name PostgreSQL"),
        ("sqlite:///:memory:", "must name PostgreSQL"),
    ],
)
def test_urls_that_cannot_be(url: str, sentence: str) -> None:
    with pytest.raises(DatabaseError, match=sentence):
        database_url(load_settings(database_url=url))


def test_an_unreachable_server_is_told_without_its_password() -> None:
    settings = load_settings(database_url="postgresql://me:hush@127.0.0.1:1/x")
    with pytest.raises(DatabaseError, match=r"me:\*\*\*@127\.0\.0\.1.*cannot be opened") as caught:
        open_database(settings)
    assert "hush" not in str(caught.value)
    assert lost_connection(caught.value.__cause__)  # type: ignore[arg-type]


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="LIPWRIGHT_DATA"):
        open_database(load_settings(data=tmp_path / "file" / "data"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "lipwright.db").write_bytes(b"this is no database at all, but a text" * 100)
    with pytest.raises(DatabaseError, match="file is not a database"):
        open_database(load_settings(data=tmp_path))
