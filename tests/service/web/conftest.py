"""One browser and one server for all tests of the playground; a fresh tab for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from lipwright.service import keys
from lipwright.service.db import open_database, transaction
from lipwright.service.settings import Settings
from service.server import Server, running_server
from service.web.browser import WIDE, Tab, chromium, new_tab


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the fake renderer: ten steps of 50 ms unless the job asks for other ones."""
    with running_server(tmp_path_factory.mktemp("site"), fake_step_s=0.05) as server:
        yield server


@pytest.fixture
def key(site: Server, request: pytest.FixtureRequest) -> str:
    """A key of this test's own, with ten dollars on it."""
    engine = open_database(Settings(data=site.data))
    try:
        with transaction(engine) as conn:
            _, token = keys.create(conn, request.node.nodeid[-90:], balance_micro=10_000_000)
    finally:
        engine.dispose()
    return token


@pytest.fixture
def tab(browser: Browser, site: Server, key: str) -> Iterator[Tab]:
    """A wide tab; the test fails if anything went wrong in it that the page did not handle."""
    context = browser.new_context(viewport=WIDE)
    tab = new_tab(context, site.url, key)
    yield tab
    context.close()
    assert tab.problems == []
