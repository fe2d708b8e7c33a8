"""The published JavaScript clients, unmodified, on a running server: three SDKs, the CLI, the MCP server."""

import hashlib
import hmac
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from service.clients.live import ADAPT, MODEL, NO_FACE, Live

pytestmark = pytest.mark.slow

WAIT_S = 90


def environment(live: Live, home: Path) -> dict[str, str]:
    """With a home of its own, so that nothing of the user's is read or written."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "WAVESPEED_API_KEY": live.key,
        "WAVESPEED_BASE_URL": live.url,
        "NO_COLOR": "1",
        "CI": "1",
    }


def drive(npm: Path, live: Live, home: Path, sdk: str) -> dict[str, Any]:
    """What drive.mjs reports about one SDK."""
    asked = {
        "sdk": sdk,
        "url": live.url,
        "key": live.key,
        "clip": str(live.clip),
        "model": MODEL,
        "hook": live.receiver.url,
        "noFace": NO_FACE,
    }
    done = subprocess.run(
        ["node", "drive.mjs", json.dumps(asked)],
        cwd=npm,
        env=environment(live, home),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_sdk_0_3(npm: Path, live: Live, tmp_path: Path) -> None:
    with live.recorded() as calls:
        report = drive(npm, live, tmp_path, "wavespeed")

    assert report["outputs"] == 1
    assert report["sha256"] == hashlib.sha256(live.clip.read_bytes()).hexdigest()
    assert report["syncOutputs"] == 1
    assert "no face" in report["failure"]
    assert report["failedStatus"] == "failed"
    assert "steps is 0" in report["refused"]
    assert "401" in report["wrongKey"]
    assert calls == [
        "POST /api/v3/media/uploads 200",
        "PUT /files/uploads/{id}/clip.mp4 200",
        f"POST /api/v3/{MODEL} 200",
        "GET /api/v3/predictions/{id}/result 200",
        "GET /files/outputs/{id}/video.mp4 200",
        f"POST /api/v3/{MODEL} 400",
        f"POST /api/v3/{MODEL} 401",
    ]


def test_sdk_0_2(npm: Path, live: Live, tmp_path: Path) -> None:
    with live.recorded() as calls:
        report = drive(npm, live, tmp_path, "wavespeed-0.2")

    assert report["outputs"] == 1
    assert report["syncOutputs"] == 1
    assert "no face" in report["failure"]
    assert "POST /api/v3/media/upload/binary 200" in calls


def test_sdk_0_0_with_a_webhook(npm: Path, live: Live, tmp_path: Path) -> None:
    with live.recorded() as calls:
        report = drive(npm, live, tmp_path, "wavespeed-0.0")

    assert report["outputs"] == 1
    assert "no face" in report["failure"]
    assert "POST /api/v2/media/upload/binary 200" in calls
    headers, body = live.receiver.of(report["id"])
    payload = json.loads(body)
    assert (payload["id"], payload["status"]) == (report["id"], "completed")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(secret(live), signed, hashlib.sha256).hexdigest()
    assert headers["webhook-signature"] == f"v3,{digest}"


def secret(live: Live) -> bytes:
    """The key that signs webhooks, as the documentation of receivers says."""
    request = urllib.request.Request(
        f"{live.url}/api/v3/webhook/secret", headers={"Authorization": f"Bearer {live.key}"}
    )
    with urllib.request.urlopen(request) as answer:
        text: str = json.load(answer)["data"]["secret"]
    return text.removeprefix("whsec_").encode()


def test_the_command_line(npm: Path, live: Live, tmp_path: Path) -> None:
    program = npm / "node_modules" / "@wavespeed" / "cli" / "dist" / "cli.js"

    def cli(*words: str, status: int = 0) -> Any:
        done = subprocess.run(
            ["node", str(program), *words],
            cwd=tmp_path,
            env=environment(live, tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    with live.recorded() as calls:
        cli("config", "--base-url", live.url)
        assert cli("balance", "--json")["balance"] == 1_000_000
        assert MODEL in json.dumps(cli("models", "latentsync", "--json"))
        assert "steps" in json.dumps(cli("schema", MODEL, "--json"))
        assert "0.36" in json.dumps(cli("price", MODEL, "--json", "-i", "duration=12"))
        uploaded = json.dumps(cli("upload", str(live.clip), "--json"))
        url = next(word for word in uploaded.split('"') if "/files/uploads/" in word)
        made = cli(
            "run", MODEL, "--json", "--download", "-i", f"video={url}", "-i", f"audio={url}", "-i", "steps=3"
        )
        assert len(made["outputs"]) == 1
        assert len(made["saved"]) == 1
        assert list(tmp_path.rglob("*.mp4"))
        synced = cli(
            "run", MODEL, "--json", "--sync", "-i", f"video={url}", "-i", f"audio={url}", "-i", "steps=3"
        )
        assert len(synced["outputs"]) == 1
        assert "no face" in json.dumps(
            cli(
                "run",
                MODEL,
                "--json",
                "-i",
                f"video={url}",
                "-i",
                f"audio={url}",
                "-i",
                f"seed={NO_FACE}",
                status=1,
            )
        )
        (bundle,) = cli("run", ADAPT, "--json", "-i", f"video={url}")["outputs"]
        media = (
            "-i",
            f"video={url}",
            "-i",
            f"audio={url}",
        )  # its list of models is from before
        for words in ((MODEL, "-i", f"model={bundle}"), (f"lipwright/{bundle}",)):
            assert len(cli("run", *words, "--json", *media)["outputs"]) == 1
        items = cli("history", "--json")["items"]
        assert {each["status"] for each in items} >= {"completed", "failed"}
        id = items[0]["id"]
        assert cli("show", id, "--json")["id"] == id
        cli("delete", id, "--yes", "--json")

    assert {call.rpartition(" ")[0] for call in calls} >= {
        "GET /api/v3/balance",
        "GET /api/v3/models",
        "POST /api/v3/model/pricing",
        "POST /api/v3/media/upload/binary",
        f"POST /api/v3/{MODEL}",
        "GET /api/v3/predictions/{id}/result",
        "GET /files/outputs/{id}/video.mp4",
        "POST /api/v3/predictions",
        "POST /api/v3/predictions/delete",
    }
    assert all(call.endswith(" 200") for call in calls), calls


class Mcp:
    """A client of an MCP server over its standard streams."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._number = 0

    def send(self, method: str, parameters: dict[str, Any]) -> None:
        """A notification."""
        self._write({"jsonrpc": "2.0", "method": method, "params": parameters})

    def call(self, method: str, parameters: dict[str, Any]) -> Any:
        """The result of a request."""
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": parameters})
        while True:
            said = json.loads(self._stdout.readline())
            if said.get("id") == self._number:
                return said["result"]

    def tool(self, name: str, **arguments: Any) -> Any:
        """What a tool answers, parsed where it is JSON."""
        result = self.call("tools/call", {"name": name, "arguments": arguments})
        text = result["content"][0]["text"]
        return text if result.get("isError") else json.loads(text)

    def _write(self, message: dict[str, Any]) -> None:
        self._stdin.write(json.dumps(message) + "\n")
        self._stdin.flush()


@contextmanager
def running_mcp(npm: Path, live: Live, home: Path) -> Iterator[Mcp]:
    """The MCP server, introduced to."""
    program = npm / "node_modules" / "@wavespeed" / "mcp" / "dist" / "index.js"
    process = subprocess.Popen(
        ["node", str(program)],
        cwd=home,
        env=environment(live, home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin, process.stdout:
            mcp = Mcp(process.stdin, process.stdout)
            hello = {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            }
            mcp.call("initialize", hello)
            mcp.send("notifications/initialized", {})
            yield mcp
    finally:
        process.kill()
        process.wait()


def test_the_mcp_server(npm: Path, live: Live, tmp_path: Path) -> None:
    with live.recorded() as calls, running_mcp(npm, live, tmp_path) as mcp:
        assert len(mcp.call("tools/list", {})["tools"]) == 7
        assert mcp.tool("get_balance")["balance"] == 1_000_000
        assert mcp.tool("list_models", query="bytedance")["models"][0]["model_id"] == MODEL
        assert mcp.tool("get_model_schema", model=MODEL)["required"] == ["audio", "video"]
        clip = tmp_path / "clip.mp4"
        clip.write_bytes(live.clip.read_bytes())
        priced = mcp.tool("get_price", model=MODEL, input={"audio": "@./clip.mp4"})
        assert (priced["price"], priced["unpriced_inputs"]) == (0.15, [])
        assert mcp.tool("get_price", model=MODEL, input={})["at_base_price"] is True
        url = mcp.tool("upload_file", path=str(clip))["url"]
        made = mcp.tool("run_model", model=MODEL, input={"video": "@./clip.mp4", "audio": url, "steps": 3})
        assert made["status"] == "completed"
        assert len(made["outputs"]) == 1
        assert mcp.tool("get_prediction", id=made["id"])["status"] == "completed"
        (bundle,) = mcp.tool("run_model", model=ADAPT, input={"video": url})["outputs"]
        inputs = {"video": url, "audio": url, "model": bundle}
        assert mcp.tool("run_model", model=MODEL, input=inputs)["status"] == "completed"
        assert "no face" in mcp.tool(
            "run_model", model=MODEL, input={"video": url, "audio": url, "seed": NO_FACE}
        )

    assert {call.rpartition(" ")[0] for call in calls} >= {
        "GET /api/v3/balance",
        "GET /api/v3/models",
        "POST /api/v3/model/price",
        "POST /api/v3/media/uploads",
        f"POST /api/v3/{MODEL}",
        "GET /api/v3/predictions/{id}/result",
    }


@pytest.mark.parametrize("package", ["wavespeed", "@wavespeed/cli", "@wavespeed/mcp"])
def test_the_clients_are_the_published_ones(npm: Path, package: str) -> None:
    locked = json.loads((npm / "package-lock.json").read_text())["packages"][f"node_modules/{package}"]

    installed = json.loads((npm / "node_modules" / package / "package.json").read_text())

    assert installed["version"] == locked["version"]
    assert locked["integrity"].startswith("sha512-")
