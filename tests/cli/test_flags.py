"""Flags are made from the table of options."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from lipwright.cli.flags import with_options
from lipwright.errors import OptionError
from lipwright.options import KNOBS, SyncOptions


def run(*arguments: str) -> tuple[Path, SyncOptions]:
    """Parse `arguments` as a command with flags of the table would."""
    seen: list[tuple[Path, SyncOptions]] = []

    def command(video: Annotated[Path, typer.Argument()], options: SyncOptions) -> None:
        seen.append((video, options))

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(with_options(command))
    outcome = CliRunner().invoke(app, list(arguments))
    if isinstance(outcome.exception, OptionError):
        raise outcome.exception
    assert outcome.exit_code == 0, outcome.output
    return seen[0]


def test_without_flags_the_defaults_hold() -> None:
    assert run("a.mp4") == (Path("a.mp4"), SyncOptions())


def test_flags_set_options() -> None:
    flags = ["--steps", "4", "--guidance", "1.5", "--seed", "0", "--codec", "ffv1", "--force"]
    assert run("a.mp4", *flags)[1] == SyncOptions(steps=4, guidance=1.5, seed=0, codec="ffv1", force=True)


def test_values_outside_their_range_are_refused() -> None:
    with pytest.raises(OptionError, match="crf is 99"):
        run("a.mp4", "--crf", "99")


def test_every_option_is_in_the_help() -> None:
    app = typer.Typer()
    app.command()(with_options(lambda options: None))
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for knob in KNOBS:
        assert f"--{knob.name.replace('_', '-')}" in text
        assert knob.meaning.split(";")[0].rstrip(".") in text
