"""Presenters as prepared clips: whole, resumable, on the right side of the seeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipwright.dataset.manifest import SOUND_HZ, read_dataset
from lipwright.errors import OptionError
from lipwright.faces.align import TINY_TEMPLATE
from lipwright.media.frames import read_frames
from lipwright.media.samples import read_samples
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.training.presenter_clips import PresenterClips, make_presenters

SMALL = PresenterClips(clips=1, seed=3, seconds=0.8, side=64, render_px=160)


def test_a_folder_is_filled_and_a_second_run_adds_what_is_missing(tmp_path: Path) -> None:
    said: list[str] = []
    make_presenters(tmp_path, SMALL, say=said.append)
    data = read_dataset(tmp_path)
    (row,) = data.clips
    assert data.template == TINY_TEMPLATE.at(64).to_dict() and data.side == 64
    frames = list(read_frames(tmp_path / row.video))
    assert len(frames) == row.frames == 20 and (frames[0].width, frames[0].height) == (64, 64)
    assert len(read_samples(tmp_path / row.sound, SOUND_HZ)) == 20 * SOUND_HZ // 25
    written = (tmp_path / row.video).stat().st_mtime_ns
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(manifest.read_text() + '{"name": "half')  # as a kill leaves it
    make_presenters(tmp_path, SMALL, say=said.append)
    assert read_dataset(tmp_path).clips == (row,)
    assert (tmp_path / row.video).stat().st_mtime_ns == written


def test_pairs_show_one_head_with_two_mouths(tmp_path: Path) -> None:
    make_presenters(tmp_path, replace(SMALL, paired=True, seconds=1.2), say=lambda line: None)
    (row,) = read_dataset(tmp_path).clips
    said, other = (
        np.stack([frame.rgb() for frame in read_frames(tmp_path / name)]).astype(int)
        for name in (row.video, row.other)
    )
    assert said.shape == other.shape == (row.frames, 64, 64, 3)
    apart = np.abs(said - other).mean(axis=(0, 3))
    with pytest.raises(OptionError, match="holds clips with another mouth; give another folder"):
        make_presenters(tmp_path, SMALL)
    assert 2 * apart[:12].mean() < apart[26:46, 18:46].mean()


def test_evaluation_has_people_of_its_own(tmp_path: Path) -> None:
    make_presenters(tmp_path, SMALL, say=lambda line: None, evaluation=True)
    (row,) = read_dataset(tmp_path).clips
    assert int(row.name.removeprefix("presenter-")) >= EVALUATION_SEED
    with pytest.raises(OptionError, match="must be from 0 to 499999"):
        make_presenters(tmp_path, PresenterClips(seed=EVALUATION_SEED))
