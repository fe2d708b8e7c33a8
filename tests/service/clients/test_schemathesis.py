"""Requests made from our OpenAPI document, right and wrong ones, against a running server.

There must be no server error and no answer that the document does not describe.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.clients.live import Live, Receiver
from service.server import running_server

pytestmark = pytest.mark.slow

BUDGET_S = 75
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# The second version is the same code; whether the server is ready is another matter.
LEFT_OUT = "^/(api/v2/|readyz)"


def test_generated_requests_never_break_the_server(tmp_path: Path) -> None:
    # The API alone: what it accepts stays in the line, and no controller fetches invented URLs.
    migrating = {**os.environ, "LIPWRIGHT_DATA": str(tmp_path / "data")}
    subprocess.run([sys.executable, "-m", "lipwright", "serve", "--migrate"], env=migrating, check=True)
    limits: dict[str, Any] = {"rate_per_minute": 10**6, "max_queued_per_key": 10**6, "max_queued": 10**6}
    with running_server(tmp_path, role="api", **limits) as server:
        key = Live(server, "", tmp_path, Receiver("")).new_key("explorer")
        command = [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            f"{server.url}/openapi.json",
            "--header",
            f"Authorization: Bearer {key}",
            "--checks",
            CHECKS,
            "--exclude-path-regex",
            LEFT_OUT,
            "--phases",
            "coverage,fuzzing",
            "--max-examples",
            "10",
            "--max-time",
            str(BUDGET_S),
            "--generation-deterministic",
            "--continue-on-failure",
            "--warnings",
            "off",
            "--no-color",
        ]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=3 * BUDGET_S, check=False
        )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
    assert "Operations:       28 selected" in done.stdout
    log = server.log.read_text()
    assert '"status": 5' not in log
    assert "an endpoint broke" not in log
