"""How many requests the API answers, against a bare endpoint of the same framework; and a long waiting line.

    python benchmarks/service_load.py polling submit     # side by side, in turns, a few seconds each
    python benchmarks/service_load.py line --jobs 1000   # order and memory, with a fake renderer

Both servers run as the product's API process does: one uvicorn process, same configuration, sockets on this
machine. The bare endpoint returns a constant of the same size, so the ratio is what keys, database and wire
format cost. Rounds alternate, so that other work on the machine hits both alike; the ratio of each pair of
neighbouring rounds is taken, and the median shown.
"""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import requests

from service.clients.live import Live, Receiver
from service.fake_renderer import clip
from service.server import Server, free_port, running_server, until

BARE = """
import sys, uvicorn
from fastapi import FastAPI, Request, Response
app, body = FastAPI(), open(sys.argv[2], "rb").read()
@app.get("/bare")
async def get(): return Response(body, media_type="application/json")
@app.post("/bare")
async def post(request: Request):
    await request.json()
    return Response(body, media_type="application/json")
uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
"""
INPUTS = {"video": "https://example.com/v.mp4", "audio": "https://example.com/a.wav", "steps": 10}
PATH = "/api/v3/bytedance/latentsync"
WAIT_S = 900


@dataclass(frozen=True)
class Round:
    """What one round of requests measured."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU time of the server per request: the figure that other work on the machine disturbs least."""

    def __str__(self) -> str:
        return (
            f"{self.per_second:8.0f} /s   p50 {self.p50_ms:7.1f} ms   p99 {self.p99_ms:7.1f} ms   "
            f"{self.cpu_us:6.0f} us of CPU each"
        )


class Connection(asyncio.Protocol):
    """Sends one request again and again over one connection, and notes how long each answer took."""

    def __init__(
        self, request: bytes, until_s: float, times: list[float], done: asyncio.Future[None]
    ) -> None:
        self._request = request
        self._until_s = until_s
        self._times = times
        self._done = done
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if b" 200 " not in head[:20]:
            self._fail(f"an answer was not 200: {self._got[:300]!r}")
            return
        self._times.append(time.perf_counter() - self._began)
        self._got = b""
        if time.perf_counter() < self._until_s:
            self._send()
        else:
            self._transport.close()
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio."""
        self._fail(f"a connection was lost: {error}")

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, sentence: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(sentence))


async def load(port: int, pid: int, sent: list[bytes], seconds: float) -> Round:
    """One connection for each request, for so many seconds; `pid` is the server's."""
    spent_s = _cpu_s(pid)
    loop = asyncio.get_running_loop()
    times: list[float] = []
    dones = [loop.create_future() for _ in sent]
    began = time.perf_counter()
    for request, done in zip(sent, dones, strict=True):
        await loop.create_connection(
            lambda r=request, d=done: Connection(r, began + seconds, times, d),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    await asyncio.gather(*dones)
    took = time.perf_counter() - began
    ranked = sorted(times)
    return Round(
        per_second=len(times) / took,
        p50_ms=1000 * ranked[len(ranked) // 2],
        p99_ms=1000 * ranked[int(len(ranked) * 0.99)],
        cpu_us=1e6 * (_cpu_s(pid) - spent_s) / len(times),
    )


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def raw(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """An HTTP request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def running_api(folder: Path) -> Iterator[Live]:
    """The API alone, with a key without a limit."""
    migrating = {**os.environ, "LIPWRIGHT_DATA": str(folder / "data")}
    subprocess.run([sys.executable, "-m", "lipwright", "serve", "--migrate"], env=migrating, check=True)
    limits = {"rate_per_minute": 10**7, "max_queued_per_key": 10**7, "max_queued": 10**7}
    with running_server(folder, role="api", **limits) as server:
        live = Live(server, "", folder, Receiver(""))
        live.key = live.new_key("load")
        yield live


@contextmanager
def running_bare(folder: Path, body: bytes) -> Iterator[tuple[int, int]]:
    """The bare endpoint; its port and process."""
    port = free_port()
    (folder / "body").write_bytes(body)
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port), str(folder / "body")])
    try:
        until("the bare endpoint", lambda: _answers(port))
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        asyncio.run(load(port, os.getpid(), [raw("GET", "/bare", "")], 0))
    except OSError:
        return False
    return True


def side_by_side(name: str, connections: int, rounds: int, seconds: float) -> None:
    """Measure polling or submitting in turns with the bare endpoint, and print it."""
    with tempfile.TemporaryDirectory() as place, running_api(Path(place)) as live:
        submit = raw("POST", PATH, live.key, json.dumps(INPUTS).encode())
        ids = [_submitted(live, submit) for _ in range(connections)]
        answer = _get(live, ids[0])
        ours, bare = [submit] * connections, [submit.replace(PATH.encode(), b"/bare")] * connections
        if name == "polling":
            ours = [raw("GET", f"/api/v3/predictions/{id}/result", live.key) for id in ids]
            bare = [raw("GET", "/bare", live.key)] * connections
        at, (pid,) = live.server.port, live.server.pids("api")
        with running_bare(Path(place), answer) as there:
            pairs = [
                (asyncio.run(load(*there, bare, seconds)), asyncio.run(load(at, pid, ours, seconds)))
                for _ in range(rounds)
            ]
    ratios = [mine.per_second / theirs.per_second for theirs, mine in pairs]
    by_cpu = [theirs.cpu_us / mine.cpu_us for theirs, mine in pairs]
    print(f"{name}, {connections} open connections, {rounds} pairs of {seconds:g} s, {len(answer)} bytes:")
    for theirs, mine in pairs:
        print(f"  bare  {theirs}\n  ours  {mine}")
    for figure, each in (("ratio", ratios), ("by CPU", by_cpu)):
        print(f"  {figure} {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})", flush=True)


def _submitted(live: Live, submit: bytes) -> str:
    return str(json.loads(_exchange(live, submit))["data"]["id"])


def _get(live: Live, id: str) -> bytes:
    return _exchange(live, raw("GET", f"/api/v3/predictions/{id}/result", live.key))


def _exchange(live: Live, request: bytes) -> bytes:
    """The body of the answer to one request."""
    head, _, body = request.partition(b"\r\n\r\n")
    method, path, _ = head.split(b"\r\n")[0].decode().split()
    connection = http.client.HTTPConnection("127.0.0.1", live.server.port, timeout=60)
    connection.request(method, path, body, {"Authorization": f"Bearer {live.key}"})
    answer = connection.getresponse().read()
    connection.close()
    return answer


def line(jobs: int) -> None:
    """Submit many jobs at once, let a fake renderer work them off, and print order and memory."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log = folder / "rendered"
        limits: dict[str, Any] = {
            "fake_log": log,
            "fake_step_s": 0,
            "rate_per_minute": 10**7,
            "max_queued_per_key": 10**7,
            "max_queued": 10**7,
        }
        with running_server(folder, concurrent=64, **limits) as server:
            live = Live(server, "", folder, Receiver(""))
            live.key = live.new_key("line")
            url = _uploaded(live)
            body = json.dumps({"video": url, "audio": url, "steps": 1}).encode()
            submit = raw("POST", PATH, live.key, body)
            began = time.monotonic()
            ids = [_submitted(live, submit) for _ in range(jobs)]
            print(f"{jobs} jobs accepted one after the other in {time.monotonic() - began:.1f} s", flush=True)
            memory = _watched(server, log, jobs)
            rendered = [entry.split()[0] for entry in log.read_text().splitlines()]
            took = time.monotonic() - began
    late = [abs(ids.index(id) - place) for place, id in enumerate(rendered)]
    print(f"{len(rendered)} renders of {len(set(rendered))} jobs in {took:.0f} s")
    print(f"  rendered in their place: {sum(x == 0 for x in late)}; most off by {max(late)}")
    for role, sizes in memory.items():
        quarter = max(1, len(sizes) // 4)
        first, last = statistics.median(sizes[:quarter]), statistics.median(sizes[-quarter:])
        print(
            f"  {role}: {first:.0f} MiB in the first quarter, {last:.0f} in the last, most {max(sizes):.0f}"
        )


def _uploaded(live: Live) -> str:
    files = {"file": ("clip.mp4", clip(), "video/mp4")}
    headers = {"Authorization": f"Bearer {live.key}"}
    answer = requests.post(f"{live.url}/api/v3/media/upload/binary", files=files, headers=headers, timeout=60)
    return str(answer.json()["data"]["download_url"])


def _watched(server: Server, log: Path, jobs: int) -> dict[str, list[float]]:
    """Resident memory in MiB of each role, sampled until all jobs are rendered."""
    memory: dict[str, list[float]] = {"api": [], "controller": [], "worker": []}
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        for role, sizes in memory.items():
            sizes += [_resident_mib(pid) for pid in server.pids(role)[:1]]
        if log.exists() and log.read_text().count("\n") >= jobs:
            break
        time.sleep(2)
    return memory


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["polling", "submit", "line"])
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--jobs", type=int, default=1000)
    given = parser.parse_args()
    for what in given.what:
        if what == "line":
            line(given.jobs)
        else:
            side_by_side(what, given.connections, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
