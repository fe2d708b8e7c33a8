"""Which of a person's own frames to show when: the cheapest way through all of them.

A frame costs what its mouth lacks of the wish, how differently the head is turned, and its blur; going on
from one frame to another costs what would be seen to jump. The cheapest sequence is found exactly (Viterbi).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, SMILE, WIDTH

Floats = NDArray[np.float32]

BLOCK = 500  # moments whose costs are computed together: memory must not grow with the length of a job


@dataclass(frozen=True)
class Taste:
    """How much each fault of a choice weighs. An opening is compared by its logarithm, so that a closed mouth
    that stands open is worse than a wide one that is less wide.
    """

    opening: float = 17.0
    opening_floor: float = 0.12  # of the usual mouth width times a third: below it all openings are alike
    width: float = 2.5
    smile: float = 1.0
    pose: float = 0.35
    blur: float = 1.5
    jump: float = 5.0  # for a jump between mouths that look as different as two usually do
    leave: float = 0.35  # for any jump at all
    back: float = 0.12  # for going backwards
    stay: float = 0.12  # for standing still


def choose(
    library: Library,
    wishes: Floats,
    poses: Floats,
    runs: Sequence[tuple[int, int]],
    taste: Taste | None = None,
) -> NDArray[np.int32]:
    """(n,) library entry of each output frame, -1 outside the runs.

    wishes: (n, 3) measures wanted. poses: (n, POSES) of the head that the mouth will be put on. runs: (start,
    stop) stretches of output frames that are one motion.
    """
    taste = Taste() if taste is None else taste
    steps = _steps(library, taste)
    chosen = np.full(len(wishes), -1, np.int32)
    for start, stop in runs:
        blocks = (
            _faults(
                library,
                wishes[first : min(first + BLOCK, stop)],
                poses[first : min(first + BLOCK, stop)],
                taste,
            )
            for first in range(start, stop, BLOCK)
        )
        chosen[start:stop] = _cheapest(chain.from_iterable(blocks), stop - start, steps)
    return chosen


def _faults(library: Library, wishes: Floats, poses: Floats, taste: Taste) -> Floats:
    """(n, N) cost of showing each entry at each moment."""
    own = library.measures
    usual = float(np.median(own[:, WIDTH]))
    floor = taste.opening_floor * usual / 3
    wide, smiling = (max(float(own[:, k].std()), 0.01 * usual) for k in (WIDTH, SMILE))
    opening = np.log((own[:, OPENING] + floor)[None] / (np.maximum(wishes[:, OPENING], 0) + floor)[:, None])
    cost = taste.opening * opening**2
    cost += taste.width * ((own[None, :, WIDTH] - wishes[:, None, WIDTH]) / wide) ** 2 / 4
    cost += taste.smile * ((own[None, :, SMILE] - wishes[:, None, SMILE]) / smiling) ** 2 / 4
    for axis in range(poses.shape[1]):
        cost += taste.pose * (library.poses[None, :, axis] - poses[:, None, axis]) ** 2
    cost += taste.blur * np.minimum(library.sharpness, 0)[None] ** 2
    return np.asarray(cost, np.float32)


def _steps(library: Library, taste: Taste) -> Floats:
    """(N, N) cost of showing entry k right after entry j."""
    looks = library.looks()
    squares = (looks**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * looks @ looks.T, 0) / looks.shape[1])
    usual = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
    # what follows j in the clip is what the eye expects; a jump is as bad as it differs from that
    after = np.arange(len(library))
    follows = library.follows()
    after[follows] += 1
    steps = taste.leave + taste.jump * (apart[after] / usual) ** 2
    entries = np.arange(len(library))
    steps[entries, entries] = np.minimum(steps[entries, entries], taste.stay)
    ahead = entries[follows]
    steps[ahead + 1, ahead] = np.minimum(steps[ahead + 1, ahead], taste.back)
    steps[ahead, ahead + 1] = 0.0
    return np.asarray(steps, np.float32)


def _cheapest(costs: Iterable[Floats], count: int, steps: Floats) -> NDArray[np.int32]:
    """The cheapest way: `count` costs (N,) of being somewhere, steps (N, N) of going from row to column.

    What is kept of each moment is 2 bytes for each entry.
    """
    entries = len(steps)
    came = np.empty((count, entries), np.int16)
    total = np.zeros(entries, np.float32)
    arriving = np.ascontiguousarray(steps.T)
    for t, cost in enumerate(costs):
        if t == 0:
            total = cost.copy()
            continue
        options = arriving + total
        came[t] = options.argmin(axis=1)
        total = options[np.arange(entries), came[t]] + cost
        total -= total.min()
    path = np.empty(count, np.int32)
    path[-1] = int(total.argmin())
    for t in range(count - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path
