"""The whole run of `lipwright train ears` at toy size, and what it leaves behind."""

import csv
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import OptionError
from lipwright.models.listener import Listener
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.speech.mouth_track import listen
from lipwright.training.ears_config import TOY
from lipwright.training.make_ears import make_ears
from lipwright.weights.load_ears import load_ears

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hibari") is None,
    reason="the ears' words come from a package of the optional extra `ears`",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Listener]:
    """(work folder, ears folder, network)."""
    work, out = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("out") / "ears"
    return work, out, make_ears(work, out, TOY, processes=1, say=lambda _: None)


def test_the_ears_can_be_loaded_and_hear(trained: tuple[Path, Path, Listener]) -> None:
    _, out, network = trained
    ears = load_ears(out)
    assert ears.config == network.config
    sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    assert np.allclose(listen(ears, sound).measures, listen(network, sound).measures, atol=0.02)


def test_they_tell_how_they_were_made(trained: tuple[Path, Path, Listener]) -> None:
    _, out, _ = trained
    record = json.loads((out / "ears.json").read_text())["training"]
    assert record["config"] == TOY.to_json() and record["steps"] == 5
    assert record["curves"] == ["ears.csv", "ears2.csv"]
    for name in record["curves"]:
        rows = list(csv.DictReader((out / name).read_text().splitlines()))
        assert rows and np.isfinite(float(rows[-1]["loss"])) and "rule_jaw" in rows[-1]


def test_a_second_run_only_goes_on(trained: tuple[Path, Path, Listener], tmp_path: Path) -> None:
    work, out, _ = trained
    said: list[str] = []
    make_ears(work, tmp_path, TOY, processes=1, say=said.append)
    assert [line for line in said if "resumed" in line] == [
        "ears: resumed at step 3",
        "ears2: resumed at step 2",
    ]
    assert (tmp_path / "ears.safetensors").read_bytes() == (out / "ears.safetensors").read_bytes()


def test_evaluation_seeds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="evaluation only"):
        make_ears(tmp_path, tmp_path / "out", replace(TOY, seed=EVALUATION_SEED), processes=1)
