"""What surrounds a submit: idempotency, limits, money, webhooks, stopping."""

import threading
from typing import Any

import pytest

from lipwright.service import predictions
from lipwright.service.db import transaction
from lipwright.service.money import MICRO
from service.api.client import INPUTS, SUBMIT, Api, api_of, assert_error

HOOK = "https://example.com/hook"


def webhook_of(api: Api, id: str) -> str | None:
    """The URL that was stored."""
    with api.engine.connect() as conn:
        found = predictions.get(conn, id)
    assert found is not None
    return found.webhook_url


def with_key(api: Api, key: str, body: Any = INPUTS, path: str = SUBMIT) -> Any:
    """The response to a submit under an Idempotency-Key."""
    return api.call("POST", path, json=body, headers={"Idempotency-Key": key})


def test_a_repeated_idempotency_key_gives_the_first_prediction(api: Api) -> None:
    first, again = with_key(api, "k1"), with_key(api, "k1")

    assert api.data(first) == api.data(again)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert api.data(with_key(api, "k2"))["id"] != api.data(first)["id"]
    assert api.data(with_key(api.another(), "k1"))["id"] != api.data(first)["id"]
    assert api.get("predictions")["total"] == 2


def test_an_idempotency_key_is_for_one_body(api: Api) -> None:
    with_key(api, "k")

    assert_error(with_key(api, "k", INPUTS | {"steps": 3}), 409, "Idempotency-Key")
    assert_error(with_key(api, "k", path="/api/v3/lipwright/latentsync"), 409)
    assert_error(with_key(api, "k", path=f"{SUBMIT}?webhook={HOOK}"), 409)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_idempotency_keys_that_cannot_be(api: Api, key: str) -> None:
    assert_error(with_key(api, key), 400, "Idempotency-Key")


def test_many_at_once_under_one_idempotency_key_make_one_prediction(api: Api) -> None:
    answers: list[Any] = []

    def send() -> None:
        answers.append(with_key(api, "same"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # On PostgreSQL two may meet in the unique index; the loser is told to repeat.
    ids = {answer.json()["data"]["id"] for answer in answers if answer.status_code == 200}
    assert len(ids) == 1
    assert all(answer.status_code in (200, 409) for answer in answers)
    assert api.get("predictions")["total"] == 1


@pytest.mark.parametrize("changes", [{"rate_per_minute": 2}])
def test_the_rate_limit_names_the_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lipwright.service.rates.now_us", lambda: 90_000_000)
    api.submit()
    api.submit()

    answer = api.call("POST", SUBMIT, json=INPUTS)

    assert_error(answer, 429, "2 per minute")
    assert answer.headers["retry-after"] == "30"
    assert api_of(api.client, api.engine, api.settings, rate_per_minute=5).submit()["status"] == "created"


@pytest.mark.parametrize("changes", [{"max_queued_per_key": 1}, {"max_queued": 1}])
def test_a_full_queue(api: Api) -> None:
    id = api.submit()["id"]

    answer = api.call("POST", SUBMIT, json=INPUTS)

    assert_error(answer, 429, "unfinished")
    assert int(answer.headers["retry-after"]) > 0
    api.post(f"predictions/{id}/cancel")
    api.submit()


def test_a_short_balance(api: Api) -> None:
    poor = api_of(api.client, api.engine, api.settings, balance_micro=MICRO // 5)
    poor.submit()

    assert_error(poor.call("POST", SUBMIT, json=INPUTS), 402, "Insufficient credits")
    assert poor.get("balance") == {"balance": 0.05, "currency": "USD"}
    assert poor.get("predictions")["total"] == 1


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("webhook=https%3A%2F%2Fexample.com%2Fhook%3Fa%3D1%26b%3D2", f"{HOOK}?a=1&b=2"),
        ("webhook=https://example.com/hook?a=1&b=2", f"{HOOK}?a=1&b=2"),
        ("x=1&webhook=https://example.com/hook", HOOK),
        ("webhook=https%3A%2F%2Fexample.com%2Fhook&x=1", HOOK),
        ("webhook=", None),
        ("nowebhook=https://example.com/hook", None),
    ],
)
def test_webhooks_by_query(api: Api, query: str, wanted: str | None) -> None:
    id = api.post(f"{SUBMIT}?{query}", INPUTS)["id"]

    assert webhook_of(api, id) == wanted


def test_webhooks_by_body_and_that_the_query_wins(api: Api) -> None:
    assert webhook_of(api, api.submit(webhook_url=HOOK)["id"]) == HOOK
    both = api.post(f"{SUBMIT}?webhook={HOOK}", INPUTS | {"webhook_url": "https://example.org/"})
    assert webhook_of(api, both["id"]) == HOOK
    assert "webhook_url" not in both["input"]


def test_a_stopping_server_accepts_nothing_but_still_answers(api: Api) -> None:
    id = api.submit()["id"]
    state = api.client.app.state  # type: ignore[attr-defined]
    state.stopping = lambda: True
    try:
        answer = api.call("POST", SUBMIT, json=INPUTS)
        assert_error(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert api.get(f"predictions/{id}")["id"] == id
    finally:
        state.stopping = lambda: False


def test_nothing_is_left_of_a_refused_submit(api: Api) -> None:
    poor = api_of(api.client, api.engine, api.settings, balance_micro=0)

    assert_error(with_key(poor, "k"), 402)

    with transaction(api.engine) as conn:
        assert predictions.by_idempotency(conn, poor.key.id, "k") is None
