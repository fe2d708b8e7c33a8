"""A job from URLs to its webhook, through a running server: fetched, checked, rendered, announced, signed."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lipwright.service import keys
from lipwright.service.db import open_database, transaction
from lipwright.service.settings import load_settings
from lipwright.service.webhooks import verify
from service.fake_renderer import clip
from service.hostile import answer, hostile_server
from service.server import running_server, until


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_jobs_are_fetched_and_announced(tmp_path: Path) -> None:
    behaviours = {
        "/clip.mp4": answer(clip(), headers=["Content-Type: text/plain"]),
        "/page.mp4": answer(b"<html>gone</html>", headers=["Content-Type: video/mp4"]),
        "/hook": answer(b"ok"),
    }
    with hostile_server(behaviours) as world, running_server(tmp_path) as server:
        engine = open_database(load_settings(data=server.data))
        with transaction(engine) as conn:
            key, token = keys.create(conn, "somebody")
        engine.dispose()

        def submit(video: str) -> str:
            body = {
                "video": world.url(video),
                "audio": world.url("/clip.mp4"),
                "webhook_url": world.url("/hook"),
            }
            request = urllib.request.Request(
                f"{server.url}/api/v3/bytedance/latentsync",
                json.dumps(body).encode(),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as response:
                return str(json.load(response)["data"]["id"])

        def hooks() -> list[bytes]:
            return [request for request in world.requests if request.startswith(b"POST /hook")]

        good, bad = submit("/clip.mp4"), submit("/page.mp4")
        until("both webhooks", lambda: len(hooks()) == 2, 60)
        announced: dict[str, Any] = {}
        for request in hooks():
            head, _, content = request.partition(b"\r\n\r\n")
            lines = head.decode("ascii").split("\r\n")[1:]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            assert verify(key.webhook_secret, headers, content, time.time())
            announced[headers["webhook-id"]] = json.loads(content)
        assert announced.keys() == {good, bad}
        assert announced[good]["status"] == "completed"
        with urllib.request.urlopen(announced[good]["outputs"][0], timeout=30) as response:
            assert response.read() == clip()
        assert announced[bad]["status"] == "failed"
        assert announced[bad]["outputs"] == []
        assert "what came is a web page" in announced[bad]["error"]
