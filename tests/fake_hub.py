"""A model hub on this machine: real HTTP, real files, and the faults that happen to people."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PATH = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_SPAN = re.compile(r"bytes=(\d+)-")


@dataclass
class FakeHub:
    """What the hub holds and how it behaves. `asked`: method, path and first byte of each request."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_after: int | None = None
    """Bytes of one answer after which the connection is dropped."""
    cuts: int = 1
    """How many answers are cut."""
    wrong_bytes: bool = False
    """Send other bytes than those whose sum is announced."""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def _answer(self, *, with_body: bool) -> None:
        hub, found = self.hub, _PATH.fullmatch(self.path)
        span = _SPAN.match(self.headers.get("Range") or "")
        first = int(span[1]) if span else 0
        hub.asked.append((self.command, self.path, first))
        repo = found["repo"] if found else ""
        content = hub.files.get((repo, found["file"])) if found else None
        if repo in hub.gated:
            return self._refuse(403, "GatedRepo")
        if not any(known == repo for known, _ in hub.files):
            return self._refuse(404, "RepoNotFound")
        if content is None:
            return self._refuse(404, "EntryNotFound")
        self.send_response(206 if first else 200)
        self.send_header("X-Repo-Commit", hashlib.sha1(content).hexdigest())
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            self._send(content, first)
        return None

    def _send(self, content: bytes, first: int) -> None:
        hub = self.hub
        body = content[first:]
        if hub.wrong_bytes:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if hub.cut_after is not None and hub.cuts > 0 and len(body) > hub.cut_after:
            hub.cuts -= 1
            self.wfile.write(body[: hub.cut_after])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Run the hub on a free port of this machine; `hub.url` is where."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
