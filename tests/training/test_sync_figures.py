"""Figures of a SyncNet, on judges whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lipwright.dataset.manifest import read_dataset
from lipwright.training.clip_shelf import ClipShelf
from lipwright.training.draws import ClipOrder
from lipwright.training.sync_figures import LAGS, accuracy_figures, held_figures, lag_curve_of, pictures_for
from lipwright.training.sync_items import FRAMES, SyncItems
from lipwright.weights.judges import SyncJudge, SyncSight
from training import toy_clips


class Marks(nn.Module):
    """Reads the frame's number out of the first value of the first frame, the sound's out of its first value,
    and embeds both on a half circle.
    """

    def __init__(self, late: int = 0) -> None:
        super().__init__()
        self.late = nn.Parameter(torch.tensor(float(late)), requires_grad=False)

    def forward(self, frames: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        return _turned(frames[:, 0, 0, 0] - self.late), _turned(sound[:, 0, 0, 0])


def _turned(number: Tensor) -> Tensor:
    return torch.stack([torch.cos(number / 40), torch.sin(number / 40)], dim=1)


@pytest.mark.parametrize("late", [0, 3, -2])
def test_the_lag_curve_peaks_where_the_sound_is(late: int) -> None:
    frames = torch.arange(60.0)[:, None, None, None].expand(60, 3, 2, 2)
    sounds = torch.arange(45.0)[:, None, None].expand(45, 80, 52)
    curve = lag_curve_of(Marks(late), frames, sounds)  # type: ignore[arg-type]
    assert len(curve) == 2 * LAGS + 1
    assert int(np.argmax(curve)) - LAGS == late
    assert curve.max() == pytest.approx(1.0, abs=1e-5)


def test_a_clip_of_a_few_windows_has_no_far_lags() -> None:
    frames, sounds = torch.zeros(FRAMES + 2, 3, 2, 2), torch.zeros(3, 80, 52)
    curve = lag_curve_of(Marks(), frames, sounds)  # type: ignore[arg-type]
    assert np.isfinite(curve).sum() == 5 and np.isnan(curve[0])


def test_figures_of_the_accuracy_test() -> None:
    cosines = torch.tensor([0.9, 0.6, 0.4, 0.1])
    found = accuracy_figures(cosines, torch.tensor([True, False, True, False]))
    assert found["held_accuracy"] == 0.5 and found["held_ranked"] == 0.75
    assert found["held_together"] == pytest.approx(0.65) and found["held_apart"] == pytest.approx(0.35)


def test_pairs_are_right_and_wrong_sound_of_the_same_frames(tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=2))
    items = SyncItems(ClipShelf(data.folder, data.clips, 32), ClipOrder(2, 1), 1, 4, 0.5)

    class ByHeart(nn.Module):
        """Knows the sounds that belong to the frames of the block it is shown, by their order."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, frames: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
            same = (sound[:16] == sound[16:]).flatten(1).all(1)
            heard = torch.cat([torch.where(same, 1.0, 0.2), torch.ones(16)])
            return torch.ones(16, 1), heard[:, None]

    found = held_figures(ByHeart(), items, lambda batch: batch["frames"], 32)
    assert found["held_pairs"] == 1.0 and found["held_accuracy"] == 1.0 and found["held_ranked"] == 1.0


def test_a_judge_is_shown_its_rows_at_its_size() -> None:
    judge = SyncJudge(Marks(), SyncSight("pixel", 32, FRAMES, 0.25))  # type: ignore[arg-type]
    frames = torch.arange(64.0)[:, None].expand(2, 3, 64, 64)
    seen = pictures_for(judge, frames, None)
    assert seen.shape == (2, 3, 16, 32)
    assert float(seen[0, 0, 0, 0]) == 16.5, "rows 16 and 17 of 64 are row 8 of 32"
