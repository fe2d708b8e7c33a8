"""The commands as a user types them."""

import subprocess
import sys
from pathlib import Path

import pytest

from lipwright import __version__


def lipwright(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `python -m lipwright` with these arguments."""
    command = [sys.executable, "-m", "lipwright", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def test_the_version() -> None:
    done = lipwright("--version")
    assert (done.returncode, done.stdout) == (0, f"lipwright {__version__}\n")


def test_the_help_names_every_command() -> None:
    done = lipwright("--help")
    assert done.returncode == 0
    for command in ("sync", "presenter", "demo", "evaluate", "train", "weights", "verify"):
        assert command in done.stdout


def test_an_option_outside_its_range_exits_with_2(tmp_path: Path) -> None:
    done = lipwright("sync", "a.mp4", "b.wav", "-o", "c.mp4", "--crf", "99", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "lipwright: crf is 99, but must be from 0 to 51.\n"


@pytest.mark.parametrize("report", ["missing/report.json", "a.mp4", "old.json"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(report: str, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    done = lipwright("sync", "a.mp4", "b.wav", "-o", "c.mp4", "--report", report, cwd=tmp_path)
    assert done.returncode == 2
    assert "report" in done.stderr
    assert (tmp_path / "old.json").read_text() == "{}"


def test_the_presenter_says_one_thing(tmp_path: Path) -> None:
    done = lipwright("presenter", "-o", "clip.mp4", cwd=tmp_path)
    assert done.returncode == 2
    assert "--text or --audio" in done.stderr


def test_unknown_weights_are_refused_with_the_known_ones() -> None:
    done = lipwright("weights", "pull", "eyes")
    assert done.returncode == 2
    assert done.stderr.startswith("lipwright: No weights are called 'eyes'; known are tiny, latentsync-1.0, ")


def test_the_way_to_the_face_files() -> None:
    done = lipwright("weights", "path", "faces")
    assert done.returncode == 0
    assert (Path(done.stdout.strip()) / "face_landmark.tflite").is_file()
