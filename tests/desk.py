"""A desk to run commands at, and a look at what they leave on it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lipwright.cli.edge import run_to_exit_code
from lipwright.cli.main import app

PROGRESS = re.compile(r"(track|lip-sync): \d+")
Files = dict[Path, bytes]


@dataclass
class Desk:
    """A folder with what a user has, an empty place for outputs, and an empty folder for temporary files."""

    inputs: Path
    outputs: Path
    temp: Path
    capsys: pytest.CaptureFixture[str]
    model: Path

    @property
    def out(self) -> Path:
        return self.outputs / "out.mp4"

    def files(self) -> Files:
        """Every file and its bytes."""
        found = {}
        for folder in (self.inputs, self.outputs, self.temp):
            for path in folder.rglob("*"):
                found[path] = path.read_bytes() if path.is_file() else b""
        return found

    def run(self, *arguments: object) -> tuple[int, list[str], list[str]]:
        """Exit code, lines on stdout, lines on stderr without progress."""
        code = run_to_exit_code(lambda: app([str(argument) for argument in arguments]))
        said = self.capsys.readouterr()
        return code, said.out.splitlines(), self.sentences(said.err)

    def sync(self, video: Path, audio: Path, *flags: object) -> tuple[int, list[str], list[str]]:
        report = ("--report", self.outputs / "report.json")
        model = () if "--model" in flags else ("--model", self.model)
        return self.run("sync", video, audio, "-o", self.out, *model, *report, "--device", "cpu", *flags)

    def refused(self, *words: str, run: Callable[[], tuple[int, list[str], list[str]]]) -> str:
        """Check that `run` is refused in one sentence with these words, and that it leaves no trace."""
        before = self.files()
        code, out, told = run()
        assert len(told) == 1, told
        (sentence,) = told
        assert sentence.startswith("lipwright: ") and sentence.endswith(".")
        assert "bug" not in sentence and "Traceback" not in sentence
        for word in words:
            assert word in sentence
        assert code == 2
        assert out == []
        assert self.files() == before
        return sentence

    def started(
        self, *arguments: object, limits: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        """A real `lipwright` in a process of its own; `limits` is called in it first."""
        # What this process has from PyTorch must not hide what that one would leave in temp.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TORCH")}
        environment["TMPDIR"] = str(self.temp)
        return subprocess.Popen(
            [sys.executable, "-m", "lipwright", *(str(argument) for argument in arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=limits,
        )

    @staticmethod
    def sentences(stderr: str) -> list[str]:
        """Lines of stderr without progress."""
        return [line for line in stderr.splitlines() if not PROGRESS.match(line)]
