"""The small decoder: it learns what the large one shows, and is refused for another autoencoder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lipwright.dataset.manifest import Dataset, read_dataset
from lipwright.errors import OptionError, WeightsError
from lipwright.models.glance import Glance, GlanceConfig
from lipwright.training.fit_config import FitConfig
from lipwright.training.train_glance import GlanceRun, train_glance
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import load_glance
from training import toy_clips

FIT = FitConfig(steps=30, batch=2, rate=3e-3, log_every=10, check_every=0, show_every=0, save_every=100)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(toy_clips.dataset(tmp_path_factory.mktemp("data"), clips=2, frames=20))


def test_pictures_are_small_and_frames_do_not_touch_each_other() -> None:
    torch.manual_seed(0)
    network = Glance(GlanceConfig(width=8))
    latents = torch.randn(3, 4, 5, 6)
    found = network(latents)
    assert found.shape == (3, 3, 20, 24)
    torch.testing.assert_close(network(latents[1:2])[0], found[1])


def test_it_learns_and_comes_out(data: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    run = GlanceRun(base=str(tiny_bundle), side=64, width=8, blocks=1, fit=FIT)
    said: list[str] = []
    last = train_glance(run, data, tmp_path, device="cpu", say=said.append)
    first = float(said[0].split("loss ")[1].split()[0])
    assert last["loss"] < 0.8 * first and last["held_loss"] < first
    mark = find_bundle(str(tiny_bundle)).mark("autoencoder")
    assert load_glance(tmp_path / "glance", mark).config == run.config
    with pytest.raises(WeightsError, match="another autoencoder"):
        load_glance(tmp_path / "glance", "0" * 12)


def test_a_factor_that_does_not_halve_is_refused() -> None:
    with pytest.raises(OptionError, match="factor is 3"):
        replace(GlanceRun(), factor=3)
