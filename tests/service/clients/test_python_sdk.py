"""The `wavespeed` package from PyPI, unmodified, against a running server."""

import urllib.request

import pytest
import wavespeed
from wavespeed import Client

from service.clients.live import ADAPT, MODEL, NO_FACE, Live

pytestmark = pytest.mark.slow

QUICK = {"steps": 3}


@pytest.fixture
def client(live: Live) -> Client:
    """The SDK, pointed at the server."""
    return Client(live.key, base_url=live.url)


def test_upload_run_and_download(live: Live, client: Client) -> None:
    with live.recorded() as calls:
        url = client.upload(str(live.clip))
        made = client.run(MODEL, {"video": url, "audio": url, **QUICK}, poll_interval=0.1)

    (output,) = made["outputs"]
    assert output.partition("?")[0].endswith(".mp4")
    with urllib.request.urlopen(output) as answer:
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.read() == live.clip.read_bytes()
    assert calls == [
        "POST /api/v3/media/uploads 200",
        "PUT /files/uploads/{id}/clip.mp4 200",
        f"POST /api/v3/{MODEL} 200",
        "GET /api/v3/predictions/{id}/result 200",
    ]


def test_uploading_an_open_file(live: Live, client: Client) -> None:
    with live.clip.open("rb") as file:
        url = client.upload(file)

    with urllib.request.urlopen(url) as answer:
        assert answer.read() == live.clip.read_bytes()


@pytest.mark.parametrize("model", [MODEL, "wavespeed-ai/latentsync", "lipwright/latentsync"])
def test_sync_mode(live: Live, client: Client, model: str) -> None:
    url = client.upload(str(live.clip))

    with live.recorded() as calls:
        made = client.run(model, {"video": url, "audio": url, **QUICK}, enable_sync_mode=True)

    assert len(made["outputs"]) == 1
    assert calls == [f"POST /api/v3/{model} 200"]


def test_a_person_is_learned_and_speaks(live: Live, client: Client) -> None:
    """The output of an adapt job is a string like any other, if no URL."""
    url = client.upload(str(live.clip))
    (bundle,) = client.run(ADAPT, {"video": url, "name": "Ann"}, poll_interval=0.1)["outputs"]

    made = client.run(MODEL, {"video": url, "audio": url, "model": bundle, **QUICK}, poll_interval=0.1)

    assert len(made["outputs"]) == 1


def test_a_task_that_fails(live: Live, client: Client) -> None:
    url = client.upload(str(live.clip))
    inputs = {"video": url, "audio": url, "seed": NO_FACE}

    with pytest.raises(RuntimeError, match=r"failed.*no face"):
        client.run(MODEL, inputs, poll_interval=0.1)
    with pytest.raises(RuntimeError, match="no face"):
        client.run(MODEL, inputs, enable_sync_mode=True)
    told = client.run_no_throw(MODEL, inputs, poll_interval=0.1)
    assert (told["status"], told["outputs"]) == ("failed", None)
    assert len(told["task_id"]) == 32
    assert client.get_result(told["task_id"])["data"]["code"] == 1403


def test_a_submit_that_is_refused(live: Live, client: Client) -> None:
    with pytest.raises(RuntimeError, match=r"HTTP 400.*steps is 0"):
        client.run(MODEL, {"video": "https://example.com/v", "audio": "https://example.com/a", "steps": 0})
    with pytest.raises(RuntimeError, match=r"HTTP 400.*audio is missing"):
        client.run(MODEL, {"video": "https://example.com/v"})
    with pytest.raises(RuntimeError, match="HTTP 404"):
        client.run("bytedance/nothing", {})
    with pytest.raises(RuntimeError, match="HTTP 401"):
        Client("wrong", base_url=live.url).run(MODEL, {})
    with pytest.raises(RuntimeError, match="HTTP 401"):
        Client("wrong", base_url=live.url).upload(str(live.clip))


def test_the_module_functions(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavespeed.config.api, "api_key", live.key)
    monkeypatch.setattr(wavespeed.config.api, "base_url", live.url)
    monkeypatch.setattr("wavespeed.api._default_client", None, raising=False)

    url = wavespeed.upload(str(live.clip))

    assert url.startswith(live.url)
