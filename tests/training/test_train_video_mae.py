"""The small video masked autoencoder: what is hidden, what is asked, and that it comes out as a judge."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipwright.dataset.manifest import Dataset, read_dataset
from lipwright.errors import OptionError
from lipwright.training.fit_config import FitConfig
from lipwright.training.train_video_mae import (
    MaskedVideo,
    VideoMAERun,
    VideoMAETask,
    hidden_places,
    patches_of,
    shaken,
    train_video_mae,
    trembling,
)
from lipwright.weights.judges import load_videomae
from training import toy_clips

FIT = FitConfig(steps=3, batch=2, rate=1e-3, log_every=3, check_every=3, save_every=3, show_every=0)
RUN = VideoMAERun(side=32, patch=8, width=16, depth=1, heads=2, decoder_width=8, fit=FIT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(toy_clips.dataset(tmp_path_factory.mktemp("data"), clips=2, frames=40, side=32))


def test_the_same_places_are_hidden_at_all_times() -> None:
    seen, unseen = hidden_places(RUN, torch.Generator().manual_seed(1))
    assert sorted([*seen.tolist(), *unseen.tolist()]) == list(range(RUN.config.tokens))
    places = {int(number) % 16 for number in unseen}
    assert len(places) == 12 and len(unseen) == 8 * len(places)
    other, _ = hidden_places(RUN, torch.Generator().manual_seed(2))
    assert not torch.equal(seen, other)


def test_patches_are_in_the_order_of_the_tokens() -> None:
    videos = torch.zeros(1, 3, 16, 32, 32)
    videos[0, :, 4:6, 8:16, 24:32] = 1  # third pair of frames, second row, last column
    (lit,) = torch.nonzero(patches_of(videos, 8)[0].mean(-1))[:, 0].tolist()
    assert lit == 2 * 16 + 1 * 4 + 3
    torch.manual_seed(0)
    encoder = MaskedVideo(RUN).encoder.patch_embed
    changed = (encoder(videos) - encoder(torch.zeros_like(videos)))[0].abs().sum(-1)
    assert torch.nonzero(changed)[:, 0].tolist() == [lit]


def test_trembling_is_as_far_off_as_calm_frame_by_frame() -> None:
    video = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    calm, shaken = trembling(video, torch.Generator().manual_seed(3))
    errors = [(made - video).square().mean().item() for made in (calm, shaken)]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)
    steps = [(made[1:] - made[:-1]).square().mean().item() for made in (calm, shaken)]
    assert steps[0] == pytest.approx((video[1:] - video[:-1]).square().mean().item())


def test_first_weights_see_changes_and_no_plain_brightness() -> None:
    torch.manual_seed(0)
    embed = MaskedVideo(replace(RUN, change_gain=30.0)).encoder.patch_embed.requires_grad_(False)
    still = torch.rand(1, 3, 1, 32, 32).expand(1, 3, 16, 32, 32)
    bias = embed.proj.bias
    assert bias is not None
    assert float((embed(still)[..., :8] - bias[:8]).abs().max()) < 1e-4, "half of them see only what changes"
    assert float((embed(torch.full_like(still, 0.7)) - bias).abs().max()) < 1e-4
    moving = still.clone()
    moving[:, :, 1::2] = moving[:, :, 1::2].roll(1, -1)
    assert float((embed(moving)[..., :8] - bias[:8]).std()) > 0.1


def test_shaking_moves_frames_by_what_it_says() -> None:
    rng = np.random.default_rng(4)
    video = torch.zeros(16, 3, 64, 64)
    video[:, :, 28:36, 28:36] = 1
    whole = boxes = 0
    for _ in range(20):
        moved, speed = shaken(video, 4.0, rng)
        y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
        mass = moved[:, 0].sum((1, 2))
        middle = torch.stack([(moved[:, 0] * grid).sum((1, 2)) / mass for grid in (x, y)], 1)
        found = float((middle[1:] - middle[:-1]).square().sum(1).mean().sqrt())
        if found == pytest.approx(speed, rel=0.05):
            whole += 1
        else:  # only what lies in the box is moved
            boxes += 1
            assert found < speed
    assert whole >= 5 and boxes >= 1


def test_the_second_task_trains_the_vector(data: Dataset, tmp_path: Path) -> None:
    run = replace(RUN, shake_px=2.0, shake_weight=1.0, change_gain=30.0)
    task = VideoMAETask(run, data)
    assert "encoder.fc_norm.weight" in task.trained() and "speed.weight" in task.trained()
    assert "encoder.fc_norm.weight" not in VideoMAETask(RUN, data).trained()
    last = train_video_mae(run, data, tmp_path, device="cpu", say=lambda line: None)
    assert last["loss"] == pytest.approx(last["hidden"] + last["shake"])


def test_a_judge_comes_out(data: Dataset, tmp_path: Path) -> None:
    last = train_video_mae(RUN, data, tmp_path, device="cpu", say=lambda line: None)
    assert math.isfinite(last["held_loss"]) and 0 <= last["tremble_told"] <= 1 and last["tremble_ratio"] > 0
    assert load_videomae(tmp_path / "videomae").config == RUN.config


def test_hidden_patches_are_learnt(data: Dataset, tmp_path: Path) -> None:
    task = VideoMAETask(RUN, data)
    items = [task.item(number) for number in range(4)]
    batch = {key: torch.stack([item[key] for item in items]) for key in items[0]}
    optimiser = torch.optim.AdamW(list(task.trained().values()), lr=3e-3)
    lost = []
    for _ in range(30):
        loss = task.losses(task.network, batch)["loss"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        lost.append(float(loss.detach()))
    assert lost[-1] < 0.9 * lost[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"side": 33}, "side is 33, patch 8"),
        ({"heads": 3}, "width is 16 for 3 heads"),
        ({"hidden_share": 1.0}, "hidden_share is 1"),
        ({"items": "x"}, "items is 'x'"),
        ({"shake_weight": 1.0}, "a weight needs clips that shake"),
        ({"change_gain": -1.0}, "none may be below 0"),
    ],
)
def test_contradictions_are_one_sentence(changes: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        replace(RUN, **changes)  # type: ignore[arg-type]
