"""Recorded sets of the public code: the selection that ships with the package."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.verify.run import shipped_folder

FOLDER = shipped_folder()
MANIFESTS = Path(__file__).parent.parent / "data" / "golden" / "checkpoints.json.gz"

Golden = Callable[[str], tuple[dict[str, Any], dict[str, NDArray[Any]]]]


@pytest.fixture(scope="session")
def golden() -> Golden:
    """name -> (settings, arrays) of a set."""

    def load(name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        with np.load(FOLDER / f"{name}.npz") as arrays:
            return json.loads((FOLDER / f"{name}.json").read_text()), dict(arrays)

    return load


@pytest.fixture(scope="session")
def checkpoints() -> dict[str, Any]:
    """Released file -> its settings and the shape of every tensor in it."""
    contents: dict[str, Any] = json.loads(gzip.decompress(MANIFESTS.read_bytes()))
    return contents
