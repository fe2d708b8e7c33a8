"""Training the U-Net at toy size: both stages, what moves, LoRA, fine-tuning, a bundle that lip-syncs."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from lipwright.dataset.manifest import Dataset, read_dataset
from lipwright.errors import OptionError
from lipwright.media.frames import read_frames
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, TowerConfig
from lipwright.models.unet import UNet3D
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.training.clip_shelf import to_pixels
from lipwright.training.fit_config import FitConfig
from lipwright.training.lora import add_lora, merged
from lipwright.training.stage_two import LossWeights
from lipwright.training.train_glance import GlanceRun, train_glance
from lipwright.training.train_unet import UNetTask, train_unet
from lipwright.training.unet_config import UNetRun
from lipwright.training.unet_items import UNetItems
from lipwright.training.unet_parts import build_unet, load_base
from lipwright.weights.bundle import read_bundle
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import load_glance, save_judge
from training import toy_clips

FIT = FitConfig(steps=2, batch=2, rate=1e-3, log_every=1, check_every=2, save_every=2, show_every=0)
SOUND = TowerConfig(1, (32, 32, 64), ((8, 4), (4, 4), (3, 4)), (0,) * 3)
PICTURE = TowerConfig(48, (32, 32, 64), ((2, 4), 4, 4), (0,) * 3)
TEMPORAL = {"use_motion_module": True, "num_attention_heads": 2, "block_out_channels": [32, 32]}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(toy_clips.dataset(tmp_path_factory.mktemp("data"), clips=2))


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Folders of a SyncNet and a VideoMAE with random weights."""
    folder = tmp_path_factory.mktemp("judges")
    torch.manual_seed(0)
    config, motion = SyncNetConfig(SOUND, PICTURE), VideoMAEConfig(28, 14, 24, 1, 2, num_classes=3)
    sight = {"sight": {"space": "pixel", "side": 64, "frames": 16}}
    save_judge(folder / "sync", "syncnet", StableSyncNet(config), config.to_json(), sight)
    save_judge(folder / "motion", "videomae", VideoMAE(motion), motion.to_json(), {})
    return str(folder / "sync"), str(folder / "motion")


def run(bundle: Path, **changes: Any) -> UNetRun:
    return UNetRun(
        **{"base": str(bundle), "held_items": 2, "show_steps": 1, "show_windows": 1, "fit": FIT, **changes}
    )


def test_items_are_windows_that_do_not_touch(data: Dataset, tiny_bundle: Path) -> None:
    wanted = run(tiny_bundle, audio_dropout=0.5)
    items = UNetTask(wanted, data, load_base(wanted, CPU, data), CPU).item
    assert isinstance(items, UNetItems)
    blind, items = items, replace(items, encodes=True)
    made = items(5)
    assert "pixels" not in blind(5), "the latents of this bundle are kept, no judge looks"
    assert all(torch.equal(value, made[key]) for key, value in blind(5).items())
    assert made["pixels"].shape == made["reference"].shape == (16, 3, 64, 64)
    assert made["noise"].shape == (4, 16, 8, 8) and made["spread"].shape == (3, 16, 4, 8, 8)
    assert all(torch.equal(value, items(5)[key]) for key, value in made.items())
    heard = sum(float(items(number)["heard"]) for number in range(30))
    assert 6 < heard < 24
    assert {int(items(number)["t"]) for number in range(30)} != {0}


def test_kept_latents_are_those_of_the_items(data: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    wanted = run(tiny_bundle, kept_at=str(tmp_path / "kept"))
    base = load_base(wanted, CPU, data)
    task = UNetTask(wanted, data, base, CPU)
    assert isinstance(task.item, UNetItems)
    made = {key: value[None] for key, value in replace(task.item, encodes=True)(3).items()}
    batch = task.batch(made, task.item)
    pixels, reference = made["pixels"][0], made["reference"][0]
    for found, frames in (
        (batch.clean, pixels),
        (batch.masked, pixels * base.keep_mask),
        (batch.reference, reference),
    ):
        wanted_latents = base.codec.encode(frames, None).transpose(0, 1)[None]
        torch.testing.assert_close(found, wanted_latents, rtol=1e-4, atol=1e-5)
    later = UNetTask(wanted, data, base, CPU)
    assert isinstance(later.item, UNetItems)
    again = later.batch(made, later.item)
    assert torch.equal(again.clean, batch.clean) and torch.equal(again.audio, batch.audio)
    assert len(list((tmp_path / "kept").rglob("heard/*.npy"))) == 1


def test_of_pairs_the_other_mouth_is_shown_and_repainted(tiny_bundle: Path, tmp_path: Path) -> None:
    paired = read_dataset(toy_clips.with_other_mouths(toy_clips.dataset(tmp_path, clips=2)))
    wanted = run(tiny_bundle)
    base = load_base(wanted, CPU, paired)
    task = UNetTask(wanted, paired, base, CPU)
    assert isinstance(task.item, UNetItems)
    made = {key: value[None] for key, value in replace(task.item, encodes=True)(3).items()}
    assert int(made["other"]) == int(made["start"])
    assert torch.equal(made["shown"], made["reference"]) and not torch.equal(made["shown"], made["pixels"])
    batch = task.batch(made, task.item)
    for found, frames in (
        (batch.clean, made["pixels"][0]),
        (batch.masked, made["shown"][0] * base.keep_mask),
        (batch.reference, made["shown"][0]),
    ):
        wanted_latents = base.codec.encode(frames, None).transpose(0, 1)[None]
        torch.testing.assert_close(found, wanted_latents, rtol=1e-4, atol=1e-5)


def test_a_share_of_the_items_is_noised_as_the_sampler_meets_them(data: Dataset, tiny_bundle: Path) -> None:
    wanted = run(tiny_bundle, sampler_steps=2, sampler_share=0.5)
    base = load_base(wanted, CPU, data)
    items = UNetTask(wanted, data, base, CPU).item
    met = set(base.schedule.solver("ddim", 2).timesteps.tolist())
    times = [int(items(number)["t"]) for number in range(60)]
    assert 18 < sum(time in met for time in times) < 42
    assert len(set(times)) > 15


def test_judges_may_look_through_a_glance(
    data: Dataset, tiny_bundle: Path, judges: tuple[str, str], tmp_path: Path
) -> None:
    fit = FitConfig(steps=1, batch=2, check_every=0, show_every=0, log_every=1, save_every=1)
    train_glance(GlanceRun(str(tiny_bundle), 64, width=8, blocks=1, fit=fit), data, tmp_path, device="cpu")
    syncnet, videomae = judges
    wanted = run(
        tiny_bundle,
        stage=2,
        syncnet=syncnet,
        videomae=videomae,
        glance=str(tmp_path / "glance"),
        losses=LossWeights(perceptual=0.0),
    )
    task = UNetTask(wanted, data, load_base(wanted, CPU, data), CPU)
    batch = {key: value[None] for key, value in task.item(0).items()}
    found = task.losses(task.network, batch)
    assert {"sync", "trepa"} <= set(found) and "pixels" not in batch
    network = load_glance(tmp_path / "glance", find_bundle(str(tiny_bundle)).mark("autoencoder"))
    ready = task.batch(batch, task.item)  # type: ignore[arg-type]
    assert ready.pixels is not None
    torch.testing.assert_close(ready.pixels[0], network(ready.clean[0].transpose(0, 1)))
    with pytest.raises(OptionError, match="the perceptual judge wants whole pictures"):
        replace(wanted, losses=LossWeights())
    few = replace(wanted, losses=LossWeights(), perceptual="own", look_frames=2)
    task = UNetTask(few, data, load_base(few, CPU, data), CPU)
    batch = {key: value[None] for key, value in task.item(0).items()}
    assert "pixels" not in batch and batch["looked"].shape == (1, 2, 3, 64, 64)
    start = int(batch["start"]) + int(batch["look"])
    shelf = task.item.shelf  # type: ignore[attr-defined]
    assert torch.equal(batch["looked"][0], to_pixels(shelf.frames(int(batch["clip"]), start, 2)))
    found = task.losses(task.network, batch)
    assert {"sync", "trepa", "perceptual"} <= set(found) and float(found["perceptual"].detach()) > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_stage_two_ends_in_a_bundle_with_its_record(
    data: Dataset, tiny_bundle: Path, judges: tuple[str, str], tmp_path: Path, precision: str
) -> None:
    syncnet, videomae = judges
    wanted = run(
        tiny_bundle,
        stage=2,
        start="scratch",
        unet=TEMPORAL | {"norm_num_groups": 8},
        syncnet=syncnet,
        videomae=videomae,
        perceptual="own",
        fit=replace(FIT, ema=0.9, show_every=2, precision=precision),
    )
    said: list[str] = []
    bundle = read_bundle(train_unet(wanted, data, tmp_path, device="cpu", say=said.append))
    record = bundle.info["training"]
    assert record["judges"]["perceptual"].endswith("(no LPIPS)") and "pixel" in record["judges"]["syncnet"]
    assert {"reconstruction", "sync", "perceptual", "trepa", "held_loss", "held_loss_wrong_sound"} <= set(
        record["last"]
    )
    assert bundle.part("unet")["config"]["use_motion_module"] is True
    assert (tmp_path / "shown" / "step-0000002.mp4").stat().st_size > 1000
    assert (tmp_path / "shown" / "step-0000002.png").exists()
    assert any("perceptual: features of the model's own autoencoder" in line for line in said)


def test_clips_are_shown_of_a_bundle_that_draws_larger_than_it_sees(data: Dataset, tmp_path: Path) -> None:
    """As `tiny` does: 16 px for each latent, where the released autoencoder has 8."""
    bundle = tiny.build(tmp_path / "wide", block_px=4)
    wanted = run(bundle, fit=replace(FIT, show_every=2))
    out = train_unet(wanted, data, tmp_path / "work", device="cpu", say=lambda line: None)
    shown = list(read_frames(tmp_path / "work" / "shown" / "step-0000002.mp4"))
    assert len(shown) == 16 and (shown[0].width, shown[0].height) == (3 * 64, 64)
    assert read_bundle(out).part("autoencoder")["config"]["block_px"] == 4


def test_a_run_from_a_bundle_moves_only_its_parts(data: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    wanted = run(tiny_bundle, parts=("attn2",))
    base = load_base(wanted, CPU, data)
    before = build_unet(wanted, base).state_dict()
    task = UNetTask(wanted, data, base, CPU)
    assert all("attn2." in name for name in task.trained())
    out = read_bundle(train_unet(wanted, data, tmp_path, device="cpu", say=lambda line: None))
    after = build_unet(
        replace(wanted, base=str(out.folder)), load_base(replace(wanted, base=str(out.folder)), CPU, data)
    )
    moved = {key for key, value in after.state_dict().items() if (value - before[key]).abs().max() > 1e-4}
    assert moved and all("attn2." in key for key in moved)
    assert out.info["training"]["from"]["files"] == dict(base.bundle.info["files"])


def test_lora_trains_little_and_merges_into_the_same_names(data: Dataset, tiny_bundle: Path) -> None:
    wanted = run(tiny_bundle)
    base = load_base(wanted, CPU, data)
    network = build_unet(wanted, base).eval()
    names = set(network.state_dict())
    x, t, audio = (
        torch.randn(1, 13, 2, 8, 8),
        torch.tensor([3]),
        torch.randn(1, 2, 10, network.config.cross_attention_dim),
    )
    with torch.no_grad():
        plain = network(x, t, audio)
    found = add_lora(network, 2, ("attn2.",))
    assert found and all("lora_" in name and "attn2" in name for name in found)
    with torch.no_grad():
        torch.testing.assert_close(network(x, t, audio), plain)
        for value in found.values():
            value.add_(0.3)
        changed = network(x, t, audio)
        whole = merged(network)
        assert set(whole.state_dict()) == names
        torch.testing.assert_close(whole(x, t, audio), changed, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(changed, plain)
    with pytest.raises(OptionError, match="No attention of the network has nothing"):
        add_lora(build_unet(wanted, base), 2, ("nothing",))


def test_a_lora_run_ends_in_an_ordinary_bundle(data: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    out = train_unet(run(tiny_bundle, lora_rank=2), data, tmp_path, device="cpu", say=lambda line: None)
    again = run(out)
    assert isinstance(build_unet(again, load_base(again, CPU, data)), UNet3D)


def test_a_killed_run_goes_on(data: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    whole = run(tiny_bundle, fit=replace(FIT, steps=4))
    one = read_bundle(train_unet(whole, data, tmp_path / "one", device="cpu", say=lambda line: None))
    train_unet(run(tiny_bundle), data, tmp_path / "two", device="cpu", say=lambda line: None)
    two = read_bundle(train_unet(whole, data, tmp_path / "two", device="cpu", say=lambda line: None))
    assert one.info["files"] == two.info["files"]


def test_velocity_needs_a_fresh_start(data: Dataset, tiny_bundle: Path) -> None:
    with pytest.raises(
        OptionError, match="prediction is 'epsilon', but toy predicts 'v_prediction' and start is 'base'"
    ):
        load_base(run(tiny_bundle, prediction="epsilon"), CPU, data)
    base = load_base(run(tiny_bundle, prediction="epsilon", start="scratch"), CPU, data)
    assert base.schedule.prediction_type == "epsilon"


def test_clips_of_another_crop_are_refused(data: Dataset, tiny_bundle: Path) -> None:
    template: dict[str, Any] = {**data.template, "points": [[1, 2], [30, 2], [15, 30]]}
    with pytest.raises(OptionError, match="were cut by another template than toy uses"):
        load_base(run(tiny_bundle), CPU, replace(data, template=template))


def test_parts_that_are_not_there_are_named(data: Dataset, tiny_bundle: Path) -> None:
    wanted = run(tiny_bundle, parts=("motion",))
    with pytest.raises(OptionError, match="No part of the U-Net is called 'motion'"):
        UNetTask(wanted, data, load_base(wanted, CPU, data), CPU)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stage": 3}, "stage is 3, but must be one of 1, 2"),
        ({"stage": 2}, r"losses\.sync is 0\.05, but no syncnet is named"),
        ({"stage": 2, "losses": LossWeights(sync=0.0)}, r"losses\.trepa is 10, but no videomae is named"),
        ({"syncnet": "x"}, "stage is 1 and a judge is named"),
        ({"stage": 2, "syncnet": "x", "videomae": "y", "frames": 8}, "frames is 8, but SyncNet and VideoMAE"),
        ({"lora_rank": 4, "start": "scratch"}, "lora_rank is 4 and start is 'scratch'"),
        ({"noise": "shared", "mixing": 2.0}, "mixing is 2 and noise is 'shared'"),
        ({"audio_dropout": 1.0}, "audio_dropout is 1"),
        ({"prediction": "x"}, "prediction is 'x'"),
        ({"frames": 0}, "frames is 0"),
        ({"look_frames": 17}, "look_frames is 17, but must be from 0 to 16"),
        ({"sampler_share": 0.5}, r"sampler_share is 0\.5 and sampler_steps 0"),
        ({"sampler_share": 1.5, "sampler_steps": 2}, r"sampler_share is 1\.5"),
    ],
)
def test_contradictions_are_one_sentence(changes: Mapping[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        UNetRun(**changes)


def test_the_record_can_be_read_back(data: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    out = train_unet(run(tiny_bundle), data, tmp_path, device="cpu", say=lambda line: None)
    record = json.loads((out / "model.json").read_text())["training"]
    assert record["config"]["fit"]["steps"] == 2 and record["clips"] == {
        "train": 1,
        "shorter": 0,
        "held_out": True,
    }
