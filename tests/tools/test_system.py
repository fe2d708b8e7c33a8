"""The script that installs system components for tests: what it says and when it keeps its hands off."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "system.py"


@pytest.fixture
def system() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("system_tool", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_old_interpreters_can_read_the_script() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))


def test_where_nothing_may_be_installed_it_says_what_is_absent(
    system: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system, "POSTGRES_FOLDER", tmp_path)
    system.main()
    said = capsys.readouterr().out
    for name, package in (("PostgreSQL", "postgresql"), ("Chromium", "chromium"), ("Node.js", "npm")):
        line = next(line for line in said.splitlines() if name in line)
        assert "absent" in line
        assert package in line


def test_what_is_there_is_left_alone(
    system: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("initdb", "chromium", "npm"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    system.main()
    assert "absent" not in capsys.readouterr().out


def test_a_failing_installer_is_shown_and_does_not_stop_the_run(
    system: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    system.run(["sh", "-c", "echo no such package; exit 100"], {"PATH": "/usr/bin:/bin"})
    assert "no such package" in capsys.readouterr().err
