"""A desk for each test of the command line."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk import Desk


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path
) -> Iterator[Desk]:
    folders = [tmp_path / name for name in ("inputs", "outputs", "temp")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folders[2]))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("LIPWRIGHT_TRACEBACK", raising=False)
    inputs, outputs, temp = folders
    yield Desk(inputs, outputs, temp, capsys, tiny_bundle)
    monkeypatch.setattr(tempfile, "tempdir", None)
