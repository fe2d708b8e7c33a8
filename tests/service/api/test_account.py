"""Balance, bills, usage, secrets, catalogue, prices, health, metrics, the API page, CORS."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lipwright.service.runfiles import heartbeat_file
from service.api.client import Api, api_of, assert_error
from service.api.test_predictions import complete
from service.fake_renderer import clip

NOW = datetime.now(UTC)


@pytest.mark.parametrize("path", ["balance", "account/balance", "/api/v2/balance"])
def test_the_balance(api: Api, path: str) -> None:
    rich = api_of(api.client, api.engine, api.settings, balance_micro=50_250_000)

    assert rich.get(path) == {"balance": 50.25, "currency": "USD"}
    assert api.get(path)["balance"] == 1_000_000.0  # unlimited


def test_the_webhook_secret_in_both_places(api: Api) -> None:
    body = api.call("GET", "webhook/secret").json()

    assert body["secret"] == body["data"]["secret"] == api.key.webhook_secret
    assert body["secret"].startswith("whsec_")


def test_bills_and_usage_of_a_completed_prediction(api: Api, tmp_path: Path) -> None:
    paying = api_of(api.client, api.engine, api.settings, balance_micro=10_000_000)
    id = paying.submit()["id"]
    complete(paying, id, tmp_path)  # 9.2 s: 10 s are charged

    bills = paying.post("billings/search", {"page": 1, "page_size": 10, "sort": "created_at DESC"})
    charge, grant = bills["items"]
    assert (bills["total"], bills["has_more"]) == (2, False)
    assert (charge["billing_type"], charge["price"], charge["uuid"]) == ("deduct", 0.3, id)
    assert charge["order"]["state"] == "done"
    assert charge["prediction"] == {"uuid": id, "model_uuid": "bytedance/latentsync", "status": "completed"}
    assert (grant["billing_type"], grant["price"], grant["prediction"]["uuid"]) == ("recharge", 10.0, "")
    assert paying.get("account/billings?billing_type=deduct")["items"] == [charge]
    assert paying.post("billings/search", {"prediction_uuids": [id]})["items"] == [charge]
    assert paying.post("billings/search", {"access_key_uuid": api.key.id})["items"] == []
    later = str(int(time.time() * 1000) + 60_000)
    assert paying.post("billings/search", {"start_time": later})["items"] == []
    assert paying.get("balance")["balance"] == 9.7

    span = {
        "start_time": (NOW - timedelta(days=1)).isoformat(),
        "end_time": (NOW + timedelta(hours=1)).isoformat(),
    }
    used = paying.post("user/usage_stats", span)
    assert used["summary"] == {"total_cost": 0.3, "total_requests": 1, "success_requests": 1}
    assert used["per_model_usage"][0]["model_uuid"] == "bytedance/latentsync"
    assert used["daily_usage"][0]["amount"] == 0.3
    by_days = paying.get("account/usage")
    assert by_days["by_model"] == [{"model": "bytedance/latentsync", "requests": 1, "cost": 0.3}]


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({}, "start_time is missing"),
        ({"start_time": "x", "end_time": "y"}, "start_time"),
        ({"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-03-01T00:00:00Z"}, "31 days"),
        ({"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}, "before"),
        ({"start_time": "0001-01-01T00:00:00+14:00", "end_time": "0001-01-02T00:00:00Z"}, ""),
    ],
)
def test_usage_that_cannot_be(api: Api, asked: dict[str, Any], word: str) -> None:
    answer = api.call("POST", "user/usage_stats", json=asked)

    assert answer.status_code in (200, 400)
    if word:
        assert_error(answer, 400, word)


def test_usage_by_days_that_cannot_be(api: Api) -> None:
    assert_error(api.call("GET", "account/usage?start_date=x"), 400, "start_date")
    assert_error(api.call("GET", "account/usage?end_date=0001-01-01"), 400)


def test_the_catalogue(api: Api) -> None:
    entries = api.get("models")

    assert [each["model_id"] for each in entries] == [
        "bytedance/latentsync",
        "wavespeed-ai/latentsync",
        "lipwright/latentsync",
        "lipwright/adapt",
    ]
    adapt = entries[3]["api_schema"]["api_schemas"][0]
    assert adapt["api_path"] == "/api/v3/lipwright/adapt"
    assert adapt["request_schema"]["required"] == ["video"]
    assert "get_duration_v3(video)" in entries[3]["formula"]
    first = entries[0]
    schema = first["api_schema"]["api_schemas"][0]
    assert schema["api_path"] == "/api/v3/bytedance/latentsync"
    assert schema["server"] == "http://lips.test"
    assert schema["request_schema"]["required"] == ["audio", "video"]
    steps = schema["request_schema"]["properties"]["steps"]
    assert (steps["type"], steps["minimum"], steps["maximum"]) == ("integer", 1, 1000)
    assert first["base_price"] == 0.15
    assert first["formula"] == (
        '{"total_price": $max([5, $min([$ceil(get_duration_v3(audio)), 600])]) / 5 * base_price}'
    )


@pytest.mark.parametrize(
    ("inputs", "price"),
    [
        ({}, 0.15),
        (None, 0.15),
        ({"duration": 12}, 0.36),
        ({"duration": 4}, 0.15),
        ({"duration": 3600}, 18.0),
        ({"audio": "https://example.com/a.wav"}, 0.15),
    ],
)
def test_prices(api: Api, inputs: Any, price: float) -> None:
    asked = {"model_id": "bytedance/latentsync", "inputs": inputs}

    assert api.post("model/price", asked) == {
        "model_id": "bytedance/latentsync",
        "price": price,
        "discounted_price": price,
        "discount_rate": 100,
        "currency": "USD",
    }
    assert api.post("model/pricing", asked)["unit_price"] == price


def test_the_price_of_an_uploaded_audio(api: Api) -> None:
    upload = api.data(api.call("POST", "media/upload/binary", files={"file": ("a.mp4", clip(), "video/mp4")}))

    def asked(url: str) -> dict[str, Any]:
        return {"model_id": "bytedance/latentsync", "inputs": {"audio": url}}

    assert api.post("model/price", asked(upload["download_url"]))["price"] == 0.15
    junk = api.data(api.call("POST", "media/upload/binary", files={"file": ("a.wav", b"junk", "audio/wav")}))
    assert_error(api.call("POST", "model/price", json=asked(junk["download_url"])), 400, "audio")


def test_prices_that_cannot_be(api: Api) -> None:
    assert_error(api.call("POST", "model/price", json={"model_id": "x/y"}), 404, "model")
    assert_error(api.call("POST", "model/price", json={}), 400, "model_id is missing")
    for duration in (-1, "x", True, 1e300):
        asked = {"model_id": "bytedance/latentsync", "inputs": {"duration": duration}}
        assert_error(api.call("POST", "model/price", json=asked), 400, "duration")


def test_health(api: Api) -> None:
    assert api.client.get("/healthz").json() == {"status": "ok"}
    beat = heartbeat_file(api.settings)
    beat.unlink(missing_ok=True)
    absent = api.client.get("/readyz")
    assert absent.status_code == 503
    assert absent.json()["controller"] == "The controller has not started."
    beat.parent.mkdir(parents=True, exist_ok=True)
    beat.touch()
    assert api.client.get("/readyz").json() == {
        "status": "ok",
        "database": "ok",
        "schema": "ok",
        "storage": "ok",
        "controller": "ok",
    }
    os.utime(beat, (time.time() - 100, time.time() - 100))
    assert "last seen" in api.client.get("/readyz").json()["controller"]


def test_metrics_without_a_token(api: Api) -> None:
    api.get(f"predictions/{api.submit()['id']}/result")

    text = api.client.get("/metrics").text

    assert 'lipwright_queue_jobs{status="created"}' in text
    polled = 'lipwright_http_requests_total{method="GET",route="/api/v3/predictions/{prediction_id}/result"'
    assert polled in text


@pytest.mark.parametrize("changes", [{"metrics_key": "s3cret"}])
def test_metrics_with_a_token(api: Api) -> None:
    assert_error(api.client.get("/metrics"), 401)
    assert_error(api.client.get("/metrics", headers={"Authorization": "Bearer wrong"}), 401)
    assert api.client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_the_api_page_names_every_path_and_loads_nothing(api: Api) -> None:
    page = api.client.get("/docs")

    document = api.client.get("/openapi.json").json()
    for path in document["paths"]:
        if not path.startswith("/api/v2/"):
            assert path in page.text
    for loading in ("<script", "<link", "src=", "@import", "url("):
        assert loading not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in json.dumps(document)


def test_the_playground_is_served_from_here_alone(api: Api) -> None:
    page = api.client.get("/")

    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "http:" not in policy


def test_no_cors_unless_set(api: Api) -> None:
    answer = api.call("GET", "balance", headers={"Origin": "https://page.example"})

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("changes", [{"cors_origins": "https://page.example"}])
def test_cors_for_the_origins_that_are_set(api: Api) -> None:
    def preflight(origin: str) -> Any:
        asks = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        }
        return api.client.options("/api/v3/predictions", headers=asks)

    allowed = preflight("https://page.example")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://page.example"
    assert "idempotency-key" in allowed.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-origin" not in preflight("https://evil.example").headers
    answer = api.call("GET", "balance", headers={"Origin": "https://page.example"})
    assert answer.headers["access-control-allow-origin"] == "https://page.example"
    refused = api.client.get("/api/v3/balance", headers={"Origin": "https://page.example"})
    assert refused.headers["access-control-allow-origin"] == "https://page.example"  # errors can be read, too
