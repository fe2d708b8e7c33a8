"""A stage of training: the same numbers whether it was stopped or not, and no silent failure."""

import csv
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import tiny
from lipwright.errors import LipwrightError
from lipwright.training.loop import LOG_EVERY, Stage, average_into, cosine_rate

Losses = Callable[[torch.Generator], dict[str, Tensor]]
SEED = 7


def network() -> nn.Module:
    with tiny.seeded(3):
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 2))


def stage(folder: Path, steps: int, say: Callable[[str], None] = lambda line: None) -> Stage:
    return Stage("net", network(), folder, steps, 1e-2, SEED, ema=0.9, say=say)


def losses(work: Stage, seen: list[float], stop_at: int | None = None) -> Losses:
    """A task drawn from the stage's generator; `stop_at`: the power fails before that step."""

    def draw(generator: torch.Generator) -> dict[str, Tensor]:
        if stop_at is not None and work.step == stop_at:
            work.save()
            raise KeyboardInterrupt
        x = torch.randn(16, 4, generator=generator)
        loss = (work.network(x) - x[:, :2] * 2).square().mean()
        seen.append(float(loss.detach()))
        return {"loss": loss, "half": loss / 2}

    return draw


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    straight: list[float] = []
    whole = stage(tmp_path / "whole", 120)
    whole.run(losses(whole, straight))

    pieces: list[float] = []
    for stop_at in (33, 60, None):
        part = stage(tmp_path / "parts", 120)
        if stop_at is None:
            part.run(losses(part, pieces))
        else:
            with pytest.raises(KeyboardInterrupt):
                part.run(losses(part, pieces, stop_at))
    assert pieces == straight
    assert part.curve == whole.curve
    for ours, theirs in zip(
        whole.result.state_dict().values(), part.result.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert straight[-1] < straight[0] / 2


def test_a_finished_stage_does_nothing_more(tmp_path: Path) -> None:
    said: list[str] = []
    first = stage(tmp_path, 5)
    first.run(losses(first, []))
    again = stage(tmp_path, 5, said.append)
    seen: list[float] = []
    again.run(losses(again, seen))
    assert seen == [] and said[0] == "net: resumed at step 5"
    assert again.curve == first.curve


def test_the_average_is_the_result(tmp_path: Path) -> None:
    work = stage(tmp_path, 30)
    work.run(losses(work, []))
    assert work.result is work.average
    plain = Stage("plain", network(), tmp_path, 1, 1e-2, SEED, say=lambda line: None)
    assert plain.result is plain.network


def test_averages_move_a_share_and_copy_buffers() -> None:
    old, new = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        new.weight.fill_(3)
    assert isinstance(new.running_mean, Tensor) and isinstance(old.running_mean, Tensor)
    new.running_mean.fill_(5)
    average_into(old, new, keep=0.75)
    assert old.weight.tolist() == [1.5, 1.5]
    assert old.running_mean.tolist() == [5, 5]


def test_only_the_chosen_parameters_learn(tmp_path: Path) -> None:
    net = network()
    assert isinstance(net, nn.Sequential)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    last = net[3]
    assert isinstance(last, nn.Linear)
    work = Stage("head", net, tmp_path, 3, 1e-2, SEED, trained=list(last.parameters()), say=lambda line: None)
    work.run(losses(work, []))
    changed = {key for key, value in net.state_dict().items() if not torch.equal(value, before[key])}
    assert {key for key in changed if key.startswith(("0.", "3."))} == {"3.weight", "3.bias"}


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    work = stage(tmp_path, 10)

    def explode(generator: torch.Generator) -> dict[str, Tensor]:
        loss = work.network(torch.ones(4, 4)).mean()
        return {"loss": loss * (float("nan") if work.step == 2 else 1.0)}

    with pytest.raises(LipwrightError, match="loss of net is not a number at step 2"):
        work.run(explode)


def test_the_rate_warms_up_and_falls() -> None:
    rates = [cosine_rate(step, 1000, 0.5) for step in range(1000)]
    assert rates[0] == pytest.approx(0.005) and max(rates) == pytest.approx(0.5)
    assert rates.index(max(rates)) in (99, 100)
    assert all(a >= b for a, b in pairwise(rates[100:]))
    assert rates[-1] == pytest.approx(0.005, rel=0.01)
    assert all(math.isfinite(cosine_rate(step, 1, 1.0)) for step in range(3))


def test_the_curve_holds_means_and_checks(tmp_path: Path) -> None:
    seen: list[float] = []
    work = stage(tmp_path, LOG_EVERY + 3)
    work.run(losses(work, seen), check=lambda: {"held": 4.0})
    assert [point["step"] for point in work.curve] == [LOG_EVERY, LOG_EVERY + 3]
    assert work.curve[0]["loss"] == pytest.approx(sum(seen[:LOG_EVERY]) / LOG_EVERY)
    assert work.curve[1]["loss"] == pytest.approx(sum(seen[LOG_EVERY:]) / 3)
    assert "held" not in work.curve[0] and work.curve[1]["held"] == 4
    with open(tmp_path / "net.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [point["loss"] for point in work.curve]
    assert rows[1]["held"] == "4.0" and rows[0]["held"] == ""


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    work = stage(tmp_path, 3)
    work.run(losses(work, []))
    assert {path.name for path in tmp_path.iterdir()} == {"net.state.pt", "net.csv"}
