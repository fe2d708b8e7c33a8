"""Every attack of the table is tried, and blocked."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from lipwright.service import keys, money
from lipwright.service import tables as t
from lipwright.service.check import MediaLimits, check
from lipwright.service.db import open_database, transaction
from lipwright.service.errors import BadMediaError, FetchError
from lipwright.service.fetch import FetchLimits, fetch
from lipwright.service.settings import load_settings
from service.attacks.document import PAGE, page
from service.attacks.table import (
    CONTENT,
    MEDIA,
    SUBMITS,
    TICKETS,
    UPLOADS,
    URLS,
    ApiAttack,
    MediaAttack,
    TicketAttack,
    UploadAttack,
    UrlAttack,
)
from service.hostile import Hostile, answer, hostile_server
from service.internet import PUBLIC, Internet
from service.server import running_server

DOLLARS = 10 * money.MICRO


@pytest.mark.parametrize("row", URLS, ids=lambda row: f"{row.attack}-{row.url[:30]!r}")
def test_urls(row: UrlAttack, tmp_path: Path) -> None:
    with hostile_server({"/a": row.behave if row.behave is not None else answer(b"inside")}) as server:
        internet = Internet(server.port, {"media.example": [list(found) for found in row.addresses]})
        limits = FetchLimits(bytes=1_000_000, total_s=1, stall_s=0.5, redirects=3)
        with pytest.raises(FetchError) as caught:
            fetch(row.url, tmp_path / "video", limits, internet.policy, what="video")
    assert row.expected in str(caught.value)
    assert set(internet.dialled) <= {PUBLIC}
    assert bool(server.requests) == (row.behave is not None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", MEDIA, ids=lambda row: row.attack)
def test_media(row: MediaAttack, tmp_path: Path) -> None:
    limits = MediaLimits(seconds=600, pixels=3840 * 2160, side=4096, fps=120)
    with pytest.raises(BadMediaError) as caught:
        check(row.make(tmp_path), row.kind, limits, timeout_s=60)
    assert row.expected in str(caught.value)


@dataclass
class Victim:
    """A running server with its default limits on where it goes, and one inside whom it must not call."""

    base: str
    token: str
    key_id: str
    engine: sa.Engine
    canary: Hostile

    def submit(self, video: Any) -> tuple[int, dict[str, Any]]:
        if isinstance(video, str):
            video = video.replace("{base}", self.base).replace("{canary}", str(self.canary.port))
        body = {"video": video, "audio": "http://10.0.0.1/a.wav", "webhook_url": "https://10.0.0.1/hook"}
        return self.call("/api/v3/bytedance/latentsync", json.dumps(body).encode())

    def call(self, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(self.base + path, body)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("victim")
    with (
        hostile_server({"/a.mp4": answer(b"inside")}) as canary,
        running_server(folder, allow_private_urls=False) as server,
    ):
        engine = open_database(load_settings(data=server.data))
        with transaction(engine) as conn:
            key, token = keys.create(conn, "attacker", balance_micro=DOLLARS)
        yield Victim(server.url, token, key.id, engine, canary)
        engine.dispose()


@pytest.fixture(scope="module")
def answers(victim: Victim) -> dict[str, tuple[int, dict[str, Any]]]:
    """All submits at once: what was said to each, and for accepted ones the finished prediction."""
    said = {row.attack: victim.submit(row.video) for row in SUBMITS}
    for attack, (status, body) in said.items():
        end = time.monotonic() + 60
        while status == 200 and body["data"]["status"] in ("created", "processing"):
            assert time.monotonic() < end, body
            time.sleep(0.1)
            _, body = victim.call(f"/api/v3/predictions/{body['data']['id']}/result")
            said[attack] = (status, body)
    return said


@pytest.mark.parametrize("row", SUBMITS, ids=lambda row: row.attack)
def test_submits(row: ApiAttack, answers: dict[str, tuple[int, dict[str, Any]]]) -> None:
    status, body = answers[row.attack]
    assert status == row.status, body
    if status == 200:
        assert body["data"]["status"] == "failed"
        assert row.expected in body["data"]["error"]
    else:
        assert body["code"] == status
        assert row.expected in body["message"]
        assert body["error"] == body["message"]


def test_nobody_inside_was_called_and_nothing_was_charged(
    victim: Victim, answers: dict[str, tuple[int, dict[str, Any]]]
) -> None:
    accepted = [body["data"]["id"] for status, body in answers.values() if status == 200]
    with victim.engine.connect() as conn:
        key = keys.by_id(conn, victim.key_id)
        noted = set(conn.execute(sa.select(t.webhooks.c.prediction_id)).scalars())
        delivered = conn.execute(
            sa.select(sa.func.count())
            .select_from(t.deliveries)
            .where(t.deliveries.c.http_status.is_not(None))
        ).scalar_one()
    assert key is not None and key.balance_micro == DOLLARS
    assert noted == set(accepted)
    assert delivered == 0
    assert victim.canary.requests == []


def _send(method: str, url: str, sent: bytes | None, headers: dict[str, str]) -> int:
    """The status of a raw request: the path is sent as it is."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, sent, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.mark.parametrize("row", UPLOADS, ids=lambda row: row.attack)
def test_uploads(row: UploadAttack, victim: Victim) -> None:
    ticket = json.dumps({"filename": "clip.mp4", "size": len(CONTENT), "content_type": "video/mp4"})
    status, body = victim.call("/api/v3/media/uploads", ticket.encode())
    assert status == 200
    upload, download = body["data"]["upload"]["url"], body["data"]["download_url"]
    headers = body["data"]["upload"]["headers"]
    if row.first:
        assert _send("PUT", upload, CONTENT, headers) == 200
    bare, _, query = upload.partition("?")
    url = row.url.format(upload=upload, download=download, bare=bare, base=victim.base, query=query)
    assert _send(row.method, url, row.sent, headers if row.method == "PUT" else {}) in row.statuses
    if row.first:
        with urllib.request.urlopen(download, timeout=30) as response:
            assert response.read() == CONTENT
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    else:
        assert _send("GET", download, None, {}) == 404


@pytest.mark.parametrize("row", TICKETS, ids=lambda row: row.attack)
def test_tickets(row: TicketAttack, victim: Victim) -> None:
    status, body = victim.call("/api/v3/media/uploads", json.dumps(row.body).encode())
    assert status == row.status, body
    assert body["error"] == body["message"]


def test_the_page_is_this_table() -> None:
    assert PAGE.read_text() == page(), "run `python -m service.attacks.document` in tests/"
