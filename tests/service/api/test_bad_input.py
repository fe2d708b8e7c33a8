"""Whatever is sent, the answer is the documented envelope with a sentence, and never a server error."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lipwright.service import keys
from lipwright.service.api.submission import OPTIONS
from lipwright.service.app import create_app
from lipwright.service.db import transaction
from lipwright.service.settings import load_settings
from service.api.client import INPUTS, SUBMIT, Api, assert_error

MIB = 1024 * 1024


def keyed_routes() -> list[tuple[str, str]]:
    """Method and path of every call that asks for a key."""
    paths = create_app(load_settings()).openapi()["paths"]
    found = [(m.upper(), p) for p, methods in paths.items() for m in methods if p.startswith("/api/")]
    return [*sorted(found), ("POST", "/api/v3/no/model"), ("POST", "/api/v2/no/model")]


ROUTES = keyed_routes()


def test_there_are_routes_to_test() -> None:
    assert len(ROUTES) >= 40, ROUTES


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_call_asks_for_a_key_before_anything_else(api: Api, method: str, path: str) -> None:
    url = path.replace("{prediction_id}", "0" * 32)
    for header in (None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic eDp5", "Bearer " + "x" * 5000):
        headers = {} if header is None else {"Authorization": header}
        answer = api.client.request(method, url, headers=headers, content=b"{not json")
        assert_error(answer, 401, "API key")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_says_so(api: Api) -> None:
    with transaction(api.engine) as conn:
        keys.revoke(conn, api.key.id)

    body = assert_error(api.call("GET", "balance"), 403, "revoked")

    assert body["error_code"] == "key_revoked"


def test_errors_below_v2_carry_data_too(api: Api) -> None:
    body = assert_error(api.call("GET", f"/api/v2/predictions/{'0' * 32}/result"), 404)

    assert body["data"] == {"error": "Prediction not found"}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"NaN",
        b'{"audio": NaN}',
        b"\xff\xfe{}",
        b'{"audio": "\\ud800"}',
        b'{"audio": "a\\u0000b"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"steps": ' + b"9" * 5000 + b"}",
        b"audio=https://example.com",
    ],
)
@pytest.mark.parametrize(
    "path", [SUBMIT, "predictions", "predictions/delete", "media/uploads", "model/price"]
)
def test_bodies_that_are_no_json_objects(api: Api, path: str, content: bytes) -> None:
    assert_error(api.call("POST", path, content=content), 400)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "image/png", "text/html"])
def test_content_types_that_are_certainly_wrong(api: Api, kind: str) -> None:
    answer = api.call("POST", SUBMIT, content=b"{}", headers={"Content-Type": kind})

    assert_error(answer, 400, "application/json")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "text/plain", "", "application/x-unknown"]
)
def test_other_content_types_are_read_as_json(api: Api, kind: str) -> None:
    answer = api.call("POST", SUBMIT, content=json.dumps(INPUTS), headers={"Content-Type": kind})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"audio": None}, ["audio is missing"]),
        ({"video": ""}, ["video is missing"]),
        ({"video": 5}, ["video is 5"]),
        ({"video": ["https://example.com/v.mp4"]}, ["video"]),
        ({"video": "clip.mp4"}, ["video is 'clip.mp4'", "URL"]),
        ({"video": "file:///etc/passwd"}, ["URL"]),
        ({"video": "ftp://example.com/v.mp4"}, ["URL"]),
        ({"video": "https://"}, ["URL"]),
        ({"video": "https://[::1"}, ["URL"]),
        ({"video": "https://example.com:99999/"}, ["URL"]),
        ({"video": "https://example.com/a b"}, ["URL"]),
        ({"video": "https://example.com/\r\nX: y"}, ["URL"]),
        ({"video": "https://example.com/" + "a" * 9000}, ["8192"]),
        ({"model": "../../etc"}, ["model is '../../etc'", "tiny"]),
        ({"model": 5}, ["model is 5"]),
        ({"enable_sync_mode": "yes"}, ["enable_sync_mode"]),
        ({"enable_base64_output": 1}, ["enable_base64_output"]),
        ({"webhook_url": "nope"}, ["webhook"]),
        ({"webhook_url": "http://example.com/hook"}, ["https"]),
        ({"webhook_url": 5}, ["webhook_url"]),
        ({"steps": "20"}, ["steps is '20'", "1", "1000"]),
        ({"steps": 0}, ["steps is 0", "from 1 to 1000"]),
        ({"steps": 2.5}, ["steps"]),
        ({"steps": True}, ["steps"]),
        ({"seed": -1}, ["seed is -1"]),
        ({"seed": 10**30}, ["seed"]),
        ({"guidance": 1e400}, ["guidance"]),
        ({"profile": "x" * 10_000}, ["profile", "too long"]),
        ({"profile": {"deep": []}}, ["profile"]),
    ],
)
def test_inputs_that_cannot_be(api: Api, inputs: dict[str, Any], words: list[str]) -> None:
    text = json.dumps(INPUTS | inputs)

    assert_error(api.call("POST", SUBMIT, content=text.replace("Infinity", "1e400")), 400, *words)


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize("knob", OPTIONS, ids=lambda knob: str(knob.name))
def test_every_option_is_checked_by_its_own_range(api: Api, knob: Any) -> None:
    wrong: list[Any] = [[], {}]
    if knob.low is not None:
        wrong.append(int(knob.low) - 1)
    if knob.choices:
        wrong.append("nonsense")
    for value in wrong:
        sentence = assert_error(api.call("POST", SUBMIT, json=INPUTS | {knob.name: value}), 400, knob.name)
        if knob.choices:
            assert all(choice in sentence["message"] for choice in knob.choices)


def test_base64_and_a_webhook_exclude_each_other(api: Api) -> None:
    answer = api.call(
        "POST", f"{SUBMIT}?webhook=https://example.com/hook", json=INPUTS | {"enable_base64_output": True}
    )

    body = assert_error(answer, 400)
    assert body["error"] == (
        "webhook callback does not support base64 output, please use the normal API to use base64 output"
    )


def test_bodies_over_the_limit(api: Api) -> None:
    padding = INPUTS | {"note": "x" * MIB}
    uri = "data:audio/wav;base64," + "A" * (70 * MIB)

    assert_error(api.call("POST", SUBMIT, json=padding), 413, "1048576")
    assert_error(api.call("POST", "predictions", json=padding), 413)
    assert_error(api.call("POST", SUBMIT, json=INPUTS | {"audio": uri}), 413)


def test_an_endless_body_is_cut_off(api: Api) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 20 * MIB:
            sent += 65536
            yield b" " * 65536

    assert_error(api.call("POST", "predictions", content=endless()), 413)


@pytest.mark.parametrize("id", ["x", "%00", "..%2f..", "0" * 31, "0" * 33, "A" * 32, "é" * 32])
def test_ids_that_cannot_be(api: Api, id: str) -> None:
    for method, path in (("GET", f"predictions/{id}"), ("POST", f"predictions/{id}/cancel")):
        assert_error(api.call(method, path), 404)


@pytest.mark.parametrize("model", ["bytedance/latentsync2", "x", "a/b/c", "%00/x", "bytedance/LatentSync"])
def test_unknown_models(api: Api, model: str) -> None:
    assert_error(api.call("POST", f"/api/v3/{model}", json=INPUTS), 404, "model")


def test_unknown_paths_and_methods(api: Api) -> None:
    assert_error(api.call("GET", "/nowhere"), 404, "/docs")
    assert_error(api.call("GET", "/api/v3/nowhere"), 404)
    assert_error(api.call("PATCH", "/api/v3/balance"), 405)
    assert_error(api.call("POST", "/"), 405)


@pytest.mark.parametrize("host", ["evil host", "a/b", "user@host", "", "x" * 300, "host:99999999"])
def test_host_headers_that_would_end_up_in_urls(api: Api, host: str) -> None:
    assert_error(api.call("POST", SUBMIT, json=INPUTS, headers={"Host": host}), 400, "Host")


def test_lists_with_unstorable_text(api: Api) -> None:
    assert_error(api.call("GET", "predictions?model=%00"), 400)
    assert api.call("GET", "predictions?model=%ff").status_code == 200
    assert_error(api.call("GET", "account/billings?billing_type=%00"), 400)
