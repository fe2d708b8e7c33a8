"""The whole training run at toy size: it ends with a bundle that loads and lip-syncs."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lipwright.errors import OptionError
from lipwright.pipeline.engine import Engine
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.training.clip_material import KEYS
from lipwright.training.config import TOY
from lipwright.training.train_tiny import clips, speech, train_tiny
from lipwright.weights.bundle import Bundle

STAGES = ("speech", "autoencoder", "decoder", "unet")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle, list[str]]:
    """(work folder, bundle, what was said)."""
    work, out = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("out") / "tiny"
    said: list[str] = []
    return work, train_tiny(work, out, TOY, parallel=False, say=said.append), said


def test_the_bundle_lip_syncs(
    trained: tuple[Path, Bundle, list[str]], clip: Path, voice: Path, tmp_path: Path
) -> None:
    _, bundle, _ = trained
    report = Engine.load(bundle.folder, device="cpu").sync(clip, voice, tmp_path / "out.mp4")
    assert report.model == "tiny" and report.frames == 15 and report.untouched_frames == 0
    assert (report.steps, report.guidance) == (1, 1.15)


def test_the_bundle_tells_how_it_was_made(trained: tuple[Path, Bundle, list[str]]) -> None:
    _, bundle, _ = trained
    record = bundle.info["training"]
    assert record["command"].startswith("lipwright train tiny --seed 1")
    assert record["config"] == TOY.to_json()
    assert {stage: record["stages"][stage]["steps"] for stage in ("speech", "decoder", "unet")} == {
        "speech": TOY.speech.steps,
        "decoder": TOY.autoencoder.decoder_steps,
        "unet": TOY.unet.steps,
    }
    for name in STAGES:
        lines = (bundle.folder / f"{name}.csv").read_text().splitlines()
        assert lines[0].startswith("step,loss") and len(lines) >= 2
    assert bundle.rendered_faces_only and bundle.info["licence"] == "Apache-2.0"
    assert sum(path.stat().st_size for path in bundle.folder.iterdir()) < 2_000_000
    assert not list(bundle.folder.glob("*.part"))


def test_a_second_run_only_goes_on(trained: tuple[Path, Bundle, list[str]], tmp_path: Path) -> None:
    work, bundle, _ = trained
    said: list[str] = []
    again = train_tiny(work, tmp_path / "again", TOY, parallel=False, say=said.append)
    assert {line.split(":")[0] for line in said if "resumed at step" in line} == set(STAGES)
    assert again.info["files"] == bundle.info["files"]


def test_a_bundle_is_trained_further(trained: tuple[Path, Bundle, list[str]], tmp_path: Path) -> None:
    work, bundle, _ = trained
    for name in ("speech", "clips"):
        shutil.copytree(work / name, tmp_path / "work" / name)
    config = replace(TOY, start=str(bundle.folder))
    further = train_tiny(tmp_path / "work", tmp_path / "out", config, parallel=False, say=lambda _: None)
    record = further.info["training"]
    assert record["command"].endswith("--from tiny") and record["from"]["files"] == bundle.info["files"]
    assert "autoencoder" not in record["stages"] and "autoencoder.csv" not in record["curves"]
    kept, moved = (load_file(b.file("autoencoder")) for b in (bundle, further))
    assert all(torch.equal(kept[key], moved[key]) for key in kept if key.startswith("encoder."))
    assert any(not torch.equal(kept[key], moved[key]) for key in kept if key.startswith("decoder."))
    old, new = (load_file(b.file("unet")) for b in (bundle, further))
    assert max(float((old[key] - new[key]).abs().max()) for key in old) < 0.1  # from there, not from nothing


def test_material_is_whole(trained: tuple[Path, Bundle, list[str]]) -> None:
    work, _, _ = trained
    heard = speech(work, TOY, 1, print)
    assert len(heard) == TOY.material.utterances
    assert heard.mel.shape[0] == 2 * int(heard.starts[-1])
    seen = clips(work, TOY, print)
    size = TOY.resolution
    assert 1 <= len(seen) <= TOY.material.identities * 2 * 2
    assert seen.source.shape == seen.target.shape == (len(seen), size, size, 3)
    assert all(len(getattr(seen, key)) == len(seen) for key in KEYS)
    assert seen.row.min() >= 0 and seen.row.max() < heard.starts[-1]
    # The two pictures of a frame are one head with two mouths.
    apart = np.abs(seen.source.astype(int) - seen.target)
    assert apart[:, : size // 8].mean() < 1
    assert apart[:, size * 3 // 8 : size * 5 // 8, size // 4 : size * 3 // 4].mean() > 1
    assert (
        (seen.mouth[:, 0] < seen.mouth[:, 2]).all() and (seen.mouth > 10).all() and (seen.mouth < size).all()
    )


@pytest.mark.parametrize("seed", [EVALUATION_SEED, 2 * EVALUATION_SEED])
def test_seeds_of_evaluation_are_never_trained_on(seed: int, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="evaluation"):
        train_tiny(tmp_path / "work", tmp_path / "out", replace(TOY, seed=seed), parallel=False)
    assert not (tmp_path / "out").exists()
