"""`lipwright serve` as an operator meets it: start, stop, check, roles."""

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kill.ground import Ground, killing_ground
from lipwright.service import predictions
from lipwright.service.queue import JobQueue
from service.fake_renderer import KILLS_WORKER
from service.server import running_server, until


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One server for the tests that leave it running."""
    with killing_ground(tmp_path_factory.mktemp("serve"), None) as made:
        yield made


def get(ground: Ground, path: str) -> tuple[int, bytes]:
    """An answer of the API."""
    connection = http.client.HTTPConnection("127.0.0.1", ground.server.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {ground.token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def result(ground: Ground, id: str) -> dict[str, Any]:
    """A prediction as clients see it."""
    status, body = get(ground, f"/api/v3/predictions/{id}/result")
    assert status == 200
    found: dict[str, Any] = json.loads(body)["data"]
    return found


def test_a_job_goes_all_the_way(ground: Ground) -> None:
    """From the submit to the bytes of the video."""
    id = ground.submit()
    ground.wait_ended([id])
    done = result(ground, id)
    assert done["status"] == predictions.COMPLETED
    (url,) = done["outputs"]
    status, video = get(ground, str(url).removeprefix(ground.server.url))
    assert status == 200 and video[4:8] == b"ftyp"
    assert get(ground, f"/api/v3/predictions/{id}/report")[0] == 200


def test_only_workers_load_torch(ground: Ground) -> None:
    """Nor does the fake renderer, which is why none is loaded here at all."""
    for role in ("api", "controller", "worker"):
        for pid in ground.server.pids(role):
            assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()


def test_a_job_that_kills_its_worker_three_times_fails_unbilled(ground: Ground) -> None:
    """And the server goes on."""
    id = ground.submit(seed=KILLS_WORKER)
    ground.wait_ended([id])
    row = ground.row(id)
    assert (row.status, row.crashes, row.cost_micro) == (predictions.FAILED, 3, 0)
    assert row.error.startswith("worker_crashed: ")
    after = ground.submit()
    ground.wait_ended([after])
    assert ground.row(after).status == predictions.COMPLETED


def test_a_cancelled_job_frees_its_slot(ground: Ground) -> None:
    """It would have taken an hour."""
    long = ground.submit(steps=1000)
    until("the render", lambda: 0 < ground.row(long).progress < 1)
    JobQueue(ground.engine, ground.settings).cancel(long)
    assert result(ground, long)["status"] == predictions.CANCELLED
    after = ground.submit()
    ground.wait_ended([long, after])
    assert ground.row(after).status == predictions.COMPLETED
    until("the folder to go", lambda: not (ground.settings.work / long).exists())


def test_metrics_add_up_the_processes(ground: Ground) -> None:
    """The API's answer holds what the controller counted."""
    ground.wait_ended([ground.submit()])
    text = get(ground, "/metrics")[1].decode()
    assert re.search(r'lipwright_jobs_total\{code="0",status="completed"\} [1-9]', text)
    assert re.search(r'lipwright_stage_seconds_count\{stage="render"\} [1-9]', text)
    assert "lipwright_gpu_slots 1.0" in text
    assert 'lipwright_queue_jobs{status="created"}' in text


def test_the_log_is_json_without_secrets(ground: Ground) -> None:
    """Every line but the greeting; jobs' lines have the job's id."""
    id = ground.submit()
    ground.wait_ended([id])
    lines = ground.server.log.read_text().splitlines()
    parsed = [json.loads(line) for line in lines if not line.startswith("Lipwright serves at")]
    assert any(line.get("prediction_id") == id and line["event"] == "completed" for line in parsed)
    text = "\n".join(lines)
    assert ground.token not in text
    assert ground.key.webhook_secret not in text
    assert "signature=" not in text


def test_a_second_controller_waits_and_takes_over(ground: Ground) -> None:
    """As it would on another machine of a cluster."""
    command = [sys.executable, "-m", "lipwright", "serve", "--role", "controller"]
    with (ground.server.data.parent / "standby.log").open("w") as log:
        standby = subprocess.Popen(command, env=ground.server.environment, stdout=log, stderr=log)
    try:
        text = Path(log.name)
        until("the standby to wait", lambda: "waiting for its lock" in text.read_text())
        ground.server.kill("controller")
        id = ground.submit()
        ground.wait_ended([id])
    finally:
        standby.terminate()
        standby.wait()
    assert ground.row(id).status == predictions.COMPLETED


def test_a_stopping_server_finishes_what_it_can_and_resumes_the_rest(tmp_path: Path) -> None:
    """A job that takes longer than the drain time is completed by the next server, without a strike."""
    with killing_ground(tmp_path, None, drain_s=1) as ground:
        id = ground.submit(steps=120)
        until("the render", lambda: 0.3 < ground.row(id).progress < 1)
        assert ground.server.stop() == 0
        assert [ground.server.pids(role) for role in ("api", "controller", "worker")] == [[], [], []]
        assert ground.row(id).status == predictions.PROCESSING
        ground.server.start()
        ground.wait_ended([id])
        row = ground.row(id)
        assert (row.status, row.crashes, row.attempts) == (predictions.COMPLETED, 0, 2)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """Its children see the end of its pipe."""
    with running_server(tmp_path) as server:
        server.process.kill()
        server.process.wait()
        until("the end of all", lambda: not any(map(server.pids, ("api", "controller", "worker"))), 30)


def serve(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`lipwright serve` with arguments, to its end."""
    names = {f"LIPWRIGHT_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "lipwright", "serve", *arguments],
        env={"PATH": "/usr/bin:/bin", "LIPWRIGHT_DATA": str(folder / "data"), **names},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_check_says_what_is_wrong_and_what_is_not(tmp_path: Path) -> None:
    """One line each; exit code 1 until all is well."""
    before = serve(tmp_path, "--check")
    assert before.returncode == 1
    assert re.search(r"^FAIL database: .*--migrate", before.stdout, re.M)
    assert serve(tmp_path, "--migrate").returncode == 0
    after = serve(tmp_path, "--check", models="tiny")
    assert after.returncode == 0, after.stdout
    assert [line.split(":")[0] for line in after.stdout.splitlines()][:4] == [
        "ok   settings",
        "ok   data folder",
        "ok   disk",
        "ok   database",
    ]


def test_a_bad_setting_is_one_sentence(tmp_path: Path) -> None:
    """Before anything is started."""
    done = serve(tmp_path, port="99999")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1 and "port" in done.stderr
    assert not (tmp_path / "data").exists()


def test_fault_points_are_refused_by_a_server_that_renders(tmp_path: Path) -> None:
    """They are for tests with a renderer of their own."""
    done = serve(tmp_path, faults=str(tmp_path))
    assert done.returncode != 0
    assert "LIPWRIGHT_FAULTS" in done.stderr


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """The first server is not disturbed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(tmp_path, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
