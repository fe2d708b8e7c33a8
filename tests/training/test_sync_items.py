"""Groups of stretches: apart from each other, each with its own sound, the same for the same number."""

import numpy as np
import pytest
import torch

from lipwright.dataset.manifest import read_dataset
from lipwright.training.clip_shelf import ClipShelf
from lipwright.training.draws import ClipOrder
from lipwright.training.sync_items import FRAMES, SyncGroups, frames_of, mel_of, starts_apart
from training import toy_clips


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> ClipShelf:
    data = read_dataset(toy_clips.dataset(tmp_path_factory.mktemp("data"), clips=2))
    return ClipShelf(data.folder, data.clips, 32)


def test_starts_lie_apart_and_reach_every_place() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([starts_apart(rng, 20, 3, 5) for _ in range(500)])
    gaps = np.abs(drawn[:, :, None] - drawn[:, None, :]) + 100 * np.eye(3, dtype=int)
    assert gaps.min() == 5
    assert set(drawn.flatten()) == set(range(20))
    assert (np.diff(drawn, axis=1) < 0).any() and (np.diff(drawn, axis=1) > 0).any()
    assert sorted(starts_apart(rng, 11, 3, 5)) == [0, 5, 10]
    with pytest.raises(ValueError, match="cannot all lie 5 apart"):
        starts_apart(rng, 10, 3, 5)


def test_each_stretch_of_a_group_comes_with_its_sound(shelf: ClipShelf) -> None:
    items = SyncGroups(shelf, ClipOrder(2, 1), 1, 6, 0.5, True, 3, flips=False)
    item = items(5)
    assert item["frames"].shape == (3, 3 * FRAMES, 16, 32) and item["mel"].shape == (3, 1, 80, 52)
    for at in range(3):
        clip, shown = int(item["clip"][at]), int(item["shown"][at])
        assert torch.equal(item["frames"][at], frames_of(shelf, clip, shown, 0.5))
        assert torch.equal(item["mel"][at], mel_of(shelf, clip, shown))
    blind = SyncGroups(shelf, ClipOrder(2, 1), 1, 6, 0.5, False, 3, flips=False)(5)
    assert "frames" not in blind and torch.equal(blind["mel"], item["mel"])
    again = items(5)
    assert all(torch.equal(again[key], item[key]) for key in item)


def test_about_half_of_the_groups_are_mirrored(shelf: ClipShelf) -> None:
    items = SyncGroups(shelf, ClipOrder(2, 1), 1, 6, None, True, 2, flips=True)
    mirrored = 0
    for number in range(40):
        item = items(number)
        plain = frames_of(shelf, int(item["clip"][0]), int(item["shown"][0]), None)
        same, other = torch.equal(item["frames"][0], plain), torch.equal(item["frames"][0], plain.flip(-1))
        assert same or other
        mirrored += not same
    assert 10 < mirrored < 30
