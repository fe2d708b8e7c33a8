"""What windows say of a frame becomes one thing, and no neighbour of another run has a part in it."""

import pytest
import torch

from lipwright.pipeline.joined import JoinedLatents
from lipwright.pipeline.windows import Window, plan


def joined(steady: float, runs: list[tuple[int, int]], size: int, overlap: int = 0) -> dict[int, float]:
    """Frames painted in the square of their number, as they leave."""
    latents = JoinedLatents(steady)
    windows = list(plan(runs, size, overlap))
    found: dict[int, float] = {}
    waiting = [index for start, stop in runs for index in range(start, stop)]
    for number, window in enumerate(windows):
        after = windows[number + 1] if number + 1 < len(windows) else None
        values = torch.arange(window.start, window.stop).float() ** 2
        latents.add(window, values[:, None, None, None].expand(-1, 4, 2, 2), after)
        limit = latents.first_open(after)
        while waiting and (limit is None or waiting[0] < limit):
            index = waiting.pop(0)
            found[index] = float(latents.take(index).mean())
    return found


@pytest.mark.parametrize(("size", "overlap"), [(4, 0), (5, 2), (30, 0)])
def test_each_frame_takes_a_share_of_both_neighbours_whatever_the_windows(size: int, overlap: int) -> None:
    found = joined(0.1, [(0, 23)], size, overlap)
    assert list(found) == list(range(23))
    for index in range(1, 22):
        assert found[index] == pytest.approx(index**2 + 0.1 * 2), "the second difference of squares is 2"


def test_the_ends_of_runs_stand_for_their_missing_neighbours() -> None:
    found = joined(0.25, [(0, 5), (5, 9), (12, 13)], 4)
    assert found[4] == pytest.approx(0.75 * 16 + 0.25 * 9), "frame 5 lies behind a cut"
    assert found[5] == pytest.approx(0.75 * 25 + 0.25 * 36)
    assert found[12] == pytest.approx(144)


def test_without_a_share_frames_are_as_the_network_drew_them_and_none_waits() -> None:
    assert joined(0.0, [(0, 9)], 4) == {index: float(index**2) for index in range(9)}
    latents, after = JoinedLatents(), Window(4, 8)
    latents.add(Window(0, 4), torch.zeros(4, 4, 2, 2), after)
    assert latents.first_open(after) == 4


def test_a_frame_waits_for_its_neighbour_only_in_its_own_run() -> None:
    latents = JoinedLatents(0.1)
    latents.add(Window(0, 4, 0), torch.zeros(4, 4, 2, 2), Window(4, 8, 0))
    assert latents.first_open(Window(4, 8, 0)) == 3
    assert latents.first_open(Window(4, 8, 1)) == 4
    assert latents.first_open(None) is None
