"""`lipwright train`: what it refuses, and that a small run goes through."""

from pathlib import Path

import pytest
import torch

from desk import Desk
from lipwright.dataset.manifest import write_about
from training import toy_clips


def test_seeds_of_evaluation_are_refused(desk: Desk) -> None:
    flags = ("-o", desk.outputs / "tiny", "--work", desk.outputs / "work", "--toy", "--serial")
    code, said, told = desk.run("train", "tiny", *flags, "--seed", 1_000_000)
    assert (code, said) == (2, [])
    assert "1000000" in told[-1] and "evaluation" in told[-1]
    assert not (desk.outputs / "tiny").exists()


def test_the_help_names_what_a_run_needs(desk: Desk) -> None:
    code, said, _ = desk.run("train", "tiny", "--help")
    text = " ".join(said)
    assert code == 0 and "--work" in text and "--seed" in text and "--toy" in text


@pytest.fixture
def clips(desk: Desk) -> Path:
    """Prepared clips of the toy model's crop."""
    return toy_clips.dataset(desk.inputs / "clips", clips=2)


SMALL = ("--set", "fit.steps=1", "--set", "held_items=1", "--set", "fit.show_every=0", "--set", "fit.batch=1")


def test_a_model_is_trained_further_and_comes_out_as_a_bundle(desk: Desk, clips: Path) -> None:
    places = ("--data", clips, "--work", desk.outputs / "run")
    code, said, told = desk.run("train", "unet", "--from", desk.model, "--parts", "attn2", *places, *SMALL)
    assert (code, told) == (0, []), told
    assert said[-1] == str(desk.outputs / "run" / "bundle")
    assert (desk.outputs / "run" / "bundle" / "model.json").exists()
    code, _, told = desk.run("train", "unet", "--from", desk.model, *places, *SMALL)
    assert code == 2 and "belongs to another run: parts is ['attn2'] there and [] here" in told[-1]


def bad_data(desk: Desk, kind: str) -> Path:
    folder = desk.inputs / "bad"
    folder.mkdir()
    if kind == "manifest":
        write_about(folder, 64, {})
        (folder / "manifest.jsonl").write_bytes(b"\xff\x00 no text")
    return folder


@pytest.mark.parametrize(
    ("kind", "says"),
    [("empty", "holds no prepared clips"), ("manifest", "manifest.jsonl cannot be read")],
)
@pytest.mark.parametrize("command", ["unet", "syncnet", "video-mae", "glance"])
def test_bad_clips_are_one_sentence(desk: Desk, command: str, kind: str, says: str) -> None:
    folder = bad_data(desk, kind)
    code, said, told = desk.run("train", command, "--data", folder, "--work", desk.outputs / "run")
    assert (code, said) == (2, []) and len(told) == 1 and says in told[0]
    assert not (desk.outputs / "run").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--set", "colour=1"), "the command line has the unknown setting colour"),
        (("--config", "nowhere.toml"), "There is no configuration nowhere.toml"),
        (("--stage", "2"), "losses.sync is 0.05, but no syncnet is named"),
        (("--stage", "1", "--set", "syncnet=x"), "stage is 1 and a judge is named"),
        (("--lora", "4", "--set", "start=scratch"), "lora_rank is 4 and start is 'scratch'"),
        (("--estimate", "--from", "tiny"), "estimates are for the released size"),
        ((), "needs --data and --work"),
    ],
)
def test_bad_settings_are_one_sentence(desk: Desk, flags: tuple[str, ...], says: str) -> None:
    code, said, told = desk.run("train", "unet", *flags)
    assert (code, said) == (2, []) and len(told) == 1 and says in told[0]


def test_a_checkpoint_of_another_model_is_named(desk: Desk, clips: Path) -> None:
    file = desk.inputs / "other.pt"
    torch.save({"state_dict": {"visual_encoder.conv_in.weight": torch.zeros(2)}}, file)
    places = ("--data", clips, "--work", desk.outputs / "run")
    code, _, told = desk.run("train", "unet", "--from", desk.model, "--set", f"start={file}", *places, *SMALL)
    assert code == 2 and "it looks like a SyncNet" in told[-1]


def test_the_recipes_are_listed(desk: Desk) -> None:
    code, said, _ = desk.run("train", "recipes")
    assert code == 0 and {"stage1", "stage2_efficient", "syncnet_toy", "unet_toy"} <= set(said)
