"""The walls of the house: who imports whom, what a light import loads, the map, the size of files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "lipwright"

LONGEST_FILE_LINES = 400
LONG_FILES: dict[str, str] = {}
"""Files that may be longer, below the root, each with the reason."""

HEAVY = ("torch", "cv2", "av", "diffusers", "transformers", "scipy", "numpy")


def loaded_by(statement: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after `statement`."""
    script = f"{statement}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def modules_of(package: str) -> list[str]:
    """Dotted names of all modules of a subpackage."""
    paths = sorted((PACKAGE / package).rglob("*.py"))
    return [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths]


def test_the_import_rules_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import lipwright; lipwright.SyncOptions; lipwright.LipwrightError") == set()


def test_the_command_line_starts_light() -> None:
    assert loaded_by("import lipwright.cli.main") == set()


@pytest.mark.parametrize("package", ["media", "faces", "presenter"])
def test_pictures_and_sound_need_no_torch(package: str) -> None:
    statement = "\n".join(f"import {name}" for name in modules_of(package))
    assert loaded_by(statement).isdisjoint({"torch", "diffusers", "transformers"})


def test_heavy_libraries_for_networks_load_on_demand_only() -> None:
    statement = "\n".join(f"import {name}" for name in modules_of("weights") + modules_of("pipeline"))
    assert loaded_by(statement).isdisjoint({"diffusers", "transformers"})


def test_every_public_name_resolves() -> None:
    import lipwright

    assert all(getattr(lipwright, name) is not None for name in lipwright.__all__)
    assert set(lipwright.__all__) <= set(dir(lipwright))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = lipwright.no_such_name


def test_init_files_are_empty() -> None:
    full = [
        path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE and path.stat().st_size > 0
    ]
    assert full == []


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("src", "tests", "tools")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE_LINES
    }
    assert set(long) == set(LONG_FILES), f"split these, or give a reason in LONG_FILES: {long}"


def test_the_map_in_the_readme_is_the_tree() -> None:
    block = re.search(r"```text\nsrc/lipwright/\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    mapped = {name for line in block[1].splitlines() for name in re.findall(r"^  ([a-z_]+)/", line)}
    files = {name for line in block[1].splitlines()[:1] for name in re.findall(r"[a-z_]+\.py", line)}
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    own = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    assert mapped == folders
    assert files == own
