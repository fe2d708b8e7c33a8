"""The set-up script: any python3 can start it, and it finds one that fits."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "setup.py"


@pytest.fixture
def setup() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("setup_tool", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_old_interpreters_can_read_the_script() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))


def test_the_running_python_fits_and_is_found(setup: ModuleType) -> None:
    assert setup.fits(sys.executable)
    assert setup.find_python() == sys.executable


def test_what_is_no_python_does_not_fit(setup: ModuleType, tmp_path: Path) -> None:
    assert not setup.fits(str(tmp_path / "absent"))
    assert not setup.fits("/bin/false")


def test_without_a_python_it_says_what_to_install(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/absent/python")
    with pytest.raises(SystemExit) as end:
        setup.create()
    assert end.value.code == 2
    assert "python3-venv" in capsys.readouterr().err


def test_the_development_tools_come_from_the_project_file(setup: ModuleType) -> None:
    assert any(tool.startswith("pytest") for tool in setup.development_tools())
