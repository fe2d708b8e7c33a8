"""The settings in docs/operate.md are the settings in the code."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from lipwright.service.settings import PREFIX, Settings

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "settings_table.py"


@pytest.fixture
def tool() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("settings_table", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_document_is_in_step_with_the_code(tool: ModuleType) -> None:
    text = tool.DOCUMENT.read_text(encoding="utf-8")
    assert text == tool.with_tables(text), "run `python tools/settings_table.py`"


def test_every_setting_has_its_row(tool: ModuleType) -> None:
    written = tool.tables()
    for name in Settings.model_fields:
        assert written.count(f"| `{PREFIX}{name.upper()}` |") == 1
