"""Ears of their own folder: whole, or refused in one sentence."""

import json
from pathlib import Path

import pytest
import torch

from lipwright.errors import WeightsError
from lipwright.models.listener import Listener, ListenerConfig
from lipwright.weights.load_ears import load_ears, save_ears


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    config = ListenerConfig(width=8, hidden=8, dilations=(1, 2), measures=("jaw",), visemes=3)
    save_ears(Listener(config), tmp_path / "ears", {"training": {"steps": 0}})
    return tmp_path / "ears"


def test_there_and_back(folder: Path) -> None:
    ears = load_ears(folder)
    assert ears.config.dilations == (1, 2) and not ears.training
    assert not any(value.requires_grad for value in ears.parameters())
    assert json.loads((folder / "ears.json").read_text())["training"] == {"steps": 0}


def test_damage_is_named(folder: Path) -> None:
    weights = folder / "ears.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="wrong checksum"):
        load_ears(folder)
    weights.unlink()
    with pytest.raises(WeightsError, match="lacks"):
        load_ears(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "other"}, "not a description"),
        ({"format": 2}, "not a description"),
        ({"sha256": None}, "no checksum"),
        ({"config": {"width": 8}}, "does not describe"),
        ({"config": "wide"}, "does not describe"),
    ],
)
def test_other_descriptions_are_refused(folder: Path, change: dict[str, object], said: str) -> None:
    file = folder / "ears.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(WeightsError, match=said):
        load_ears(folder)


def test_folders_without_ears(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no ears"):
        load_ears(tmp_path)
    (tmp_path / "ears.json").write_text("{")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_ears(tmp_path)
    (tmp_path / "ears.json").write_text("[]")
    with pytest.raises(WeightsError, match="not a description"):
        load_ears(tmp_path)
