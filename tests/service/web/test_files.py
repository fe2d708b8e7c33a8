"""The playground's files as they lie there: small, closed, and served so that they stay that way."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lipwright.service import playground
from lipwright.service.settings import Settings

FILES = sorted(path for path in playground.WEB.iterdir() if path.is_file())
MODULES = [path for path in FILES if path.suffix == ".js"]
LONGEST_LINES = 400


class _Inline(HTMLParser):
    """Notes what a strict content policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]


def client(**settings: object) -> TestClient:
    """A client of an app that has nothing but the playground."""
    app = FastAPI()
    playground.mount(app, Settings(**settings))  # type: ignore[arg-type]
    return TestClient(app)


def test_nothing_is_inline() -> None:
    parser = _Inline()
    parser.feed((playground.WEB / "index.html").read_text(encoding="utf-8"))
    assert parser.found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*", path.read_text(encoding="utf-8"))
    # A namespace is a name, and example.com stands in a hint.
    assert [each for each in addresses if "www.w3.org" not in each and "example.com" not in each] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_is_short_and_its_imports_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < LONGEST_LINES
    for names, module in re.findall(r"^import (.+?) from \"\./(.+?)\";", text, re.MULTILINE):
        exported = (playground.WEB / module).read_text(encoding="utf-8")
        for name in re.findall(r"\w+", names) if names.startswith("{") else []:
            assert re.search(rf"^export (?:async )?(?:function|class|const) {name}\b", exported, re.MULTILINE)


def test_no_markup_is_made_from_strings() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path.name for path in MODULES if forbidden.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("where", ["/", "/app.js", "/style.css", "/samples/presenter.mp4"])
def test_every_file_carries_the_policy(where: str) -> None:
    answer = client().get(where)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_results_may_be_read_from_the_store_and_from_nowhere_else() -> None:
    store = {"storage": "s3", "s3_bucket": "b", "s3_endpoint": "https://store.example.com:8333/"}
    policy = client(**store).get("/").headers["content-security-policy"]
    assert "media-src 'self' blob: https://store.example.com:8333;" in policy
    assert "connect-src 'self';" in policy


def test_paths_out_of_the_folder_are_not_served() -> None:
    for path in ("/../playground.py", "/%2e%2e/playground.py", "/samples/../../errors.py", "/..%2fapp.py"):
        assert client().get(path).status_code == 404
