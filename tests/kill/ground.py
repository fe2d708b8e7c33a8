"""The ground on which servers are killed: a server, a stubborn client, a webhook receiver, and accounts.

What must hold at the end is counted from outside: the answers to submits, what the receiver got, and the
database.
"""

import http.client
import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from lipwright.service import bundles, keys, predictions, signing, webhooks
from lipwright.service import tables as t
from lipwright.service.db import open_database, transaction
from lipwright.service.keys import Key
from lipwright.service.money import MICRO
from lipwright.service.predictions import Prediction
from lipwright.service.settings import Settings, load_settings
from lipwright.service.storage import open_storage
from service.fake_renderer import clip
from service.server import Server, running_server, until

BALANCE_USD = 1000
PATIENCE_S = 120.0
"""How long a client asks again, and how long a job may take to end."""


class Receiver:
    """A webhook receiver that checks signatures and counts deliveries by webhook id."""

    def __init__(self) -> None:
        self.secret = ""
        self.deliveries: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = {}
        self.forged = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.take(headers, body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Note one delivery."""
        if not webhooks.verify(self.secret, headers, body, time.time()):
            self.forged += 1
            return
        name = headers["webhook-id"]
        self.deliveries[name] += 1
        self.bodies.setdefault(name, set()).add(body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class Count:
    """What became of some accepted jobs."""

    accepted: int
    completed: int
    failed: int
    billed: int
    """Jobs with exactly one usage row and a settled order of that amount."""
    webhooks: int
    """Jobs whose receiver got exactly one webhook id with one body."""
    deliveries: int
    """Deliveries in all; more than one of the same id and bytes is allowed."""
    renders: int

    @property
    def good(self) -> bool:
        """Whether every accepted job was completed, billed and announced once."""
        return self.accepted == self.completed == self.billed == self.webhooks


class Ground:
    """A running server and everything needed to watch it."""

    def __init__(self, server: Server, settings: Settings, faults_folder: Path, renders: Path) -> None:
        self.server = server
        self.settings = settings
        self.receiver = Receiver()
        self._faults = faults_folder
        self._renders = renders
        self.engine = open_database(settings)
        with transaction(self.engine) as conn:
            self.key, self.token = self._key(conn)
        self.receiver.secret = self.key.webhook_secret
        self._input = self._stored_input()

    def close(self) -> None:
        """Let go of everything but the server."""
        self.receiver.close()
        self.engine.dispose()

    def submit(self, *, patience_s: float = PATIENCE_S, adapt: bool = False, **options: int) -> str:
        """Submit a job as a stubborn client does: the same request again, until it is answered. Its id.

        adapt: one that learns a person instead of making a video.
        """
        model = "lipwright/adapt" if adapt else "bytedance/latentsync"
        given = {"video": self._input, "audio": self._input, "steps": 6, **options}
        body = json.dumps({"video": self._input} if adapt else given)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        }
        end = time.monotonic() + patience_s
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            try:
                connection.request("POST", f"/api/v3/{model}?webhook={self.receiver.url}", body, headers)
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status == 200:
                    return str(said["data"]["id"])
                assert answer.status >= 500 or answer.status in (409, 429), said
            except (OSError, http.client.HTTPException) as error:
                said = repr(error)
            finally:
                connection.close()
            assert time.monotonic() < end, f"no answer to a submit in {patience_s} s: {said}"
            time.sleep(0.1)

    def arm(self, point: str) -> None:
        """Have the next process that gets there stop at a fault point."""
        (self._faults / f"{point}.armed").touch()

    def wait_reached(self, point: str) -> int:
        """Wait until a process stopped at an armed point; its id."""
        place = self._faults / f"{point}.reached"
        until(f"the point {point}", lambda: place.exists() and place.read_text() != "", 60)
        return int(place.read_text())

    def release(self, point: str) -> None:
        """Let a process that stopped at a point go on, if it lives."""
        (self._faults / f"{point}.reached").unlink(missing_ok=True)

    def kill(self, victim: str) -> None:
        """`kill -9` of a role, or of the whole group, which is then started again."""
        if victim == "group":
            self.server.kill_group()
            self.server.start()
        else:
            self.server.kill(victim)

    def row(self, id: str) -> Prediction:
        """A prediction, from the database."""
        with self.engine.connect() as conn:
            found = predictions.get(conn, id)
        assert found is not None
        return found

    def wait_ended(self, ids: list[str], seconds: float = PATIENCE_S) -> None:
        """Wait until all are finished and announced."""

        def unfinished() -> list[str]:
            return [id for id in ids if not self.row(id).terminal or not self.receiver.deliveries[id]]

        until(f"the end of {unfinished()}", lambda: not unfinished(), seconds)

    def count(self, ids: list[str]) -> Count:
        """What became of these jobs, and of no others."""
        with self.engine.connect() as conn:
            usage = Counter(conn.execute(sa.select(t.usage.c.prediction_id)).scalars())
            orders = {row.prediction_id: row for row in conn.execute(sa.select(t.orders))}
        rows = [self.row(id) for id in ids]
        renders = Counter(line.split()[0] for line in self._lines())
        return Count(
            accepted=len(set(ids)),
            completed=sum(row.status == predictions.COMPLETED for row in rows),
            failed=sum(row.status == predictions.FAILED for row in rows),
            billed=sum(
                usage[row.id] == 1
                and orders[row.id].state == "settled"
                and orders[row.id].amount_micro == row.cost_micro > 0
                for row in rows
            ),
            webhooks=sum(len(self.receiver.bodies.get(id, ())) == 1 for id in ids),
            deliveries=sum(self.receiver.deliveries[id] for id in ids),
            renders=sum(renders[id] for id in ids),
        )

    def personal_bundles(self) -> dict[str, list[str]]:
        """Names of the stored files of each bundle that the key has."""
        storage = open_storage(self.settings)
        with self.engine.connect() as conn:
            return {
                each.id: sorted(file.key.rpartition("/")[2] for file in storage.list(f"bundles/{each.id}"))
                for each in bundles.of_key(conn, self.key.id)
            }

    def balances(self, ids: list[str]) -> None:
        """Assert that nothing exists, was charged or announced beyond these jobs."""
        with self.engine.connect() as conn:
            stored = set(conn.execute(sa.select(t.predictions.c.id)).scalars())
            ledger = conn.execute(
                sa.select(sa.func.sum(t.ledger.c.amount_micro)).where(t.ledger.c.key_id == self.key.id)
            ).scalar_one()
            key = keys.by_id(conn, self.key.id)
        assert key is not None
        cost = sum(self.row(id).cost_micro for id in ids)
        assert stored == set(ids), "a job exists that no client was told of, or the other way round"
        assert key.balance_micro == ledger == BALANCE_USD * MICRO - cost
        assert set(self.receiver.deliveries) == set(ids)
        assert self.receiver.forged == 0
        left = [path.name for path in self.settings.work.iterdir()] if self.settings.work.exists() else []
        assert left == [], f"work folders left behind: {left}"

    def _key(self, conn: sa.Connection) -> tuple[Key, str]:
        return keys.create(conn, "kills", balance_micro=BALANCE_USD * MICRO, rate_per_minute=100_000)

    def _stored_input(self) -> str:
        """URL of a stored clip with sound, good as video and as audio."""
        source = self.settings.data / "clip.mp4"
        source.write_bytes(clip())
        open_storage(self.settings).publish(source, "uploads/kills/clip.mp4", "video/mp4", keep=False)
        secret = signing.url_secret(self.engine)
        return signing.signed_url(
            self.server.url, secret, "uploads/kills/clip.mp4", int(time.time()) + 7 * 86400
        )

    def _lines(self) -> list[str]:
        return self._renders.read_text().splitlines() if self._renders.exists() else []


@contextmanager
def killing_ground(folder: Path, database_url: str | None, **settings: Any) -> Iterator[Ground]:
    """A server with fault points, and its ground."""
    armed = folder / "faults"
    armed.mkdir(parents=True)
    renders = folder / "renders"
    given: dict[str, Any] = {} if database_url is None else {"database_url": database_url}
    seams: dict[str, Any] = {"faults": armed, "fake_log": renders, "fake_step_s": 0.05}
    with running_server(folder, **seams, **given, **settings) as server:
        ground = Ground(server, load_settings(data=server.data, **given), armed, renders)
        try:
            yield ground
        finally:
            ground.close()
