"""The README's one call, as it stands there, against a running server."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lipwright.service import keys
from lipwright.service.db import open_database, transaction
from lipwright.service.settings import Settings
from service.server import running_server

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "src" / "lipwright" / "assets" / "demo"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is absent (apt-get install curl).")
def test_the_one_call_makes_a_video(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Serve it")[2]
    call = next(
        block for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) if block.startswith("curl")
    )
    (tmp_path / "video.mp4").symlink_to(DEMO / "presenter.mp4")
    (tmp_path / "voice.wav").symlink_to(DEMO / "voice.wav")
    with running_server(tmp_path / "server") as server:
        engine = open_database(Settings(data=server.data))
        with transaction(engine) as conn:
            _, token = keys.create(conn, "me")
        engine.dispose()
        done = subprocess.run(
            ["sh", "-c", call.replace("http://127.0.0.1:8000", server.url)],
            cwd=tmp_path,
            env={**os.environ, "LIPWRIGHT_KEY": token},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    answer = json.loads(done.stdout)
    assert answer["code"] == 200
    assert answer["data"]["status"] == "completed"
    assert ".mp4?" in answer["data"]["outputs"][0]
