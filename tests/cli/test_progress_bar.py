"""Progress on the terminal."""

import io

from rich.console import Console

from lipwright.cli.progress_bar import PlainLines, progress_listener
from lipwright.progress import Progress, ProgressEvent


def test_a_log_gets_the_ends_and_a_line_now_and_then() -> None:
    stream = io.StringIO()
    now_s = iter([0.0, 1.0, 6.0, 7.0, 10.0])
    lines = PlainLines(stream, clock=lambda: next(now_s))
    for done in (0, 10, 60, 70, 100):
        lines(ProgressEvent("faces", done, 100))
    assert stream.getvalue().splitlines() == [
        "faces: 0/100",
        "faces: 60/100, 10.0/s, 4 s left",
        "faces: 100/100, 10.0/s",
    ]


def test_a_stage_of_unknown_length_has_no_time_left() -> None:
    stream = io.StringIO()
    now_s = iter([0.0, 10.0])
    lines = PlainLines(stream, clock=lambda: next(now_s))
    lines(ProgressEvent("fetch", 0, None))
    lines(ProgressEvent("fetch", 5, None))
    assert stream.getvalue().splitlines() == ["fetch: 0", "fetch: 5, 0.5/s"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars() -> None:
    stream = Terminal()
    assert Console(file=stream).is_terminal
    with progress_listener(stream) as listener:
        progress = Progress(listener)
        progress.start("faces", 2)
        progress.advance("faces", 2)
    assert "faces" in stream.getvalue()
    assert "2/2" in stream.getvalue()


def test_a_pipe_gets_lines() -> None:
    stream = io.StringIO()
    with progress_listener(stream) as listener:
        Progress(listener).start("faces", 2)
    assert stream.getvalue() == "faces: 0/2\n"
