"""What tests of the service share: settings in a temporary folder, and a migrated database of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dbos import DBOSClient

from lipwright.service import dispatch, workflows
from lipwright.service.db import database_url as url_of
from lipwright.service.db import open_database
from lipwright.service.migrate import migrate
from lipwright.service.settings import PREFIX, Settings, load_settings
from service import postgres

KINDS = ("sqlite", "postgres")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not see the settings of whoever runs them."""
    for name in [*Settings.model_fields, "settings"]:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server for all tests of the run; skips, saying why, where there can be none."""
    reason = postgres.why_not()
    if reason is not None:
        pytest.skip(reason)
    with postgres.running_postgres() as server:
        yield server


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on; every test that uses it runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, removed afterwards."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path}/data/lipwright.db"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a server in a temporary folder, on either database."""
    return load_settings(data=tmp_path / "data", database_url=database_url)


@pytest.fixture
def database(settings: Settings) -> Iterator[sa.Engine]:
    """The migrated database of `settings`."""
    engine = open_database(settings)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def client(database: sa.Engine, settings: Settings) -> Iterator[DBOSClient]:
    """A client of DBOS on the same database, with its tables."""
    workflows.create_tables(url_of(settings))
    client = DBOSClient(system_database_engine=database, application_name=dispatch.APPLICATION)
    yield client
    client.destroy()
