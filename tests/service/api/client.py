"""A client of the API for its tests."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from starlette.testclient import TestClient

from lipwright.service import keys
from lipwright.service.db import transaction
from lipwright.service.keys import Key
from lipwright.service.settings import Settings

SUBMIT = "/api/v3/bytedance/latentsync"
INPUTS = {"audio": "https://example.com/a.wav", "video": "https://example.com/v.mp4"}


@dataclass
class Api:
    """A client of the app that sends a key with every call."""

    client: TestClient
    engine: sa.Engine
    settings: Settings
    key: Key
    token: str

    def call(self, method: str, path: str, **more: Any) -> Any:
        """The response of a call below /api/v3/ or, with a leading slash, anywhere."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        url = path if path.startswith("/") else f"/api/v3/{path}"
        return self.client.request(method, url, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """`data` of a successful GET."""
        return self.data(self.call("GET", path, **more))

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """`data` of a successful POST of JSON."""
        return self.data(self.call("POST", path, json=body, **more))

    def submit(self, **inputs: Any) -> Any:
        """The prediction of an accepted submit."""
        return self.post(SUBMIT, INPUTS | inputs)

    def another(self) -> "Api":
        """The same server with another key."""
        return api_of(self.client, self.engine, self.settings)

    @staticmethod
    def data(response: Any) -> Any:
        """`data` of the envelope; asserts that it is one of success."""
        assert response.status_code == 200, response.text
        body = response.json()
        assert body["code"] == 200
        assert body["message"] == "success"
        return body["data"]


def api_of(client: TestClient, engine: sa.Engine, settings: Settings, **limits: Any) -> Api:
    """A client with a new key."""
    with transaction(engine) as conn:
        key, token = keys.create(conn, f"key {len(keys.all_keys(conn))}", **limits)
    return Api(client, engine, settings, key, token)


def assert_error(response: Any, status: int, *words: str) -> dict[str, Any]:
    """The body of an error answer, checked to be the documented envelope with these words in its sentence."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert body["code"] == status
    assert body["message"] == body["error"]
    for word in words:
        assert word in body["message"], body["message"]
    return body
