"""Webhooks: signature by the published check values, one attempt against real receivers, the schedule."""

import json
import socket
import time
from pathlib import Path

import pytest

from lipwright.service.guard import Policy
from lipwright.service.predictions import Prediction
from lipwright.service.webhooks import (
    RETRY_AFTER_S,
    deliver,
    next_attempt_us,
    payload,
    signature,
    verify,
)
from service.hostile import answer, certificates, hostile_server, redirect

SECRET = "whsec_e9EE3BdyXSxcB4ZyZUKjQUEoQX4sF9P1+eMpb/KluCM="
ID = "45b392b22c3b449fa935bd4dc"
BODY = (
    b'{"id":"45b392b22c3b449fa935bd4dc","model":"wavespeed-ai/flux-dev","outputs":["https://d2p7pge43lyniu.cloudf'
    b'ront.net/output/18058184-5df8-4d05-9e1b-7ad84c8b963e-u1_9bfd4537-e541-4ad0-a0f6-4812b11a37f1.jpeg"],"urls":'
    b'{"get":"https://api.wavespeed.ai/api/v3/predictions/45b392b22c3b449fa935bd4dc2219dfe/result"},"has_nsfw_con'
    b'tents":[false],"status":"completed","created_at":"2025-09-25T09:12:48.239112031Z","error":"","executionTime'
    b'":6710,"timings":{"inference":6710}}'
)
LOCAL = Policy(allow_private=True, ports=())
NOW_US = 1_758_798_328_000_000
HOUR_US = 3600 * 1_000_000


@pytest.mark.parametrize(
    ("timestamp", "digest"),
    [
        (1758798328, "7a32ef7ef2c0cc05dbf74c9456add530c638730d40b36ecbce282a4251feaba7"),
        (1758802746, "f8b7bf9947e6c9eae9009baa626b1a91202e0103bce66fbcc516195b6a20c7d9"),
    ],
)
def test_the_signature_is_the_documented_one(timestamp: int, digest: str) -> None:
    assert signature(SECRET, ID, timestamp, BODY) == f"v3,{digest}"


def _headers(timestamp: int, secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, ID, timestamp, BODY),
    }


@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_a_receiver_takes_genuine_deliveries_within_300_s(off_s: int) -> None:
    assert verify(SECRET, _headers(1758798328), BODY, 1758798328 + off_s)


@pytest.mark.parametrize("off_s", [-301, 301, 86400])
def test_a_receiver_refuses_old_and_future_ones(off_s: int) -> None:
    assert not verify(SECRET, _headers(1758798328), BODY, 1758798328 + off_s)


def test_a_receiver_refuses_what_was_tampered_with() -> None:
    now = 1758798328
    good = _headers(now)
    assert not verify(SECRET, good, BODY + b" ", now)
    assert not verify("whsec_other", good, BODY, now)
    assert not verify(SECRET, good | {"webhook-id": "other"}, BODY, now)
    assert not verify(SECRET, good | {"webhook-timestamp": str(now + 1)}, BODY, now)
    assert not verify(SECRET, good | {"webhook-timestamp": "now"}, BODY, now)
    assert not verify(SECRET, good | {"webhook-signature": "v3,"}, BODY, now)
    assert not verify(SECRET, good | {"webhook-signature": "v3,é"}, BODY, now)
    assert not verify(SECRET, {}, BODY, now)


def prediction(**values: object) -> Prediction:
    given: dict[str, object] = {
        "id": "0" * 32,
        "key_id": "1" * 32,
        "model": "bytedance/latentsync",
        "bundle": "tiny",
        "kind": "sync",
        "status": "completed",
        "input": {"video": "https://a.example/v.mp4", "audio": "https://a.example/ü.wav"},
        "options": {},
        "webhook_url": "https://hook.example/x",
        "base64": False,
        "base_url": "https://lips.example.com",
        "created_us": NOW_US,
        "finished_us": NOW_US + 5,
        "outputs": ("outputs/00/video.mp4",),
        "inference_ms": 6710,
    }
    return Prediction(**(given | values))  # type: ignore[arg-type]


def test_the_payload_has_the_documented_keys_in_order() -> None:
    body = payload(prediction(), b"secret", 7 * 24 * HOUR_US)
    found = json.loads(body)
    assert list(found) == [
        *("id", "model", "input", "outputs", "urls", "has_nsfw_contents", "status", "created_at", "error"),
        *("executionTime", "timings"),
    ]
    assert found["urls"]["get"].endswith(f"/api/v3/predictions/{'0' * 32}/result")
    (output,) = found["outputs"]
    assert output.startswith("https://lips.example.com/files/outputs/00/video.mp4?expires=")
    assert b"\n" not in body
    assert "ü".encode() in body


def test_a_failed_one_has_no_outputs_and_the_sentence() -> None:
    body = payload(prediction(status="failed", outputs=(), error="No face."), b"secret", HOUR_US)
    found = json.loads(body)
    assert (found["status"], found["outputs"], found["error"]) == ("failed", [], "No face.")


def test_a_delivery_arrives_signed_and_fresh() -> None:
    with hostile_server({"/hook": answer(b"ok")}) as receiver:
        done = deliver(LOCAL, receiver.url("/hook?token=1"), ID, BODY, SECRET, now_us=NOW_US, timeout_s=5)
    assert done.delivered
    assert done.http_status == 200
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert lines[0] == "POST /hook?token=1 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert body == BODY
    assert verify(SECRET, headers, body, NOW_US // 1_000_000 + 20)
    assert not verify(SECRET, headers, body, NOW_US // 1_000_000 + 400)


def test_webhooks_go_over_tls(tmp_path: Path) -> None:
    made = certificates(tmp_path, ["hook.example"])
    with hostile_server({"/hook": answer(status="204 No Content")}, tls=made.server()) as receiver:
        policy = Policy(
            allow_private=True, ports=(), tls=made.trusting, resolve=lambda host, port: ["127.0.0.1"]
        )
        url = receiver.url("/hook", host="hook.example", scheme="https")
        assert deliver(policy, url, ID, BODY, SECRET, now_us=NOW_US, timeout_s=5).http_status == 204


def _drip(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Slow: 1\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("behave", "status", "error"),
    [
        (answer(b"no", status="500 Internal Server Error"), 500, "answered 500"),
        (answer(b"no", status="404 Not Found"), 404, "answered 404"),
        (answer(b"no", status="410 Gone"), 410, "answered 410"),
        (redirect("http://169.254.169.254/"), 302, "redirects are not followed"),
        (redirect("/elsewhere", "307 Temporary Redirect"), 307, "redirects are not followed"),
        (_drip, None, "longer than the 0.5 s"),
    ],
)
def test_other_answers_are_failures(behave: object, status: int | None, error: str) -> None:
    behaviours = {"/hook": behave, "/elsewhere": answer(b"ok")}
    with hostile_server(behaviours) as receiver:  # type: ignore[arg-type]
        done = deliver(LOCAL, receiver.url("/hook"), ID, BODY, SECRET, now_us=NOW_US, timeout_s=0.5)
    assert not done.delivered
    assert done.http_status == status
    assert error in done.error
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://hook.example/", "https URLs only"),
        ("https://127.0.0.1/", "public internet"),
        ("https://169.254.169.254/", "public internet"),
        ("https://user:pw@hook.example/", "name or password"),
        ("https://hook.example:22/", "port 22"),
        ("file:///etc/passwd", "https URLs only"),
        ("nonsense", "https URLs only"),
        ("https://[/", "no plain name|well-formed"),
    ],
)
def test_urls_inside_are_failed_attempts(url: str, error: str) -> None:
    import re

    done = deliver(Policy(), url, ID, BODY, SECRET, now_us=NOW_US, timeout_s=2)
    assert done.http_status is None
    assert re.search(error, done.error)


def test_the_schedule_backs_off_and_ends_after_a_day() -> None:
    waits = []
    now = NOW_US
    attempts = 1
    while (due := next_attempt_us(attempts, NOW_US, now, 24)) is not None:
        waits.append((due - now) // 1_000_000)
        now = due
        attempts += 1
    assert waits[: len(RETRY_AFTER_S)] == list(RETRY_AFTER_S)
    assert waits == sorted(waits)
    assert now - NOW_US <= 24 * HOUR_US < now - NOW_US + 6 * HOUR_US
    assert attempts == 10
