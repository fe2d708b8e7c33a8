"""Clips at hand: the same pictures as in the file, no more memory than allowed, short ones left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipwright.dataset.manifest import DatasetError, read_dataset
from lipwright.training.clip_shelf import ClipShelf, long_enough, to_pixels
from lipwright.training.draws import item_generator, item_rng, other_start
from training import toy_clips


def test_crops_come_at_the_size_asked_for_and_memory_is_bounded(tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=2, frames=20, side=64))
    shelf = ClipShelf(data.folder, data.clips, 32, memory_mb=0)
    assert len(shelf) == 2
    first = shelf.frames(0, 3, 5).copy()
    assert first.shape == (5, 32, 32, 3)
    assert shelf.frames(1, 0, 1).shape == (1, 32, 32, 3)
    assert np.array_equal(shelf.frames(0, 3, 5), first), "read again after it was put away"
    assert shelf.mel(0, 4).shape == (80, 52)
    assert len(shelf.samples(0)) == 20 * 640


def test_the_other_mouth_is_shown_where_there_is_one(tmp_path: Path) -> None:
    plain = read_dataset(toy_clips.dataset(tmp_path, clips=1, frames=20, side=32))
    shelf = ClipShelf(plain.folder, plain.clips, 32)
    assert np.array_equal(shelf.shown_frames(0, 2, 5), shelf.frames(0, 2, 5))
    paired = read_dataset(toy_clips.with_other_mouths(tmp_path))
    shelf = ClipShelf(paired.folder, paired.clips, 32)
    own, other = shelf.frames(0, 0, 20).astype(int), shelf.shown_frames(0, 0, 20).astype(int)
    assert np.abs(other - own[::-1]).mean() < 2 < np.abs(other - own).mean()


def test_sound_is_read_without_the_pictures(tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=1, frames=20, side=32))
    (tmp_path / data.clips[0].video).unlink()
    assert ClipShelf(data.folder, data.clips, 32).mel(0, 4).shape == (80, 52)


def test_a_manifest_that_lies_is_told(tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=1, frames=20, side=32))
    shelf = ClipShelf(data.folder, [replace(data.clips[0], frames=21)], 32)
    with pytest.raises(DatasetError, match="has 20 frames, but its manifest says 21"):
        shelf.frames(0, 0, 1)


def test_short_clips_are_counted(tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=2, frames=20, side=32))
    rows = (data.clips[0], replace(data.clips[1], frames=40))
    assert long_enough(rows, 30, "this") == ((rows[1],), 1)
    with pytest.raises(DatasetError, match="None of the 2 clips for this has 50 frames"):
        long_enough(rows, 50, "this")


def test_pixels_span_minus_one_to_one() -> None:
    frames = np.array([[[[0, 127, 255]]]], np.uint8)
    assert to_pixels(frames).flatten().tolist() == pytest.approx([-1, -0.0039, 1], abs=1e-3)


def test_draws_belong_to_their_item_and_purpose() -> None:
    one = torch.randn(4, generator=item_generator(1, 2, "a"))
    assert torch.equal(one, torch.randn(4, generator=item_generator(1, 2, "a")))
    for other in ((2, 2, "a"), (1, 3, "a"), (1, 2, "b")):
        assert not torch.equal(one, torch.randn(4, generator=item_generator(*other)))
    rng = item_rng(0, 0, "x")
    assert all(abs(other_start(rng, 33, 16, 16) - 16) >= 16 for _ in range(20))
    with pytest.raises(ValueError, match="no start of 3"):
        other_start(rng, 3, 1, 2)
