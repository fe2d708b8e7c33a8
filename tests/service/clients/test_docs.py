"""docs/api.md: every call is shown in three languages, and what is shown works against a running server."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import wave
from pathlib import Path

import pytest

from service.clients.live import Live

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
PROGRAMS = {"bash": ("bash", "sh"), "python": (sys.executable, "py"), "javascript": ("node", "mjs")}
WAIT_S = 120


def script(language: str) -> str:
    """All blocks of a language, in order: one program."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.M | re.S))


def documented(live: Live) -> set[str]:
    """Every operation of the OpenAPI document, as the log writes it, the second version left out."""
    with urllib.request.urlopen(f"{live.url}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    return {
        f"{method.upper()} {path.replace('{prediction_id}', '{id}').replace('{bundle_id}', '{id}')}"
        for path, methods in paths.items()
        for method in methods
        if not path.startswith("/api/v2/")
    }


@pytest.mark.parametrize("language", PROGRAMS)
def test_every_call_works_as_shown(live: Live, tmp_path: Path, language: str) -> None:
    program, ending = PROGRAMS[language]
    for needed in (program, "curl") if language == "bash" else (program,):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed: the {language} examples of docs/api.md were not run")
    (tmp_path / "clip.mp4").write_bytes(live.clip.read_bytes())
    with wave.open(str(tmp_path / "voice.wav"), "wb") as voice:
        voice.setparams((1, 2, 16_000, 0, "NONE", ""))
        voice.writeframes(bytes(2 * 16_000))
    path = tmp_path / f"examples.{ending}"
    path.write_text(script(language))

    with live.recorded() as calls:
        done = subprocess.run(
            [program, str(path)],
            cwd=tmp_path,
            env={**os.environ, "LIPWRIGHT_URL": live.url, "LIPWRIGHT_KEY": live.key},
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    made = {call.rpartition(" ")[0] for call in calls} | {"GET /healthz"}  # which the record leaves out
    assert documented(live) <= made, documented(live) - made
    assert [call for call in calls if call.endswith((" 400", " 404", " 500"))] == []
