"""How the controller and a render worker speak: JSON messages over a pair of sockets.

The controller sends `render` and `cancel`; the worker answers `ready` once, then for each job `begun`, any
number of `progress`, and one of `done`, `refused`, `cancelled`, `broke`. An end of file is the death of the
other side.
"""

import json
import threading
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

RENDER = "render"
CANCEL = "cancel"
READY = "ready"
BEGUN = "begun"
PROGRESS = "progress"
DONE = "done"
REFUSED = "refused"
CANCELLED = "cancelled"
BROKE = "broke"


class ChannelClosed(Exception):
    """The other process ended."""


@dataclass(frozen=True)
class RenderJob:
    """What a worker is asked to do. All paths are private to this attempt."""

    id: str
    bundle: str
    video: str
    audio: str
    out: str
    """Where the video goes, an .mp4 that does not exist yet, or a personal bundle, a folder that does not."""
    report: str
    """Where the report goes, as JSON."""
    options: dict[str, Any]
    """Options of the job by their names in options.py, of an adapt job in adapt/options.py."""
    adapt: bool = False
    """Whether to learn the person in the video: then there is no audio, and `out` is the bundle's folder."""
    person: str | None = None
    """The folder of a personal bundle, when `bundle` is the id of one."""


@dataclass(frozen=True)
class Rendered:
    """What a worker made."""

    output_s: float
    """Seconds of the output video, or of the clip that was learned from."""
    inference_ms: int = 0
    """Milliseconds that the renderer took."""
    nsfw: tuple[bool, ...] = ()
    """Findings of the safety check, one per output; empty when there is none."""

    def to_json(self) -> str:
        """For the file that marks a finished render."""
        return json.dumps(asdict(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Rendered":
        """From `to_json`'s object."""
        return cls(
            output_s=float(values["output_s"]),
            inference_ms=int(values["inference_ms"]),
            nsfw=tuple(bool(found) for found in values["nsfw"]),
        )

    @classmethod
    def read(cls, file: Path) -> "Rendered":
        """From a file of `to_json`."""
        return cls.from_dict(json.loads(file.read_text()))


class Channel:
    """One end. Any thread may send; one thread receives."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection = connection
        self._sending = threading.Lock()

    @classmethod
    def of(cls, descriptor: int) -> "Channel":
        """The end behind an inherited file descriptor."""
        return cls(Connection(descriptor))

    def send(self, kind: str, **values: Any) -> None:
        """Send one message. Raises ChannelClosed."""
        try:
            with self._sending:
                self._connection.send_bytes(json.dumps({"kind": kind, **values}).encode())
        except OSError as error:
            raise ChannelClosed from error

    def receive(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """The next message; None when none came in time. Raises ChannelClosed."""
        try:
            if timeout_s is not None and not self._connection.poll(timeout_s):
                return None
            return cast("dict[str, Any]", json.loads(self._connection.recv_bytes()))
        except (EOFError, OSError) as error:
            raise ChannelClosed from error

    def close(self) -> None:
        """Let go of this end."""
        self._connection.close()
