"""Training a SyncNet: released sampling, the accuracy test, the alarm at ln 2, and a network that comes "
"out."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from lipwright.dataset.manifest import Dataset, DatasetError, read_dataset
from lipwright.errors import OptionError
from lipwright.training import settings
from lipwright.training.clip_shelf import to_pixels
from lipwright.training.fit_config import FitConfig
from lipwright.training.sync_figures import measure_syncnet
from lipwright.training.sync_items import FRAMES
from lipwright.training.train_syncnet import PATIENCE, SyncNetRun, SyncNetTask, train_syncnet
from lipwright.weights.judges import load_syncnet
from training import toy_clips

SOUND = {
    "in_channels": 1,
    "block_out_channels": [32, 32, 256],
    "downsample_factors": [[8, 4], [4, 4], [3, 4]],
    "attn_blocks": [0, 0, 0],
}
PICTURE = {
    "in_channels": 48,
    "block_out_channels": [32, 32, 256],
    "downsample_factors": [[2, 4], 4, 4],
    "attn_blocks": [0, 0, 0],
}
LATENT = {**PICTURE, "in_channels": 64, "downsample_factors": [2, 2, 2]}
FIT = FitConfig(steps=4, batch=4, rate=1e-3, log_every=2, check_every=2, save_every=2, show_every=0)


def run(**changes: Any) -> SyncNetRun:
    towers = {"audio_encoder": SOUND, "visual_encoder": PICTURE}
    return SyncNetRun(
        **{"model": "own", "towers": towers, "side": 64, "held_items": 16, "fit": FIT, **changes}
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(toy_clips.dataset(tmp_path_factory.mktemp("data")))


def test_items_are_released_ones_and_depend_on_their_number_only(data: Dataset) -> None:
    task = SyncNetTask(run(), data, None)
    items = [task.item(number) for number in range(40)]
    assert items[0]["frames"].shape == (48, 32, 64) and items[0]["mel"].shape == (1, 80, 52)
    together = sum(float(item["together"]) for item in items)
    assert 10 < together < 30
    again = task.item(7)
    assert all(torch.equal(again[key], items[7][key]) for key in again)


def test_pictures_and_sound_belong_together_or_to_other_starts(data: Dataset) -> None:
    made = SyncNetTask(run(least_shift=8), data, None).item
    shelf = made.shelf  # type: ignore[attr-defined]
    for number in range(12):
        item = made(number)
        clip = made.order.clip(number)  # type: ignore[attr-defined]
        starts = range(shelf.rows[clip].frames - FRAMES + 1)
        heard = [
            s for s in starts if torch.equal(torch.from_numpy(shelf.mel(clip, s).copy()), item["mel"][0])
        ]
        frames = [to_pixels(shelf.frames(clip, s, FRAMES))[:, :, 32:].reshape(48, 32, 64) for s in starts]
        shown = [s for s in starts if torch.equal(frames[s], item["frames"])]
        apart = min(abs(a - b) for a in heard for b in shown)
        assert apart == 0 if item["together"] else apart >= 1


def test_each_epoch_shows_every_clip_once(data: Dataset) -> None:
    order = SyncNetTask(run(), data, None).item.order  # type: ignore[attr-defined]
    seen = [order.clip(number) for number in range(4 * order.clips)]
    for epoch in range(4):
        assert sorted(seen[epoch * order.clips :][: order.clips]) == list(range(order.clips))


def test_a_network_comes_out_and_is_measured(data: Dataset, tmp_path: Path) -> None:
    last = train_syncnet(run(), data, tmp_path, device="cpu", say=lambda line: None)
    assert last["step"] == 4 and {"held_accuracy", "held_ranked", "held_together", "held_apart"} <= set(last)
    judge = load_syncnet(tmp_path / "syncnet")
    assert judge.sight.side == 64 and judge.sight.space == "pixel"
    assert judge.sight.template == data.template
    record = json.loads((tmp_path / "syncnet" / "judge.json").read_text())["training"]
    assert 0 <= record["offsets"]["held_offset"] <= 1
    assert record["steps"] == 4 and record["clips"]["train"] == 2 and record["clips"]["held_out"]
    figures = measure_syncnet(tmp_path / "syncnet", data, 8)
    assert 0 <= figures["held_accuracy"] <= 1 and math.isfinite(figures["held_loss"])


@pytest.mark.slow
def test_the_toy_recipe_learns_what_goes_together(tmp_path: Path) -> None:
    recipe = settings.load(SyncNetRun, "syncnet_toy")
    data = read_dataset(toy_clips.dataset(tmp_path / "data", clips=8, frames=64))
    small = {**PICTURE, "downsample_factors": [[1, 2], 4, 4]}
    fit = replace(recipe.fit, steps=40, batch=4, rate=1e-3, warm_steps=5, check_every=40)
    run = replace(
        recipe, side=32, towers={"audio_encoder": SOUND, "visual_encoder": small}, fit=fit, held_items=64
    )
    last = train_syncnet(run, data, tmp_path / "work", device="cpu", say=print)
    assert last["held_ranked"] > 0.7, "chance is 0.5"


def test_the_latent_variant_sees_latents_of_a_bundle(
    data: Dataset, tiny_bundle: Path, tmp_path: Path
) -> None:
    towers = {"audio_encoder": SOUND, "visual_encoder": LATENT}
    latent = run(towers=towers, base=str(tiny_bundle))
    last = train_syncnet(latent, data, tmp_path, device="cpu", say=lambda line: None)
    assert math.isfinite(last["held_loss"])
    assert load_syncnet(tmp_path / "syncnet").sight.space == "latent"
    with pytest.raises(OptionError, match="name the bundle"):
        measure_syncnet(tmp_path / "syncnet", data, 4)
    assert math.isfinite(measure_syncnet(tmp_path / "syncnet", data, 4, str(tiny_bundle))["held_loss"])


def test_the_alarm_at_ln_2_comes_with_advice(data: Dataset) -> None:
    task = SyncNetTask(run(), data, None)
    stuck = [{"step": float(n), "loss": math.log(2) + 0.005 * (-1) ** n} for n in range(PATIENCE)]
    (alarm,) = task.alarms(stuck)
    assert "stands at ln 2" in alarm and "larger batch" in alarm
    assert task.alarms(stuck[:-1]) == []
    assert task.alarms([*stuck[:-1], {"step": 99.0, "loss": 0.5}]) == []


def test_groups_train_with_the_contrast_and_the_released_loss(data: Dataset) -> None:
    wanted = run(windows=3, least_shift=4, contrast_weight=1.0, entropy_weight=0.5, flips=True)
    task = SyncNetTask(wanted, data, None)
    items = [task.item(number) for number in range(2)]
    batch = {key: torch.stack([item[key] for item in items]) for key in items[0]}
    found = task.losses(task.network, batch)
    assert float(found["loss"].detach()) == pytest.approx(
        0.5 * float(found["entropy"].detach()) + float(found["contrast"].detach())
    )
    picture, own = task.network(batch["frames"].flatten(0, 1), batch["mel"].flatten(0, 1))
    cosines = (picture @ own.T).detach()
    pairs = torch.cat([cosines.diagonal(), cosines[[0, 1, 2, 3, 4, 5], [2, 0, 1, 5, 3, 4]]])
    truth = torch.tensor([1.0] * 6 + [0.0] * 6)
    entropy = torch.nn.functional.binary_cross_entropy(pairs.clamp(0, 1), truth)
    assert float(found["entropy"].detach()) == pytest.approx(float(entropy), rel=1e-5)


def test_latents_of_a_codec_without_chance_are_made_once(
    data: Dataset, tiny_bundle: Path, tmp_path: Path
) -> None:
    towers = {"audio_encoder": SOUND, "visual_encoder": LATENT}
    wanted = run(towers=towers, base=str(tiny_bundle), windows=2, contrast_weight=1.0)
    kept = replace(wanted, kept_at=str(tmp_path / "kept"))
    last = train_syncnet(kept, data, tmp_path / "one", device="cpu", say=lambda line: None)
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.npy")}
    assert len(files) == len(data.clips)
    again = train_syncnet(kept, data, tmp_path / "two", device="cpu", say=lambda line: None)
    memory = train_syncnet(wanted, data, tmp_path / "three", device="cpu", say=lambda line: None)
    assert files == {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").rglob("*.npy")}
    for other in (again, memory):
        assert other["loss"] == pytest.approx(last["loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "huge"}, "model is 'huge', but must be one of pixel, pixel_attn, latent or own"),
        ({"model": "pixel"}, "model is 'pixel' and towers are given"),
        ({"base": "tiny"}, "a SyncNet of latents needs the bundle"),
        ({"towers": {"audio_encoder": {}, "visual_encoder": {}}}, "towers describe no SyncNet"),
        ({"items": "all"}, "items is 'all'"),
        ({"least_shift": 17}, "least_shift is 17"),
        ({"windows": 9}, "windows is 9, but must be from 1 to 8"),
        ({"contrast_weight": 1.0}, "both belong to items of several windows"),
        ({"flips": True}, "both belong to items of several windows"),
        ({"entropy_weight": -1.0}, "neither may be below 0"),
    ],
)
def test_contradictions_are_one_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        _ = run(**changes).config


def test_clips_that_are_too_short_are_told(tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=2, frames=FRAMES))
    with pytest.raises(DatasetError, match="None of the 1 clips for training has 32 frames or more"):
        SyncNetTask(run(), data, None)


def test_the_released_towers_take_what_items_give() -> None:
    for name, frames in (("pixel_attn", (48, 128, 256)), ("latent", (64, 32, 32))):
        wanted = SyncNetRun(model=name, base="tiny" if name == "latent" else "")
        with torch.device("meta"):
            from lipwright.models.stable_syncnet import StableSyncNet

            network = StableSyncNet(wanted.config)
            picture, sound = network(torch.zeros(2, *frames), torch.zeros(2, 1, 80, 52))
        assert picture.shape == sound.shape


def test_initial_weights_follow_the_seed(data: Dataset) -> None:
    one, same = (SyncNetTask(run(), data, None).network.state_dict() for _ in range(2))
    with tiny.seeded(0):
        other = SyncNetTask(run(fit=replace(FIT, seed=9)), data, None).network.state_dict()
    key = "visual_encoder.conv_in.weight"
    assert torch.equal(one[key], same[key]) and not torch.equal(one[key], other[key])
