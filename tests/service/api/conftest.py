"""The app in this process, on either database, with a key."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lipwright.service.app import create_app
from lipwright.service.db import open_database
from lipwright.service.migrate import migrate
from lipwright.service.settings import load_settings
from service import postgres
from service.api.client import Api, api_of

BASE_URL = "http://lips.test"


@contextmanager
def opened(data: Path, url: str, **changes: Any) -> Iterator[Api]:
    """An app of its own."""
    settings = load_settings(data=data, database_url=url, **changes)
    engine = open_database(settings)
    migrate(engine)
    try:
        with TestClient(create_app(settings), base_url=BASE_URL, raise_server_exceptions=False) as client:
            yield api_of(client, engine, settings)
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def sqlite_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app for all tests: opening one costs more than a test."""
    folder = tmp_path_factory.mktemp("app")
    with opened(folder / "data", f"sqlite:///{folder}/lipwright.db") as app:
        yield app


@pytest.fixture(scope="session")
def postgres_app(tmp_path_factory: pytest.TempPathFactory, postgres_server: postgres.Server) -> Iterator[Api]:
    """The same on PostgreSQL."""
    url = postgres_server.create_database()
    with opened(tmp_path_factory.mktemp("app") / "data", url) as app:
        yield app
    postgres_server.drop_database(url)


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that differ from the defaults; tests parametrise it and then get an app of their own."""
    return {}


@pytest.fixture
def api(
    database_kind: str, changes: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Api]:
    """The app with a key that nobody else uses."""
    if changes:
        with opened(tmp_path / "data", request.getfixturevalue("database_url"), **changes) as own:
            yield own
        return
    app: Api = request.getfixturevalue(f"{database_kind}_app")
    yield app.another()
