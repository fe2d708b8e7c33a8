"""The ablation at smoke size: it makes what is missing, goes on where it stopped, and ends in a table."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipwright.errors import OptionError
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig
from lipwright.training.ablation import VARIANTS, Ablation, Drawn, ablate, spread, sync_confidence
from lipwright.training.fit_config import FitConfig
from lipwright.training.stage_two import LossWeights
from lipwright.training.train_glance import GlanceRun
from lipwright.training.train_syncnet import SyncNetRun
from lipwright.training.train_video_mae import VideoMAERun
from lipwright.training.unet_config import UNetRun
from lipwright.weights.judges import SyncJudge, SyncSight
from training import toy_clips
from training.test_train_syncnet import LATENT, PICTURE, SOUND
from training.test_train_unet import PICTURE as SMALL_PICTURE
from training.test_train_unet import SOUND as SMALL_SOUND
from training.test_train_unet import TEMPORAL

FIT = FitConfig(steps=1, batch=2, rate=1e-3, check_every=0, show_every=0, log_every=1, save_every=1)


def config(bundle: Path, folder: Path) -> Ablation:
    clips = str(toy_clips.dataset(folder / "clips", clips=3))
    pixel = SyncNetRun(
        model="own",
        towers={"audio_encoder": SOUND, "visual_encoder": PICTURE},
        side=64,
        held_items=16,
        fit=FIT,
    )
    latent = replace(pixel, towers={"audio_encoder": SOUND, "visual_encoder": LATENT}, base=str(bundle))
    start = UNetRun(
        stage=1,
        base=str(bundle),
        start="scratch",
        unet={"norm_num_groups": 8, "block_out_channels": [32, 32]},
        frames=4,
        held_items=1,
        fit=replace(FIT, batch=1),
    )
    unet = UNetRun(
        stage=2,
        base=str(bundle),
        unet=TEMPORAL,
        parts=("motion", "attentions"),
        syncnet="later",
        videomae="later",
        losses=LossWeights(perceptual=0.0),
        held_items=1,
        fit=replace(FIT, batch=1),
    )
    motion = VideoMAERun(side=32, patch=8, width=16, depth=1, heads=2, decoder_width=8, fit=FIT)
    glance = GlanceRun(base=str(bundle), side=64, width=8, blocks=1, fit=FIT)
    return Ablation(
        *(unet, pixel, latent, motion, glance, start),
        seeds=(1,),
        seconds=1e-6,
        windows=1,
        clips_at=clips,
        judge_clips_at=clips,
        evaluation_at=clips,
        variants=(VARIANTS[1], VARIANTS[5]),
    )


@pytest.mark.slow
def test_a_small_ablation_ends_in_a_table_and_goes_on(tiny_bundle: Path, tmp_path: Path) -> None:
    wanted = config(tiny_bundle, tmp_path)
    said: list[str] = []
    ablate(replace(wanted, variants=wanted.variants[:1]), tmp_path / "work", said.append)
    first = (tmp_path / "work" / "runs" / "latent-syncnet-1" / "result.json").stat().st_mtime_ns
    table = ablate(wanted, tmp_path / "work", said.append).read_text()
    assert (tmp_path / "work" / "runs" / "latent-syncnet-1" / "result.json").stat().st_mtime_ns == first
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in table.splitlines()[2:]}
    assert {"the common start", "latent SyncNet", "pixel SyncNet, TREPA, no temporal layers"} <= set(rows)
    seeds, steps, aperture, confidence, *_ = rows["latent SyncNet"]
    assert (seeds, steps) == ("1", "1.000 (1.000 to 1.000)")
    assert aperture == "-", "drawn mouths have no face for the mesh, and that is told"
    assert float(confidence.split()[0]) >= 0
    assert [line for line in said if line.startswith("ablation:")] == [
        "ablation: latent SyncNet, seed 1",
        "ablation: pixel SyncNet, TREPA, no temporal layers, seed 1",
    ]


def test_the_variants_are_those_of_the_question() -> None:
    assert {variant.sync for variant in VARIANTS} == {"none", "latent", "pixel"}
    for name in ("trepa", "temporal"):
        assert {getattr(variant, name) for variant in VARIANTS if variant.sync == "pixel"} == {True, False}


def test_means_tell_what_is_missing() -> None:
    assert spread([1.0, 2.0, 3.0]) == "2.000 (1.000 to 3.000)"
    assert spread([1.0, None]) == "1.000 (1.000 to 1.000), 1 missing"
    assert spread([None, None]) == "-"


def test_confidence_is_the_peak_over_the_median() -> None:
    torch.manual_seed(0)
    judge = SyncJudge(
        StableSyncNet(SyncNetConfig(SMALL_SOUND, SMALL_PICTURE)).eval(), SyncSight("pixel", 64, 16)
    )
    frames = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    value, lag = sync_confidence(judge, [Drawn(frames, frames, torch.randn(25, 80, 52))])
    assert value >= 0 and -8 <= lag <= 8


def test_no_time_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="seconds above 0"):
        replace(config(tiny_bundle, tmp_path), seconds=0.0)
