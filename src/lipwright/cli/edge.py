"""The outermost edge of the command line: every error becomes one sentence and an exit code here."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from lipwright.errors import Cancelled, LipwrightError
from lipwright.weights.fetch import cache_folder

TRACEBACK_VARIABLE = "LIPWRIGHT_TRACEBACK"
"""Set it to anything to see where an error came from."""

BUG_EXIT_CODE = 1


def run_to_exit_code(command: Callable[[], object]) -> int:
    """Run `command` and return its exit code, having told stderr in one sentence what went wrong."""
    # PyTorch makes this folder when its compiler is imported, by default in the place for temporary files.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torch"))
    try:
        command()
    except LipwrightError as error:
        return _tell(error, f"lipwright: {error}", error.exit_code)
    except KeyboardInterrupt as error:
        return _tell(error, f"lipwright: {Cancelled()}", Cancelled.exit_code)
    except SystemExit as leaving:  # how the argument parser ends, after its own message
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BrokenPipeError:  # the reader of our output went away (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BUG_EXIT_CODE
    except Exception as error:  # noqa: BLE001 - the edge: nothing above can handle it
        detail = " ".join(str(error).split()) or "no details"
        return _tell(
            error,
            f"lipwright: This is a bug of Lipwright ({type(error).__name__}: {detail}); "
            f"set {TRACEBACK_VARIABLE}=1 to see where.",
            BUG_EXIT_CODE,
        )
    return 0


def _tell(error: BaseException, sentence: str, exit_code: int) -> int:
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    print(sentence, file=sys.stderr)
    return exit_code


@contextmanager
def cancel_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets, for a clean end; a second one kills at once."""
    cancel = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        cancel.set()
        signal.signal(number, signal.SIG_DFL)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
