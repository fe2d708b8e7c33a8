"""The loop: resumed exactly, the same with two processes; one sentence when something breaks."""

import csv
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lipwright.errors import LipwrightError, OptionError, OutputError, WeightsError
from lipwright.training.fit import fit, make_accelerator
from lipwright.training.fit_config import FitConfig
from training.toy_task import ToyTask

CONFIG = FitConfig(
    steps=24,
    batch=4,
    rate=5e-2,
    schedule="cosine",
    warm_steps=3,
    log_every=4,
    check_every=8,
    save_every=5,
    show_every=0,
)


def run(task: ToyTask, config: FitConfig, folder: Path) -> list[dict[str, float]]:
    return fit(task, config, folder, make_accelerator(config, "cpu"), lambda line: None)


def figures(curve: list[dict[str, float]]) -> list[dict[str, float]]:
    """A curve without what a clock said."""
    return [{k: v for k, v in point.items() if k not in ("wait_share", "step_s")} for point in curve]


def test_a_killed_run_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    config = replace(CONFIG, ema=0.9)
    straight = ToyTask()
    whole = run(straight, config, tmp_path / "whole")
    lost: dict[int, list[float]] = {}
    for kill in (30, 71, None):  # items: in steps 7 and 17, after states of steps 5 and 15
        part = ToyTask(stop_at=kill)
        if kill is None:
            curve = run(part, config, tmp_path / "parts")
        else:
            with pytest.raises(KeyboardInterrupt):
                run(part, config, tmp_path / "parts")
        for place in range(len(part.lost)):
            lost.setdefault(part.seen[4 * place], []).append(part.lost[place])
    assert len(straight.lost) == 24
    for place, loss in enumerate(straight.lost):
        assert set(lost[4 * place]) == {loss}, "steps done twice gave the same loss"
    assert figures(curve) == figures(whole)
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, part.network.state_dict()[name])
    assert sum(straight.lost[-8:]) < 0.8 * sum(straight.lost[:8])


def test_accumulated_passes_are_one_large_batch(tmp_path: Path) -> None:
    large, small = ToyTask(), ToyTask()
    run(large, CONFIG, tmp_path / "large")
    run(small, replace(CONFIG, batch=2, accumulate=2), tmp_path / "small")
    assert small.seen == large.seen == list(range(96))
    for name, value in large.network.state_dict().items():
        torch.testing.assert_close(value, small.network.state_dict()[name], rtol=1e-5, atol=1e-6)


def _launched(folder: Path, config: FitConfig, processes: int) -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    out = folder / f"out-{processes}.pt"
    script = Path(__file__).with_name("toy_task.py")
    command = [
        sys.executable,
        str(script),
        str(folder / f"run-{processes}"),
        json.dumps(asdict(config)),
        str(out),
    ]
    running = []
    for rank in range(processes):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
        meet = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "ACCELERATE_USE_CPU": "true",
            "OMP_NUM_THREADS": "1",
        }
        environment = {**os.environ, **(place | meet if processes > 1 else {})}
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in running:
        _, told = process.communicate(timeout=180)
        assert process.returncode == 0, told
    found: dict[str, Any] = torch.load(out, weights_only=True)
    return found


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_whole_batch(tmp_path: Path) -> None:
    config = replace(CONFIG, steps=8, check_every=4)
    one = _launched(tmp_path, config, 1)
    two = _launched(tmp_path, replace(config, batch=2), 2)
    assert one["seen"] == list(range(32))
    assert two["seen"] == [n for n in range(32) if n % 4 < 2], "the other process sees the others"
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(figures(one["curve"]), figures(two["curve"]), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)


def test_a_loss_that_is_no_number_stops_and_saves_its_batch(tmp_path: Path) -> None:
    with pytest.raises(
        LipwrightError, match=r"loss of toy is not a number at step 9; its batch is in .*bad-batch"
    ):
        run(ToyTask(nan_at=37), CONFIG, tmp_path)
    saved = torch.load(tmp_path / "bad-batch.pt", weights_only=True)
    assert saved["step"] == 9 and saved["batch"]["number"].tolist() == [36, 37, 38, 39]
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 5


def test_a_full_disk_leaves_the_last_state_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(ToyTask(stop_at=30), CONFIG, tmp_path)
    before = (tmp_path / "state.pt").read_bytes()
    really = torch.save

    def full(state: Any, file: Path) -> None:
        really(state, file)
        file.write_bytes(file.read_bytes()[:100])
        raise RuntimeError("PytorchStreamWriter failed writing file: file write failed")

    monkeypatch.setattr("lipwright.training.run_state.torch.save", full)
    with pytest.raises(OutputError, match=r"cannot be written to .* the last one is whole: make room"):
        run(ToyTask(), CONFIG, tmp_path)
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    run(ToyTask(), replace(CONFIG, steps=4, warm_steps=0), tmp_path)
    with pytest.raises(OptionError, match=r"belongs to another run: network\.width is 8 there and 6 here"):
        run(ToyTask(width=6), replace(CONFIG, steps=4, warm_steps=0), tmp_path)
    with pytest.raises(OptionError, match=r"fit.rate is 0\.05 there and 0\.5 here"):
        run(ToyTask(), replace(CONFIG, steps=4, warm_steps=0, rate=0.5), tmp_path)
    (tmp_path / "state.pt").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(WeightsError, match="is no training state that can be read"):
        run(ToyTask(), replace(CONFIG, steps=4, warm_steps=0), tmp_path)


def test_a_finished_run_can_be_lengthened(tmp_path: Path) -> None:
    short = replace(CONFIG, steps=6, schedule="constant")
    run(ToyTask(), short, tmp_path)
    longer = ToyTask()
    run(longer, replace(short, steps=9), tmp_path)
    assert longer.seen == list(range(24, 36))


def test_time_can_end_a_run(tmp_path: Path) -> None:
    curve = run(ToyTask(), replace(CONFIG, seconds=1e-6), tmp_path)
    assert curve[-1]["step"] == 1 and "held" in curve[-1]


def test_everything_to_look_at_is_written(tmp_path: Path) -> None:
    run(ToyTask(), replace(CONFIG, show_every=12), tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"state.pt", "curve.csv", "curves.png", "health.md", "shown-12.txt", "shown-24.txt"}
    with open(tmp_path / "curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(float(row["step"])) for row in rows] == [4, 8, 12, 16, 20, 24]
    assert rows[0]["held"] == "" and float(rows[1]["half"]) == pytest.approx(
        float(rows[1]["loss"]) / 2, rel=1e-4
    )
    page = (tmp_path / "health.md").read_text()
    assert "**Alarm.** Toys are not alarmed." in page and "| step | 24 of 24 |" in page


def test_half_precision_of_graphics_cards_is_refused_on_a_cpu() -> None:
    with pytest.raises(OptionError, match="a CPU trains in fp32 or bf16 only"):
        make_accelerator(replace(CONFIG, precision="fp16"), "cpu")


def test_workers_read_the_same_items(tmp_path: Path) -> None:
    task = ToyTask()
    run(task, replace(CONFIG, steps=4, warm_steps=0, workers=1), tmp_path)
    assert task.seen == list(range(16))
