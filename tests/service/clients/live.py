"""A running server, seen from its clients: a key, a clip, and the list of calls that were made."""

import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from service.fake_renderer import clip
from service.server import Server, running_server, until

MODEL = "bytedance/latentsync"
ADAPT = "lipwright/adapt"
NO_FACE = 404
"""Seed with which the fake renderer finds no face."""


@dataclass
class Receiver:
    """A webhook receiver: headers and body of every delivery."""

    url: str
    deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def of(self, prediction_id: str) -> tuple[dict[str, str], bytes]:
        """The delivery for a prediction, once it is there."""

        def found() -> list[tuple[dict[str, str], bytes]]:
            return [each for each in self.deliveries if each[0].get("webhook-id") == prediction_id]

        until("the webhook", lambda: bool(found()))
        return found()[0]


@dataclass
class Live:
    """A running server with a key."""

    server: Server
    key: str
    clip: Path
    receiver: Receiver

    @property
    def url(self) -> str:
        """Its base URL."""
        return self.server.url

    def new_key(self, name: str, *options: str) -> str:
        """A key, made as an operator does."""
        command = [sys.executable, "-m", "lipwright", "keys", "create", "--name", name, *options]
        done = subprocess.run(
            command, env=self.server.environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def _all_written(self) -> str:
        """Wait until the calls so far are in the log. A line is written after its answer was sent; one more
        request, whose path is returned, says when all are there.
        """
        mark = f"/{uuid4().hex}/"
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(self.url + mark)
        until("the log", lambda: mark.encode() in self.server.log.read_bytes())
        return mark

    @contextmanager
    def recorded(self) -> Iterator[list[str]]:
        """The calls made in the block, in order and once each: `GET /api/v3/predictions/{id}/result 200`."""
        self._all_written()
        start = self.server.log.stat().st_size
        calls: list[str] = []
        yield calls
        mark = self._all_written()
        for line in self.server.log.read_bytes()[start:].decode().splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            if said.get("event") == "request" and said["path"] not in ("/healthz", mark):
                path = re.sub(r"[0-9a-f]{32}", "{id}", said["path"])
                call = f"{said['method']} {path} {said['status']}"
                calls += [] if call in calls else [call]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A webhook receiver on this machine."""
    deliveries: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            deliveries.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests look at what came."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", deliveries)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Live]:
    """A server with a key, an mp4 to upload, and a receiver that it may reach."""
    with running_receiver() as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        given: dict[str, Any] = {"log_level": "debug", "url_ports": f"80,443,{port}", **settings}
        with running_server(folder, **given) as server:
            path = folder / "clip.mp4"
            path.write_bytes(clip())
            live = Live(server, "", path, receiver)
            live.key = live.new_key("live")
            yield live
