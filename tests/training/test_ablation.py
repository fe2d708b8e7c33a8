"""The ablation at smoke size: it makes what is missing, goes on where it stopped, and ends in a table."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lipwright.errors import OptionError
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig
from lipwright.training.ablation import VARIANTS, Ablation, ablate, spread, sync_confidence
from lipwright.training.fit_config import FitConfig
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
    unet = UNetRun(
        stage=2,
        base=str(bundle),
        start="scratch",
        unet=TEMPORAL | {"norm_num_groups": 8},
        parts=("motion", "attentions"),
        syncnet="later",
        videomae="later",
        perceptual="own",
        held_items=1,
        fit=replace(FIT, batch=1),
    )
    motion = VideoMAERun(side=32, patch=8, width=16, depth=1, heads=2, decoder_width=8, fit=FIT)
    return Ablation(
        *(unet, pixel, latent, motion),
        seeds=(1,),
        seconds=1e-6,
        aperture_clips=0,
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
    assert (
        "| latent SyncNet | 1 | - |" in table and "| pixel SyncNet, TREPA, no temporal layers | 1 |" in table
    )
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
    frames, sounds = torch.randn(40, 3, 64, 64).clamp(-1, 1), torch.randn(25, 80, 52)
    value, lag = sync_confidence(judge, [frames], [sounds])
    assert value >= 0 and -8 <= lag <= 8


def test_no_time_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="seconds above 0"):
        replace(config(tiny_bundle, tmp_path), seconds=0.0)
