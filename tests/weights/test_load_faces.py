import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lipwright.errors import WeightsError
from lipwright.weights.load_faces import load_faces, load_points


def test_the_default_reader_reads() -> None:
    assert load_faces().read(np.zeros((64, 64, 3), np.uint8), []) == []


def test_the_optional_reader_s_files_are_looked_for_where_its_library_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ModuleType("insightface.app")
    app.__dict__["FaceAnalysis"] = None
    monkeypatch.setitem(sys.modules, "insightface", ModuleType("insightface"))
    monkeypatch.setitem(sys.modules, "insightface.app", app)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(WeightsError) as refused:
        load_points()
    assert str(tmp_path / ".insightface" / "models" / "buffalo_l") in str(refused.value)
