"""The app in this process, on either database, with a key."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


class Apps:
    """One app for each kind of database, opened when it is first needed: opening one costs more than a test."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest, stack: ExitStack) -> None:
        self._folder = folder
        self._request = request
        self._stack = stack
        self._open: dict[str, Api] = {}

    def of(self, kind: str) -> Api:
        """The app on this kind of database, with its first key."""
        if kind not in self._open:
            folder = self._folder / kind
            url = f"sqlite:///{folder}/lipwright.db"
            if kind == "postgres":
                server: postgres.Server = self._request.getfixturevalue("postgres_server")
                url = server.create_database()
                self._stack.callback(server.drop_database, url)
            self._open[kind] = self._stack.enter_context(opened(folder / "data", url))
        return self._open[kind]


@pytest.fixture(scope="session")
def apps(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Apps]:
    """The shared apps."""
    with ExitStack() as stack:
        yield Apps(tmp_path_factory.mktemp("apps"), request, stack)


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
    apps: Apps = request.getfixturevalue("apps")
    yield apps.of(database_kind).another()
