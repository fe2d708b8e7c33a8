"""Judges from files: what training saves, what was published, and what is neither."""

import json
from pathlib import Path

import pytest
import torch

import tiny
from lipwright.errors import WeightsError
from lipwright.models.inception import Inception
from lipwright.models.stable_syncnet import RELEASED, StableSyncNet, SyncNetConfig, TowerConfig
from lipwright.models.syncnet_v2 import SyncNetV2
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.weights import judges

SYNCNET = SyncNetConfig(
    TowerConfig(1, (32,) * 6, ((2, 1), 2, 2, 2, 2, (2, 3)), (0,) * 6),
    TowerConfig(48, (32,) * 5, ((1, 2), 2, 2, 2, 2), (0,) * 5),
)
MOTION = VideoMAEConfig(img_size=28, embed_dim=24, depth=1, num_heads=2, num_classes=3)
SIGHT = {"space": "pixel", "side": 32, "frames": 16}


def saved(folder: Path) -> StableSyncNet:
    with tiny.seeded(1):
        network = StableSyncNet(SYNCNET)
    judges.save_judge(
        folder, "syncnet", network, SYNCNET.to_json(), {"sight": SIGHT, "training": {"steps": 3}}
    )
    return network


def test_a_saved_syncnet_comes_back(tmp_path: Path) -> None:
    network = saved(tmp_path / "sync")
    judge = judges.load_syncnet(tmp_path / "sync")
    assert judge.sight == judges.SyncSight("pixel", 32, 16)
    for key, value in judge.network.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[key], atol=1e-3, rtol=1e-3)
    assert not any(parameter.requires_grad for parameter in judge.network.parameters())
    assert {file.name for file in (tmp_path / "sync").iterdir()} == {"judge.json", "weights.safetensors"}


def test_a_saved_videomae_comes_back(tmp_path: Path) -> None:
    judges.save_judge(tmp_path, "videomae", VideoMAE(MOTION), MOTION.to_json(), {})
    assert judges.load_videomae(tmp_path).config == MOTION


def test_wrong_folders_are_named(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(WeightsError, match="describes a 'syncnet' of format 1, not a 'videomae'"):
        judges.load_videomae(tmp_path)
    with pytest.raises(WeightsError, match="holds no syncnet"):
        judges.load_syncnet(tmp_path.parent)
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="missing or damaged"):
        judges.load_syncnet(tmp_path)
    record = json.loads((tmp_path / "judge.json").read_text())
    (tmp_path / "judge.json").write_text(json.dumps(record)[:-20])
    with pytest.raises(WeightsError, match=r"judge\.json cannot be read"):
        judges.load_syncnet(tmp_path)


def test_files_that_were_not_published_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": StableSyncNet(SYNCNET).state_dict()}, tmp_path / "mine.pt")
    with pytest.raises(WeightsError, match=r"none of the released SyncNets.*looks like a SyncNet"):
        judges.load_syncnet(tmp_path / "mine.pt")
    torch.save({"model": VideoMAE(MOTION).state_dict()}, tmp_path / "small.pth")
    with pytest.raises(WeightsError, match="is not the released VideoMAE v2"):
        judges.load_videomae(tmp_path / "small.pth")


def test_the_released_syncnet_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        counts = {
            name: sum(parameter.numel() for parameter in StableSyncNet(config).parameters())
            for name, config in RELEASED.items()
        }
    assert counts == {"pixel": 371_766_496, "pixel_attn": 401_306_080, "latent": 65_544_416}


def test_lpips_is_not_there_without_its_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_CACHE", str(tmp_path))
    assert judges.find_perceptual(heads_may_be_fetched=False) is None


def test_the_classic_syncnet_is_loaded_strictly(tmp_path: Path) -> None:
    with tiny.seeded(4):
        network = SyncNetV2()
    file = tmp_path / "syncnet_v2.model"
    state = network.state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    for tensors in (state, old):  # with the counters that today's library saves, and without
        torch.save(tensors, file)
        assert judges.is_syncnet_v2(file)
        loaded = judges.load_syncnet_v2(file)
        assert not loaded.training
        for key, value in old.items():
            torch.testing.assert_close(loaded.state_dict()[key], value, rtol=0, atol=0)
    torch.save({**old, "netfclip.3.weight": torch.zeros(512, 512)}, file)
    with pytest.raises(WeightsError, match=r"netfclip\.3\.weight is \(512, 512\), not \(1024, 512\)"):
        judges.load_syncnet_v2(file)
    del old["netcnnaud.0.weight"]
    torch.save(old, file)
    with pytest.raises(WeightsError, match=r"1 missing \(netcnnaud\.0\.weight\)"):
        judges.load_syncnet_v2(file)


def test_the_inception_of_fid_is_loaded_strictly(tmp_path: Path) -> None:
    with tiny.seeded(4):
        state = Inception().state_dict()
    file = tmp_path / "inception.pth"
    torch.save(state, file)
    assert not judges.load_inception(file).training
    assert not judges.is_syncnet_v2(file)
    torch.save({**state, "AuxLogits.fc.bias": torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match=r"1 unknown \(AuxLogits\.fc\.bias\)"):
        judges.load_inception(file)
