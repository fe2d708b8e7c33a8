"""Quality on clips whose differences are known; what needs a missing file is named, never made up."""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import torch

import tiny
from lipwright.errors import OptionError, WeightsError
from lipwright.evaluation import quality
from lipwright.evaluation.quality import Judges, evaluate_quality, find_judges, pairs_of
from lipwright.media.write import save_clip
from lipwright.models.inception import Inception
from lipwright.models.perceptual import Perceptual
from lipwright.weights.load_faces import load_faces

FRAMES = 6
NOBODY = Judges(None, None, {"lpips": "not here", "fid": "not here"})
VIDEOS = (".mp4",)


class Few(torch.nn.Module):
    """In place of the Inception of FID, whose 2048 features take a while: means and ends of the colours."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of a clip each: a person, and the same with a blurred mouth."""
    home = tmp_path_factory.mktemp("quality")
    frames = tiny.presenter(FRAMES)
    blurred = []
    for frame in frames:
        soft = cv2.GaussianBlur(frame, (0, 0), 3)
        other = frame.copy()
        other[105:150, 60:132] = soft[105:150, 60:132]
        blurred.append(np.asarray(other, np.uint8))
    for name, pictures in (("true", frames), ("made", blurred)):
        (home / name).mkdir()
        save_clip(home / name / "a.mp4", pictures, 25, None, 16_000, crf=8)
    return home / "true", home / "made"


def test_a_blurred_mouth_is_told_from_the_frame(folders: tuple[Path, Path]) -> None:
    told = evaluate_quality(pairs_of(*folders, VIDEOS), load_faces(), NOBODY)
    frame, mouth = told["frame"], told["mouth"]
    assert told["pairs"] == 1 and told["frames"] == FRAMES
    assert 0.9 < frame["ssim"] < 1 and mouth["ssim"] < frame["ssim"] - 0.02
    assert mouth["psnr_db"] < frame["psnr_db"]
    assert mouth["sharpness_ratio"] < 0.7 < frame["sharpness_ratio"] < 1.05
    assert told["missing"] == {"lpips": "not here", "fid": "not here"}
    assert frame["lpips"] is None and mouth["fid"] is None


def test_a_clip_is_like_itself(folders: tuple[Path, Path]) -> None:
    clip = folders[0] / "a.mp4"
    told = evaluate_quality([(clip, clip)], load_faces(), NOBODY)
    for region in ("frame", "mouth"):
        assert told[region]["ssim"] == 1 and told[region]["sharpness_ratio"] == 1
        assert told[region]["psnr_db"] is None  # nothing differs: it has no end


def test_networks_look_where_they_are_here(tmp_path: Path) -> None:
    with tiny.seeded(1):
        judges = Judges(Perceptual().eval(), cast(Inception, Few()), {})
    clips = (tmp_path / "true.mp4", tmp_path / "made.mp4")
    for path, change in zip(clips, (0, 9), strict=True):
        frames = [np.roll(frame, change, axis=1) for frame in tiny.presenter(2)]
        save_clip(path, frames, 25, None, 16_000)
    with torch.no_grad():
        told = evaluate_quality([clips], load_faces(), judges)
    assert told["frame"]["lpips"] > 0 and told["mouth"]["lpips"] > 0
    assert told["frame"]["fid"] >= 0 and "biased upwards" in told["note"]


def test_lengths_and_sizes_must_be_equal(folders: tuple[Path, Path], tmp_path: Path) -> None:
    reader, clip = load_faces(), folders[0] / "a.mp4"
    short, small = tmp_path / "short.mp4", tmp_path / "small.mp4"
    save_clip(short, tiny.presenter(FRAMES)[:4], 25, None, 16_000)
    save_clip(small, [np.zeros((64, 64, 3), np.uint8)] * 3, 25, None, 16_000)
    with pytest.raises(OptionError, match=r"has 6 frames and .*short\.mp4 4; .*--shorter"):
        evaluate_quality([(clip, short)], reader, NOBODY)
    with pytest.raises(OptionError, match=r"192x192 .* 64x64"):
        evaluate_quality([(clip, small)], reader, NOBODY)
    assert evaluate_quality([(clip, short)], reader, NOBODY, shorter=True)["frames"] == 4


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(OptionError, match="holds no clips"):
        pairs_of(tmp_path / "a", tmp_path / "b", VIDEOS)
    for name in ("a/1.mp4", "a/2.mp4", "b/1.mp4"):
        (tmp_path / name).touch()
    with pytest.raises(OptionError, match="2 lie in only one of"):
        pairs_of(tmp_path / "a", tmp_path / "b", VIDEOS)
    with pytest.raises(OptionError, match="a folder and a file"):
        pairs_of(tmp_path / "a", tmp_path / "b" / "1.mp4", VIDEOS)
    with pytest.raises(OptionError, match="no file or folder"):
        pairs_of(tmp_path / "a", tmp_path / "c", VIDEOS)
    (tmp_path / "b" / "2.mp4").touch()
    assert [a.name for a, _ in pairs_of(tmp_path / "a", tmp_path / "b", VIDEOS)] == ["1.mp4", "2.mp4"]


def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIPWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(quality, "find_perceptual", lambda progress: None)
    judges = find_judges()
    assert judges.perceptual is None and judges.inception is None
    assert "weights pull vgg16" in judges.missing["lpips"]
    assert "weights pull inception-fid" in judges.missing["fid"]
    wrong = tmp_path / "inception-fid" / "pt_inception-2015-12-05-6726825d.pth"
    wrong.parent.mkdir()
    wrong.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="does not begin with 6726825d"):
        find_judges()
