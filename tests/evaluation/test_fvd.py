"""FVD: which windows are seen, by which network, and that no program runs unasked."""

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from lipwright.errors import OptionError, WeightsError
from lipwright.evaluation.fvd import VideoJudge, evaluate_fvd, i3d_judge, videomae_judge
from lipwright.media.write import save_clip
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.weights.judges import save_judge
from lipwright.weights.load_faces import load_faces


class Means(torch.nn.Module):
    """As I3D is called; features: means of the colours at both ends."""

    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        if rescale or resize or not return_features:
            raise RuntimeError("as released, please")
        return torch.cat([x[:, :, 0].mean(dim=(2, 3)), x[:, :, -1].mean(dim=(2, 3))], dim=1)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import warnings

    place = tmp_path_factory.mktemp("i3d") / "i3d_torchscript.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Means()).save(str(place))  # type: ignore[no-untyped-call]
    return place


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A person for 40 frames, and darker."""
    home = tmp_path_factory.mktemp("fvd")
    frames = tiny.presenter(40)
    save_clip(home / "a.mp4", frames, 25, None, 16_000)
    save_clip(home / "b.mp4", [(frame * 0.8).astype(np.uint8) for frame in frames], 25, None, 16_000)
    return home / "a.mp4", home / "b.mp4"


def test_a_program_runs_only_when_it_is_trusted(scripted: Path, clips: tuple[Path, Path]) -> None:
    with pytest.raises(OptionError, match=r"is TorchScript, a program .*--trust-code"):
        i3d_judge(scripted, trusted=False)
    judge = i3d_judge(scripted, trusted=True)
    assert judge.name.startswith("I3D (SHA-256 ")
    told = evaluate_fvd(clips[:1], clips[1:], load_faces(), judge)
    assert told["vectors"] == [4, 4] and told["failed"] == {}  # windows from 0, 8, 16, 24
    assert told["fvd"] > 0.01 and told["features"] == judge.name
    assert evaluate_fvd(clips[:1], clips[:1], load_faces(), judge)["fvd"] == pytest.approx(0, abs=1e-3)


def test_what_is_no_such_network(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint file"):
        i3d_judge(tmp_path / "none.pt", trusted=True)
    (tmp_path / "text.pt").write_text("no network")
    with pytest.raises(WeightsError, match="no TorchScript network"):
        i3d_judge(tmp_path / "text.pt", trusted=True)


def test_videomae_of_ours_looks_too(clips: tuple[Path, Path], tmp_path: Path) -> None:
    config = VideoMAEConfig(img_size=28, embed_dim=24, depth=1, num_heads=2, num_classes=3)
    with tiny.seeded(2):
        save_judge(tmp_path / "mae", "videomae", VideoMAE(config), config.to_json(), {})
    told = evaluate_fvd(clips[:1], clips[1:], load_faces(), videomae_judge(tmp_path / "mae"))
    assert told["features"] == "VideoMAE of mae" and told["fvd"] >= 0
    assert "biased upwards" in told["note"]


def test_released_windows_and_clips_that_have_none(clips: tuple[Path, Path], tmp_path: Path) -> None:
    judge = VideoJudge("sizes", 32, lambda clip: clip.mean(dim=(0, 2, 3, 4)))
    empty, broken = tmp_path / "empty.mp4", tmp_path / "broken.mp4"
    save_clip(empty, tiny.backdrop(40), 25, None, 16_000)
    broken.write_bytes(b"no clip")
    told = evaluate_fvd([clips[0], empty], [clips[1], broken], load_faces(), judge, windows="released")
    assert told["vectors"] == [1, 1] and told["fvd"] is None and "fewer than 2" in told["reason"]
    assert set(told["failed"]) == {str(empty), str(broken)}
    assert "shows no face" in told["failed"][str(empty)]
    with pytest.raises(OptionError, match="windows is 'some'"):
        evaluate_fvd([clips[0]], [clips[1]], load_faces(), judge, windows="some")
