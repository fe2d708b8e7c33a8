"""`lipwright keys` as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lipwright.cli.edge import run_to_exit_code
from lipwright.cli.main import app
from lipwright.service import keys
from lipwright.service.db import open_database
from lipwright.service.errors import ForbiddenError
from lipwright.service.settings import load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server's data folder, empty."""
    monkeypatch.setenv("LIPWRIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LIPWRIGHT_DATABASE_URL", raising=False)
    monkeypatch.delenv("LIPWRIGHT_SETTINGS", raising=False)
    return tmp_path


def told(*arguments: str) -> Result:
    """What `lipwright keys` prints; it must succeed."""
    return CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence that `lipwright keys` fails with."""
    code = run_to_exit_code(lambda: app(["keys", *arguments], standalone_mode=False))
    captured = capsys.readouterr()
    assert code != 0
    assert captured.out == ""
    return captured.err


def rows() -> list[list[str]]:
    """The list of keys, without its heading."""
    return [line.split("\t") for line in told("list").stdout.splitlines()[1:]]


def recognised(token: str) -> keys.Key:
    """Whose token this is, as the server sees it."""
    engine = open_database(load_settings())
    try:
        with engine.connect() as conn:
            return keys.authenticate(conn, token)
    finally:
        engine.dispose()


def test_create_prints_the_key_alone_on_an_empty_data_folder(home: Path) -> None:
    command = [sys.executable, "-m", "lipwright", "keys", "create", "--name", "Ann"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=dict(os.environ), cwd=home
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wsk_") and done.stdout.count("\n") == 1
    assert "not shown again" in done.stderr and done.stdout.strip() not in done.stderr
    assert recognised(done.stdout.strip()).unlimited


def test_create_takes_limits_and_a_balance() -> None:
    options = ("--balance", "12.50", "--per-minute", "5", "--concurrent", "2", "--priority", "7")
    key = recognised(told("create", "--name", "Ann", *options).stdout.strip())
    assert (key.unlimited, key.balance_micro) == (False, 12_500_000)
    assert (key.rate_per_minute, key.concurrent, key.priority) == (5, 2, 7)
    assert rows()[0][1:6] == ["Ann", "12.500000", "5", "2", "7"]


def test_revoke_by_name_and_by_id() -> None:
    tokens = [told("create", "--name", name).stdout.strip() for name in ("Ann", "Bob")]
    told("revoke", "Ann")
    told("revoke", rows()[1][0])
    assert all(row[-1] != "-" for row in rows())
    for token in tokens:
        with pytest.raises(ForbiddenError, match="revoked"):
            recognised(token)
    told("create", "--name", "Ann")
    assert [row[1] for row in rows()] == ["Ann", "Bob", "Ann"]


def test_grant_adds_and_takes() -> None:
    told("create", "--name", "Ann", "--balance", "1")
    assert told("grant", "Ann", "0.5").stdout == "1.500000\n"
    assert told("grant", "--", "Ann", "-1.5").stdout == "0.000000\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "--name", "Ann"), "A key named 'Ann' exists"),
        (("create", "--name", ""), "must be 1 to 200 printable characters"),
        (("create", "--name", "a\nb"), "must be 1 to 200 printable characters"),
        (("create", "--name", "Bob", "--balance", "much"), "must be US dollars"),
        (("create", "--name", "Bob", "--balance", "nan"), "must be US dollars"),
        (("create", "--name", "Bob", "--balance", "0.0000001"), "must be US dollars"),
        (("create", "--name", "Bob", "--balance=-1"), "must not be below zero"),
        (("create", "--name", "Bob", "--per-minute", "0"), "must be at least 1"),
        (("create", "--name", "Bob", "--priority", "1001"), "must be 1 to 1000"),
        (("revoke", "Carol"), "There is no key 'Carol'"),
        (("grant", "Ann", "5"), "is unlimited"),
        (("grant", "--", "Dora", "-3"), "cannot be taken"),
        (("list", "--settings", "nowhere.toml"), "is not there"),
    ],
)
def test_what_cannot_be_is_told(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told("create", "--name", "Ann")
    told("create", "--name", "Dora", "--balance", "2")
    said = refused(*arguments, capsys=capsys)
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("missing", ["sqlalchemy", "pydantic_settings", "alembic"])
def test_without_the_extra_it_names_what_to_install(missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; from lipwright.cli.main import run; run()"
    command = [sys.executable, "-c", script, "keys", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 1
    assert done.stderr == "lipwright: The service needs an extra: pip install 'lipwright[serve]'.\n"
