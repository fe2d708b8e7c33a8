"""Configurations as files: every form reads alike, every mistake is one sentence."""

import json
from pathlib import Path

import pytest

from lipwright.errors import OptionError
from lipwright.training import settings
from lipwright.training.fit_config import FitConfig
from lipwright.training.train_syncnet import SyncNetRun
from lipwright.training.train_video_mae import VideoMAERun
from lipwright.training.unet_config import UNetRun

TOML = 'stage = 1\nside = 128\nparts = ["attn2"]\n[fit]\nrate = 1\nsteps = 20\n'
TOML += "[unet]\nuse_motion_module = false\n"
YAML = "stage: 1\nside: 128\nparts: [attn2]\nfit: {rate: 1, steps: 20}\nunet: {use_motion_module: false}\n"
VALUES = {
    "stage": 1,
    "side": 128,
    "parts": ["attn2"],
    "fit": {"rate": 1, "steps": 20},
    "unet": {"use_motion_module": False},
}


@pytest.mark.parametrize(
    ("name", "text"), [("a.toml", TOML), ("a.yaml", YAML), ("a.json", json.dumps(VALUES))]
)
def test_all_forms_read_alike(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = settings.load(
        UNetRun, str(tmp_path / name), ["fit.steps=30", "losses.sync=0.1", "parts=motion,attn2"]
    )
    assert (found.side, found.fit.rate, found.fit.steps, found.losses.sync) == (128, 1.0, 30, 0.1)
    assert found.parts == ("motion", "attn2") and found.unet == {"use_motion_module": False}
    assert found.losses.trepa == 10.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 3", "has the unknown setting colour; known here are: audio_dropout"),
        ("[fit]\nspeed = 3", r"has the unknown setting fit\.speed; known here are: accumulate"),
        ("[fit]\nsteps = 2.5", r"sets fit\.steps to 2\.5, which is no int"),
        ('[fit]\nrate = "fast"', r"sets fit\.rate to 'fast', which is no float"),
        ("fit = 3", "sets fit to 3, but it is a group of settings"),
        ("stage = true", "sets stage to True, which is no int"),
        ("unet = 3", "sets unet to 3"),
        ("stage = ", "cannot be read"),
        ("[fit]\nrate = 0", r"fit\.rate is 0, but must be above 0"),
        (
            "[fit]\nwarm_steps = 20000",
            r"fit\.warm_steps is 20000, but must be below fit\.steps, which is 10000",
        ),
        ("[fit]\nema = 1.0", r"fit\.ema is 1"),
        ('[fit]\nschedule = "up"', r"fit\.schedule is 'up'"),
        ("[fit]\nbatch = 0", r"fit\.batch is 0"),
        ("[fit]\nseed = 1000000", "for evaluation only"),
        ('[fit]\nprecision = "fp8"', r"fit\.precision is 'fp8'"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(OptionError, match=says) as caught:
        settings.load(UNetRun, str(tmp_path / "a.toml"))
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_recipes() -> None:
    with pytest.raises(
        OptionError, match=r"There is no configuration nowhere\.toml; give a file, or one of .*stage1"
    ):
        settings.load(UNetRun, "nowhere.toml")


@pytest.mark.parametrize(
    ("change", "says"), [("fit.steps", "is written NAME=VALUE"), ("fit.steps.x=1", "reaches into steps")]
)
def test_changes_on_the_command_line_are_checked(change: str, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        settings.load(UNetRun, None, ["fit.steps=5", change])


def test_every_recipe_is_a_configuration() -> None:
    kinds = {"syncnet": SyncNetRun, "video": VideoMAERun}
    for name in settings.recipes():
        kind = kinds.get(name.partition("_")[0], UNetRun)
        judges = ["syncnet=s", "videomae=v"] if name in ("unet_toy_stage2", "tiny_stage2") else []
        found: object = settings.load(kind, name, judges)
        assert settings.to_json(found)["fit"]["steps"] > 0


def test_rates_rise_and_fall() -> None:
    config = FitConfig(steps=100, rate=1.0, schedule="cosine", warm_steps=10, last_rate=0.1)
    rates = [config.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[-1] == pytest.approx(0.1, abs=0.01)
    line = FitConfig(steps=100, rate=1.0, schedule="linear", last_rate=0.0)
    assert line.rate_at(50) == pytest.approx(0.5)
    assert FitConfig(steps=100, rate=1.0).rate_at(99) == 1.0
