"""What the processes of a server load: the worker's child alone has torch."""

import subprocess
import sys
from pathlib import Path

import pytest

import lipwright

PACKAGE = Path(lipwright.__file__).parent
HEAVY = {"torch", "diffusers", "transformers", "safetensors"}
EXCEPT = ("worker", "migrations.env")
"""The worker may load them, and Alembic's entry runs only inside of Alembic."""


def loaded_by(statement: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after `statement`."""
    script = f"{statement}\nimport sys\nprint(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def modules() -> list[str]:
    """Dotted names of the service's modules, without the exceptions and the revisions."""
    paths = sorted((PACKAGE / "service").rglob("*.py"))
    names = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths]
    left_out = tuple(f"lipwright.service.{name}" for name in (*EXCEPT, "migrations.versions"))
    return [name for name in names if not name.startswith(left_out)]


@pytest.mark.slow
def test_nothing_but_the_worker_loads_torch() -> None:
    names = modules()
    assert "lipwright.service.predictions" in names
    assert loaded_by("\n".join(f"import {name}" for name in names)) == set()
