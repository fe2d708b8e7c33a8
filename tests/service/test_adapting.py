"""Learning a person as a job, through a running server: who may use what came of it, and how it ends."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lipwright.service.settings import load_settings
from lipwright.service.storage import LocalStorage
from service.clients.live import ADAPT, Live, running
from service.fake_renderer import TOO_BLURRED
from service.server import until

SYNC = "lipwright/latentsync"
OVER = ("completed", "failed", "cancelled")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One for all tests; each takes keys of its own."""
    with running(tmp_path_factory.mktemp("adapting"), fake_step_s=0.02, adapt_price_unit_usd=0.25) as live:
        yield live


class User:
    """Somebody with a key and an uploaded clip."""

    def __init__(self, live: Live, name: str, clip: Path | None = None) -> None:
        self.live = live
        self.key = live.new_key(name, "--balance", "10")
        self.clip = self._upload(live.clip if clip is None else clip)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """HTTP status and body."""
        request = urllib.request.Request(
            f"{self.live.url}/api/v3/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def data(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """`data` of a success."""
        status, said = self.call(method, path, body, **headers)
        assert status == 200, said
        return said["data"]

    def ended(self, made: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """A prediction, once it is over."""
        seen: list[dict[str, Any]] = []

        def over() -> bool:
            seen.append(self.data("GET", f"predictions/{made['id']}/result"))
            return seen[-1]["status"] in OVER

        until(f"the end of {made['id']}", over, seconds)
        return seen[-1]

    def learn(self, **inputs: Any) -> str:
        """Id of a new bundle."""
        done = self.ended(self.data("POST", ADAPT, {"video": self.clip, **inputs}))
        assert done["status"] == "completed", done
        (bundle,) = done["outputs"]
        assert isinstance(bundle, str)
        return bundle

    def speak(self, **inputs: Any) -> dict[str, str]:
        """The body of a submit that makes a video."""
        return {"video": self.clip, "audio": self.clip, **inputs}

    def models(self) -> dict[str, dict[str, Any]]:
        """The catalogue by model id."""
        return {each["model_id"]: each for each in self.data("GET", "models")}

    def _upload(self, path: Path) -> str:
        ticket = self.data("POST", "media/uploads", {"filename": path.name, "size": path.stat().st_size})
        put = urllib.request.Request(
            ticket["upload"]["url"], path.read_bytes(), ticket["upload"]["headers"], method="PUT"
        )
        with urllib.request.urlopen(put, timeout=60):
            return str(ticket["download_url"])


def stored(live: Live, bundle: str) -> list[str]:
    """Names of a bundle's files in the store."""
    storage = LocalStorage(load_settings(data=live.server.data).stored)
    return sorted(each.key.rpartition("/")[2] for each in storage.list(f"bundles/{bundle}"))


def test_from_a_clip_to_a_bundle_that_speaks(server: Live) -> None:
    """Announced and charged once; the report of the video names the person."""
    ann = User(server, "ann")
    asked = {"video": ann.clip, "name": "Ann", "webhook_url": server.receiver.url}
    made = ann.data("POST", ADAPT, asked, **{"Idempotency-Key": "once"})
    assert ann.data("POST", ADAPT, asked, **{"Idempotency-Key": "once"})["id"] == made["id"]
    assert (made["model"], made["status"], made["outputs"]) == (ADAPT, "created", [])
    assert made["input"] == {"video": ann.clip, "name": "Ann"}
    done = ann.ended(made)
    assert (done["status"], done["outputs"], done["progress"]) == ("completed", [made["id"]], 1.0)
    announced = json.loads(server.receiver.of(made["id"])[1])
    assert announced["outputs"] == [made["id"]]
    assert ann.data("GET", "balance")["balance"] == 9.75  # a clip of one second costs the least
    assert ann.data("GET", f"predictions/{made['id']}/report")["frames"] == 25
    assert stored(server, made["id"]) == ["model.json", "person.safetensors"]
    for path, body in ((SYNC, ann.speak(model=made["id"])), (f"lipwright/{made['id']}", ann.speak())):
        spoken = ann.ended(ann.data("POST", path, body))
        assert spoken["status"] == "completed" and spoken["input"]["model"] == made["id"]
        assert ann.data("GET", f"predictions/{spoken['id']}/report")["model"] == "Ann"
    assert (ann.ended(ann.data("POST", SYNC, ann.speak())))["input"]["model"] == "tiny"


def test_nobody_else_sees_or_uses_it(server: Live) -> None:
    """To another key it is as unknown as any id."""
    bob, eve = User(server, "bob"), User(server, "eve")
    bundle = bob.learn()
    entry = bob.models()[f"lipwright/{bundle}"]
    assert (entry["name"], entry["base"]) == (f"face-{bundle[:8]}", "tiny")
    run = bob.models()[SYNC]["api_schema"]["api_schemas"][0]["request_schema"]["properties"]["model"]
    assert run["enum"] == ["tiny", bundle]
    assert bob.data("POST", "model/price", {"model_id": f"lipwright/{bundle}"})["price"] == 0.15
    assert (
        bob.data("POST", "model/price", {"model_id": ADAPT, "inputs": {"video": bob.clip}})["price"] == 0.25
    )
    assert bundle not in json.dumps(eve.data("GET", "models"))
    unknown = "f" * 32

    def told(id: str) -> list[tuple[int, str]]:
        answers = (
            eve.call("POST", SYNC, eve.speak(model=id)),
            eve.call("POST", f"lipwright/{id}", eve.speak()),
            eve.call("POST", "model/price", {"model_id": f"lipwright/{id}"}),
        )
        return [(status, said["message"].replace(id, "ID")) for status, said in answers]

    assert told(bundle) == told(unknown)
    assert [status for status, _ in told(bundle)] == [400, 404, 404]
    assert eve.call("DELETE", f"models/{bundle}")[0] == 404
    for name in stored(server, bundle):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}/files/bundles/{bundle}/{name}", timeout=30)
        assert refused.value.code == 403
        refused.value.close()
        theft = {"video": f"{server.url}/files/bundles/{bundle}/{name}"}
        assert eve.call("POST", ADAPT, theft)[0] == bob.call("POST", ADAPT, theft)[0] == 400


def test_deleting_a_bundle(server: Live) -> None:
    """It is gone from the store and the list, and cannot be asked for; its prediction stays."""
    cat = User(server, "cat")
    bundle = cat.learn()
    assert cat.data("DELETE", f"models/{bundle}") == {"deleted_count": 1}
    assert stored(server, bundle) == [] and f"lipwright/{bundle}" not in cat.models()
    assert cat.call("POST", SYNC, cat.speak(model=bundle))[0] == 400
    assert cat.call("DELETE", f"models/{bundle}")[0] == 404
    for path in ("tiny", "x" * 300, "%2e%2e"):
        assert cat.call("DELETE", f"models/{path}")[0] == 404
    assert cat.data("GET", f"predictions/{bundle}")["outputs"] == [bundle]
    kept = cat.learn()
    assert cat.data("POST", "predictions/delete", {"ids": [bundle, kept]}) == {"deleted_count": 2}
    assert f"lipwright/{kept}" in cat.models()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "video is missing"),
        ({"video": 5}, "video is 5"),
        ({"video": "ftp://example.com/a.mp4"}, "video"),
        ({"name": ""}, "name is ''"),
        ({"name": "a" * 65}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": ["a"]}, "name is ['a']"),
        ({"face": 0}, "face is 0"),
        ({"face": True}, "face is True"),
        ({"face": 1.5}, "face is 1.5"),
        ({"face": 10**30}, "face"),
        ({"enable_sync_mode": "yes"}, "enable_sync_mode"),
    ],
)
def test_bad_input(server: Live, body: dict[str, Any], word: str) -> None:
    dan = User.__new__(User)
    dan.live, dan.key = server, server.key
    status, said = dan.call("POST", ADAPT, {"video": "https://example.com/v.mp4"} | body if body else {})
    assert (status, said["code"]) == (400, 400)
    assert word in said["message"]


def test_a_clip_that_teaches_nothing(server: Live) -> None:
    """The sentence names the input as this interface calls it; nothing is charged, and no bundle is there."""
    fay = User(server, "fay")
    done = fay.ended(fay.data("POST", ADAPT, {"video": fay.clip, "name": TOO_BLURRED}))
    assert (done["status"], done["code"], done["outputs"]) == ("failed", 1403, [])
    assert done["error"] == "The video is too blurred; use a sharper clip (see the input `face`)."
    assert fay.data("GET", "balance")["balance"] == 10.0
    assert fay.models().keys() == {"bytedance/latentsync", "wavespeed-ai/latentsync", SYNC, ADAPT}


def test_cancel_and_waiting_for_the_result(server: Live) -> None:
    gil = User(server, "gil")
    made = gil.data("POST", ADAPT, {"video": gil.clip})
    cancelled = gil.data("POST", f"predictions/{made['id']}/cancel")
    assert cancelled["status"] == "cancelled"
    done = gil.data(
        "POST", ADAPT, {"video": gil.clip, "enable_sync_mode": True, "enable_base64_output": True}
    )
    assert done["outputs"] == [done["id"]]
    assert stored(server, made["id"]) == [] and f"lipwright/{made['id']}" not in gil.models()
