"""How a process learns that its supervisor is gone: the end of a pipe whose other end only the supervisor
holds."""

import os
import threading
from collections.abc import Callable

VARIABLE = "LIPWRIGHT_SUPERVISOR"


def watch(on_death: Callable[[], None]) -> None:
    """Call `on_death`, once and from a thread, when the supervisor ends. Without a supervisor do nothing."""
    descriptor = os.environ.pop(VARIABLE, None)  # children of this process are not the supervisor's
    if descriptor is None:
        return

    def wait() -> None:
        while os.read(int(descriptor), 1):
            pass
        on_death()

    threading.Thread(target=wait, daemon=True, name="sentinel").start()
