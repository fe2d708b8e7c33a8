"""`lipwright dataset`: what it refuses, each in one sentence, before anything is loaded or written."""

from pathlib import Path

import pytest

from lipwright.cli.edge import run_to_exit_code
from lipwright.cli.main import app


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The sentence with which a command is refused."""
    code = run_to_exit_code(lambda: app([str(argument) for argument in arguments]))
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert code == 2 and len(lines) == 1 and said.out == "", (code, said)
    return lines[0]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((), "holds no video"),
        (("--set", "colour=3"), "the command line has the unknown setting colour"),
        (("--set", "segments.least_s=9"), "segments.least_s is 9, but no clip longer than"),
        (("--config", "absent.toml"), "There is no configuration absent.toml; give a file."),
        (("--shard", "5/4"), "The shard '5/4' is none; write i/n"),
        (
            ("--shard", "1/4", "--ray", "local"),
            "--ray local spreads the work by itself; leave out --shard 1/4",
        ),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], says: str
) -> None:
    (tmp_path / "raw").mkdir()
    sentence = told(capsys, "dataset", "prepare", tmp_path / "raw", tmp_path / "out", *flags)
    assert sentence.startswith("lipwright: ") and says in sentence
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = told(capsys, "dataset", "prepare", tmp_path / "raw", tmp_path / "out")
    assert f"There is no folder {tmp_path / 'raw'}" in sentence
