"""`lipwright webhooks`: the list and a replay, against a database and a receiver."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from lipwright.service.db import open_database
from lipwright.service.migrate import migrate
from lipwright.service.outbox import attempt
from lipwright.service.settings import Settings, load_settings
from service.accounts import finished, new_key
from service.hostile import answer, hostile_server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "data", allow_private_urls=True)


@pytest.fixture
def database(settings: Settings) -> Iterator[sa.Engine]:
    engine = open_database(settings)
    migrate(engine)
    yield engine
    engine.dispose()


def webhooks(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"LIPWRIGHT_DATA": str(settings.data), "LIPWRIGHT_ALLOW_PRIVATE_URLS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "lipwright", "webhooks", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | own,
    )


def test_list_and_replay(settings: Settings, database: sa.Engine) -> None:
    key = new_key(database)
    with hostile_server({"/hook": answer(status="500 Oh")}) as receiver:
        done = finished(database, key, webhook_url=receiver.url("/hook?token=secret"))
        attempt(database, settings, done.id)
        failed = webhooks(settings, "replay", done.id)
    assert failed.returncode == 1
    assert "answered 500" in failed.stderr
    listed = webhooks(settings, "list", "--state", "pending")
    assert listed.returncode == 0, listed.stderr
    header, row = listed.stdout.splitlines()
    assert header.startswith("prediction\tstate")
    assert row.split("\t")[:4] == [done.id, "pending", "2", "500"]
    assert "secret" not in listed.stdout
    with hostile_server({"/hook": answer(b"ok")}) as receiver:
        again = finished(database, key, webhook_url=receiver.url("/hook"))
        sent = webhooks(settings, "replay", again.id)
        assert sent.returncode == 0, sent.stderr
        assert sent.stdout.startswith("delivered: the receiver answered 200")
        assert len(receiver.requests) == 1


def test_an_unknown_prediction_is_a_sentence(settings: Settings, database: sa.Engine) -> None:
    said = webhooks(settings, "replay", "0" * 32)
    assert said.returncode == 1
    assert "has no webhook" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_database_without_tables_is_a_sentence(settings: Settings) -> None:
    said = webhooks(settings, "list")
    assert said.returncode == 1
    assert "migrate" in said.stderr
