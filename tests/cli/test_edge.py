"""The edge: every error ends as one sentence on stderr and an exit code."""

import os
import signal
import sys

import pytest

from lipwright.cli.edge import BUG_EXIT_CODE, cancel_on_interrupt, run_to_exit_code
from lipwright.errors import Cancelled, LipwrightError, MediaError


def raising(error: BaseException) -> int:
    def command() -> None:
        raise error

    return run_to_exit_code(command)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (MediaError("clip.mp4 has no video stream; give a video."), 2),
        (LipwrightError("The worker stopped."), 1),
        (Cancelled(), 130),
        (KeyboardInterrupt(), 130),
        (ValueError("two\nlines"), BUG_EXIT_CODE),
    ],
)
def test_an_error_is_one_line(
    error: BaseException, exit_code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIPWRIGHT_TRACEBACK", raising=False)
    assert raising(error) == exit_code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("lipwright: ")
    assert told.err.count("\n") == 1


def test_where_it_came_from_is_shown_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIPWRIGHT_TRACEBACK", "1")
    raising(ValueError("deep down"))
    assert "Traceback" in capsys.readouterr().err


def test_success_and_the_parsers_own_ends_pass_through() -> None:
    assert run_to_exit_code(lambda: None) == 0
    assert run_to_exit_code(lambda: sys.exit(2)) == 2
    assert run_to_exit_code(lambda: sys.exit()) == 0


@pytest.mark.skipif(os.name == "nt", reason="signals cannot be sent to oneself there")
def test_the_first_interrupt_cancels_and_the_second_would_kill() -> None:
    before = signal.getsignal(signal.SIGINT)
    with cancel_on_interrupt() as cancel:
        assert not cancel.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(5)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == before
