"""The safety check with a real, tiny classifier of random weights: the code that runs is the product's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lipwright.errors import WeightsError
from lipwright.service.errors import SettingsError
from lipwright.service.safety import Classifier, find_classifier, no_check, open_checker, sampled
from lipwright.service.settings import load_settings
from service.hostile_media import clip

transformers = pytest.importorskip("transformers", reason="the extra nsfw is not installed")


def save_classifier(folder: Path, labels: tuple[str, ...] = ("normal", "nsfw"), favourite: int = 0) -> Path:
    """A vision transformer of 20,000 random weights that likes one label, saved as from the hub."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
    )
    model = ViTForImageClassification(config)
    with torch.no_grad():
        bias: Any = model.classifier.bias
        bias[favourite] += 20
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "do_normalize": True,
                "do_rescale": True,
                "do_resize": True,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "image_processor_type": "ViTImageProcessor",
                "resample": 2,
                "rescale_factor": 1 / 255,
                "size": {"height": 32, "width": 32},
            }
        )
    )
    return folder


@pytest.mark.parametrize(("favourite", "hit"), [(0, False), (1, True)])
def test_a_classifier_looks_at_the_output(favourite: int, hit: bool, tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model", favourite=favourite)
    checker = open_checker(str(folder), threshold=0.5, frames=4)
    assert checker(clip(tmp_path / "a.mp4", 10)) == (hit,)


def test_probabilities_of_unsafe_labels_add_up(tmp_path: Path) -> None:
    labels = ("drawings", "Hentai", "neutral", "porn", "sexy")
    folder = save_classifier(tmp_path / "model", labels, favourite=2)
    checker = Classifier(folder, 0.5, 20)
    score = checker.score(clip(tmp_path / "a.mp4", 9))  # more than a batch, fewer frames than wanted
    assert 0 < score < 0.01
    assert Classifier(folder, score, 20)(tmp_path / "a.mp4") == (True,)


def test_the_worker_opens_what_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lipwright.service import worker

    wanted = {"model": str(save_classifier(tmp_path / "model")), "threshold": 0.5, "frames": 4}
    monkeypatch.setenv(worker.NSFW_VARIABLE, json.dumps(wanted))
    worker.safety_checker.cache_clear()
    try:
        assert worker.safety_checker()(clip(tmp_path / "a.mp4")) == (False,)
    finally:
        worker.safety_checker.cache_clear()


def test_to_block_takes_a_checker() -> None:
    with pytest.raises(SettingsError, match="nsfw is block, but nsfw_model is none"):
        load_settings(nsfw="block")
    assert load_settings(nsfw="block", nsfw_model="nsfw-vit").nsfw == "block"


def test_none_says_not_checked(tmp_path: Path) -> None:
    assert open_checker("none", threshold=0.5, frames=4) is no_check
    assert no_check(tmp_path / "nothing") == ()


def test_a_classifier_that_is_not_here_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"missing: config.json, preprocessor_config.json, model.safeten"):
        find_classifier(str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    command = "from lipwright.service.safety import find_classifier; find_classifier('nsfw-vit')"
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert "run `lipwright weights pull nsfw-vit`" in said.stderr


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    command = (
        "import sys; sys.modules['PIL'] = None\n"
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'transformers' else find(name)\n"
        "from lipwright.service.safety import find_classifier; find_classifier('nsfw-vit')"
    )
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert "pip install 'lipwright[nsfw]'" in said.stderr


def test_a_model_that_cannot_tell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has no label such as nsfw, only cat, dog"):
        Classifier(save_classifier(tmp_path / "model", ("cat", "dog")), 0.5, 4)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model")
    (folder / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="cannot be read"):
        Classifier(folder, 0.5, 4)


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [(10, 4, [0, 3, 6, 9]), (3, 8, [0, 1, 2]), (0, 8, []), (100, 1, [50]), (2, 2, [0, 1])],
)
def test_frames_are_spread(count: int, wanted: int, expected: list[int]) -> None:
    assert sampled(count, wanted) == expected


def test_looking_loads_no_torch() -> None:
    """The module is imported for its check of files where no torch may be."""
    command = (
        "import sys, lipwright.service.safety; print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
