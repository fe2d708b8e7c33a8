"""The whole path with a bundle made of official files, at toy size."""

from pathlib import Path

import numpy as np
import pytest
import torch

import official
import tiny
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.weights.catalog import OfficialModel
from lipwright.weights.convert import convert

FRAMES = 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A talking person and another voice."""
    folder = tmp_path_factory.mktemp("clip")
    samples = tiny.voice(FRAMES / tiny.RATE)
    save_clip(folder / "clip.mkv", iter(tiny.presenter(FRAMES)), tiny.RATE, samples, tiny.SAMPLE_RATE)
    return folder / "clip.mkv", tiny.save_voice(folder / "voice.wav", samples[::-1])


@pytest.mark.parametrize(
    ("model", "dtype"),
    [(official.TOY_16, torch.float16), (official.TOY_10, torch.float32)],
    ids=["1.6 in half precision", "1.0"],
)
def test_official_files_convert_and_run(
    model: OfficialModel, dtype: torch.dtype, clip: tuple[Path, Path], tmp_path: Path
) -> None:
    source = official.write(tmp_path / "official", model, dtype=dtype)
    bundle, _ = convert(source, tmp_path / "bundle", model=model)
    engine = Engine.load(bundle.folder, device="cpu")
    video, voice = clip
    options = SyncOptions(codec="ffv1")
    report = engine.sync(video, voice, tmp_path / "out.mkv", options)
    assert (report.model, report.frames, report.steps, report.guidance) == (model.name, FRAMES, 2, 1.5)
    assert report.untouched_frames == 0
    assert not [warning for warning in report.warnings if "rendered" in warning]
    pairs = zip(read_frames(video), read_frames(tmp_path / "out.mkv"), strict=True)
    changed = [int(np.count_nonzero((a.rgb() != b.rgb()).any(axis=2))) for a, b in pairs]
    assert min(changed) > 0
    assert max(changed) < tiny.SIZE_PX**2 // 2
