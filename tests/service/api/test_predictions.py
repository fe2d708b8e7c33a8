"""Submitting, polling, listing, deleting, cancelling."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lipwright.service import predictions
from lipwright.service.db import transaction
from lipwright.service.predictions import Outcome
from lipwright.service.storage import open_storage
from service import accounts
from service.api.client import INPUTS, SUBMIT, Api, assert_error

CREATED_AT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def complete(api: Api, id: str, folder: Path, content: bytes = b"an mp4") -> None:
    """Finish a prediction as the controller does."""
    key, report = f"outputs/{id}/video.mp4", f"outputs/{id}/report.json"
    storage = open_storage(api.settings)
    for name, data in ((key, content), (report, b'{"frames": 25}')):
        part = folder / "part"
        part.write_bytes(data)
        storage.publish(part, name, "video/mp4", keep=False)
    outcome = Outcome(outputs=(key,), report_key=report, nsfw=(False,), inference_ms=41234, output_s=9.2)
    with transaction(api.engine) as conn:
        assert predictions.start(conn, id)
        assert predictions.complete(conn, id, outcome, accounts.RULE)


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("model", ["bytedance/latentsync", "wavespeed-ai/latentsync", "lipwright/latentsync"])
def test_every_model_id_of_both_versions_accepts_a_submit(api: Api, version: str, model: str) -> None:
    accepted = api.post(f"/api/{version}/{model}", INPUTS)

    assert accepted["model"] == model
    assert accepted["status"] == "created"


def test_what_a_submit_answers(api: Api) -> None:
    accepted = api.submit()

    assert re.fullmatch("[0-9a-f]{32}", accepted["id"])
    assert CREATED_AT.fullmatch(accepted["created_at"])
    assert accepted["urls"]["get"] == f"http://lips.test/api/v3/predictions/{accepted['id']}/result"
    assert accepted["outputs"] == []
    assert accepted["has_nsfw_contents"] == []
    assert accepted["error"] == ""
    assert accepted["code"] == 0
    assert accepted["timings"] == {"inference": 0}
    assert accepted["executionTime"] == 0


def test_all_ways_to_the_result_give_the_same(api: Api) -> None:
    accepted = api.submit()

    answers = [
        api.get(f"/api/{version}/predictions/{accepted['id']}{tail}")
        for version in ("v2", "v3")
        for tail in ("", "/result")
    ]

    assert answers == [accepted] * 4


def test_a_completed_prediction(api: Api, tmp_path: Path) -> None:
    id = api.submit()["id"]
    complete(api, id, tmp_path)

    done = api.get(f"predictions/{id}/result")

    assert done["status"] == "completed"
    assert done["executionTime"] == 41234
    assert done["timings"] == {"inference": 41234}
    assert done["has_nsfw_contents"] == [False]
    (url,) = done["outputs"]
    assert url.startswith(f"http://lips.test/files/outputs/{id}/video.mp4?")
    assert api.client.get(url).content == b"an mp4"  # without a key
    assert api.get(f"predictions/{id}")["outputs"] == [url]  # the same at every poll
    assert api.get(f"predictions/{id}/report") == {"frames": 25}


def test_a_failed_prediction_is_still_http_200(api: Api) -> None:
    id = api.submit()["id"]
    with transaction(api.engine) as conn:
        predictions.fail(conn, id, code=1402, error="The video could not be fetched.")

    failed = api.get(f"predictions/{id}/result")

    assert (failed["status"], failed["code"]) == ("failed", 1402)
    assert failed["error"] == "The video could not be fetched."


def test_nothing_is_ever_null_and_numbers_are_numbers(api: Api, tmp_path: Path) -> None:
    ids = [api.submit()["id"] for _ in range(3)]
    complete(api, ids[0], tmp_path)
    with transaction(api.engine) as conn:
        predictions.fail(conn, ids[1], code=1403, error="No face.")

    for id in ids:
        text = api.call("GET", f"predictions/{id}").text
        shown = json.loads(text)["data"]
        assert "null" not in text
        assert all(isinstance(shown[name], str) for name in ("id", "model", "status", "created_at", "error"))
        assert isinstance(shown["executionTime"], int)
        assert isinstance(shown["code"], int)
        assert all(isinstance(value, int | float) for value in shown["timings"].values())
        assert all(isinstance(value, str) for value in shown["urls"].values())


def test_unknown_fields_are_dropped_and_options_are_kept(api: Api) -> None:
    accepted = api.submit(steps=20, guidance=2, profile=None, watermark=True, device="cpu")

    assert accepted["input"] == INPUTS | {"model": "tiny", "steps": 20, "guidance": 2}


def test_a_report_before_the_end_is_not_found(api: Api) -> None:
    id = api.submit()["id"]

    assert_error(api.call("GET", f"predictions/{id}/report"), 404, "no report")


def test_base64_outputs(api: Api, tmp_path: Path) -> None:
    id = api.submit(enable_base64_output=True)["id"]
    complete(api, id, tmp_path)

    (output,) = api.get(f"predictions/{id}/result")["outputs"]
    assert base64.b64decode(output) == b"an mp4"
    assert api.get("predictions")["items"][0]["outputs"][0].startswith("http://")  # lists stay small


@pytest.mark.parametrize("changes", [{"max_base64_bytes": 5}])
def test_a_large_output_in_base64_becomes_a_sentence_with_its_url(api: Api, tmp_path: Path) -> None:
    id = api.submit(enable_base64_output=True)["id"]
    complete(api, id, tmp_path)

    done = api.get(f"predictions/{id}/result")

    assert (done["status"], done["outputs"]) == ("completed", [])
    assert "base64 is for 5 at most" in done["error"]
    assert api.client.get(done["error"].split()[-1]).content == b"an mp4"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_lists_are_newest_first_in_pages(api: Api, method: str) -> None:
    ids = [api.submit()["id"] for _ in range(3)][::-1]

    def page(number: int, **more: Any) -> Any:
        asked = {"page": number, "page_size": 2, **more}
        how = {"params": asked} if method == "GET" else {"json": asked}
        return api.data(api.call(method, "predictions", **how))

    first, second = page(1), page(2)
    assert [each["id"] for each in first["items"] + second["items"]] == ids
    assert (first["total"], first["has_more"], second["has_more"]) == (3, True, False)
    assert page(1, status="completed")["items"] == []
    assert page(1, status="timeout")["items"] == []
    assert page(1, model="lipwright/latentsync")["total"] == 0
    assert page(1, created_before="2020-01-01T00:00:00.000Z")["total"] == 0
    assert page(1, created_after="2020-01-01T00:00:00")["total"] == 3


def test_lists_hold_only_the_keys_own(api: Api) -> None:
    api.submit()

    assert api.another().get("predictions")["items"] == []


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"page": 0}, "page"),
        ({"page_size": 101}, "page_size"),
        ({"page": "x"}, "page"),
        ({"status": "running"}, "status"),
        ({"created_after": "yesterday"}, "created_after"),
    ],
)
def test_a_list_that_cannot_be(api: Api, asked: dict[str, Any], word: str) -> None:
    assert_error(api.call("POST", "predictions", json=asked), 400, word)


def test_deleting_hides_finished_ones_and_their_files(api: Api, tmp_path: Path) -> None:
    done, waiting = api.submit()["id"], api.submit()["id"]
    complete(api, done, tmp_path)
    (url,) = api.get(f"predictions/{done}")["outputs"]

    answer = api.post("predictions/delete", {"ids": [done, waiting, "0" * 32, "../x"]})

    assert answer == {"deleted_count": 1}
    assert_error(api.call("GET", f"predictions/{done}/result"), 404, "Prediction not found")
    assert_error(api.client.get(url), 404)
    assert [each["id"] for each in api.get("predictions")["items"]] == [waiting]


def test_other_keys_cannot_see_cancel_or_delete(api: Api, tmp_path: Path) -> None:
    id = api.submit()["id"]
    other = api.another()

    for method, path in (
        ("GET", f"predictions/{id}"),
        ("GET", f"predictions/{id}/result"),
        ("GET", f"predictions/{id}/report"),
        ("POST", f"predictions/{id}/cancel"),
        ("DELETE", f"predictions/{id}"),
    ):
        assert_error(other.call(method, path), 404)
    complete(api, id, tmp_path)
    assert other.post("predictions/delete", {"ids": [id]}) == {"deleted_count": 0}
    assert api.get(f"predictions/{id}")["status"] == "completed"


@pytest.mark.parametrize(("method", "tail"), [("POST", "/cancel"), ("DELETE", "")])
def test_cancelling_refunds_and_is_final(api: Api, method: str, tail: str) -> None:
    id = api.submit()["id"]

    cancelled = api.data(api.call(method, f"predictions/{id}{tail}"))

    assert cancelled["status"] == "cancelled"
    assert cancelled["error"]
    assert api.data(api.call(method, f"predictions/{id}{tail}")) == cancelled
    (bill,) = api.post("billings/search", {})["items"]
    assert (bill["price"], bill["order"]["status"]) == (0, "released")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_cancelling_a_finished_one_changes_nothing(api: Api, method: str, tmp_path: Path) -> None:
    id = api.submit()["id"]
    complete(api, id, tmp_path)
    tail = "/cancel" if method == "POST" else ""

    assert api.data(api.call(method, f"predictions/{id}{tail}"))["status"] == "completed"


@pytest.mark.parametrize("changes", [{"sync_window_s": 0.3}])
def test_sync_mode_gives_up_with_its_code(api: Api) -> None:
    late = api.submit(enable_sync_mode=True)

    assert late["status"] == "created"
    assert late["code"] == 5004
    assert late["error"] == (
        "Sync mode timed out after 0.3 seconds. The prediction is still processing asynchronously."
    )
    assert api.get(f"predictions/{late['id']}")["error"] == ""


def test_the_public_url_stands_in_all_urls(api: Api) -> None:
    answer = api.call("POST", SUBMIT, json=INPUTS, headers={"Host": "lips.example:8443"})

    assert answer.json()["data"]["urls"]["get"].startswith("http://lips.example:8443/api/v3/predictions/")


@pytest.mark.parametrize("changes", [{"public_url": "https://lips.example.com/"}])
def test_a_set_public_url_wins(api: Api) -> None:
    assert api.submit()["urls"]["get"].startswith("https://lips.example.com/api/v3/predictions/")
