"""The cheapest way through a library."""

from itertools import pairwise, product

import numpy as np

from lipwright.personal.choose import _cheapest, choose
from lipwright.personal.measures import OPENING
from person import Learned


def test_the_cheapest_way_is_found() -> None:
    rng = np.random.default_rng(3)
    costs, steps = rng.uniform(0, 1, (6, 4)).astype(np.float32), rng.uniform(0, 1, (4, 4)).astype(np.float32)

    def price(way: tuple[int, ...]) -> float:
        there = sum(costs[t, k] for t, k in enumerate(way))
        return float(there + sum(steps[a, b] for a, b in pairwise(way)))

    best = min(product(range(4), repeat=6), key=price)
    assert tuple(_cheapest(costs, len(costs), steps)) == best


def test_a_person_s_own_motion_is_played_as_it_was(talk: Learned) -> None:
    """Asked for what the clip does, the library runs along with few jumps."""
    seen, count = talk.seen, len(talk.seen.measures)
    chosen = choose(talk.library, seen.measures, seen.poses, [(0, count)])
    assert (np.abs(np.diff(chosen)) > 1).sum() <= count // 6
    shown = talk.library.measures[chosen, OPENING]
    assert np.corrcoef(shown, seen.measures[:, OPENING])[0, 1] > 0.97


def test_outside_the_runs_nothing_is_chosen(talk: Learned) -> None:
    seen = talk.seen
    chosen = choose(talk.library, seen.measures[:20], seen.poses[:20], [(5, 12)])
    assert (chosen[:5] == -1).all() and (chosen[12:] == -1).all() and (chosen[5:12] >= 0).all()
