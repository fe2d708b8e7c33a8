"""What a log line holds, and what it must never hold."""

import io
import json
import logging
import sys
from typing import Any

import pytest
import structlog

from lipwright.service import logs

SECRETS = {
    "bearer": ("Authorization: Bearer wsk_AbCdEfGhIjKlMnOp123", "AbCdEfGh"),
    "key": ("the key wsk_0123456789abcdef_-X was refused", "0123456789abcdef"),
    "webhook secret": ("secret whsec_e9EE3BdyXSxcB4ZyZUKjQUEoQX4sF9P1+eMpb/KluCM= used", "e9EE3Bdy"),
    "signature": ("webhook-signature: v3," + "ab12" * 16, "ab12ab12"),
    "signed url": ("GET http://host/files/a.mp4?expires=1&signature=cafebabe", "cafebabe"),
    "path with query": ('"GET /files/uploads/x/v.mp4?expires=17&signature=cafebabe HTTP/1.1"', "cafebabe"),
    "data uri": ("input data:video/mp4;base64,AAAAIGZ0eXBpc29t is long", "AAAAIGZ0"),
    "password": ("postgresql://lips:hunter2@db/lips", "hunter2"),
    "user's query": ("fetching https://cdn.example.com/v.mp4?X-Amz-Credential=AKIA&sig=zzz", "AKIA"),
}


@pytest.mark.parametrize("text, secret", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_are_cut_from_texts_wherever_they_are(text: str, secret: str) -> None:
    """In a text, in a container, and as bytes."""
    assert secret not in logs.redact(text)
    assert secret not in json.dumps(logs.clean({"a": [text, {"b": text.encode()}]}))


@pytest.mark.parametrize(
    "name", ["authorization", "Cookie", "token", "webhook_secret", "api_key", "password"]
)
def test_values_filed_under_a_secret_name_are_cut_whatever_they_look_like(name: str) -> None:
    """`hunter2` looks like nothing."""
    assert logs.clean({"headers": {name: "hunter2"}}) == {"headers": {name: logs.CUT}}


@pytest.mark.parametrize(
    "text",
    ["prediction 0123abcd failed: is it there?", "/data/work/x/video.mp4", "https://example.com/a/b.mp4"],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    """Ids, paths, and URLs without a query."""
    assert logs.redact(text) == text


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Logs configured on a stream; call it for the lines so far. The former configuration comes back."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("info", process="test")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_json_with_the_prediction_and_the_process(lines: Any) -> None:
    """Fields are as given; the id comes from the context."""
    with structlog.contextvars.bound_contextvars(prediction_id="abc"):
        logs.log().info("prepared", seconds=1.5)
    logs.log().debug("below the level")
    (line,) = lines()
    assert line["event"] == "prepared"
    assert (line["prediction_id"], line["seconds"], line["process"], line["level"]) == (
        "abc",
        1.5,
        "test",
        "info",
    )


def test_records_and_tracebacks_of_libraries_take_the_same_way(lines: Any) -> None:
    """An exception's text may hold a secret, too."""
    try:
        raise ValueError("no such key wsk_0123456789abcdef")
    except ValueError:
        logging.getLogger("some.library").exception("request to %s failed", "https://h/p?token=zzz")
    (line,) = lines()
    assert "0123456789abcdef" not in json.dumps(line)
    assert "zzz" not in json.dumps(line)
    assert "ValueError" in line["exception"]
