"""From chosen frames to mouths: shapes that move smoothly, and neighbours faded into each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.personal.head import FOLD, LOWER_INNER, UPPER_INNER
from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, SMILE, WIDTH
from lipwright.personal.render import Mouth
from lipwright.personal.seen import Seen

Floats = NDArray[np.float32]

SHARES = (0.3, 0.4, 0.3)  # of the frame before (carried on), the frame itself, that after (traced back)
ALIKE = 1.0  # two mouths are mixed when they look less different than this, in usual differences
OPENS = (0.62, 1.4)  # how far a shown opening is pulled, as a ratio; further, a warp would be seen
CLOSES_BY, OPENS_BY = 0.035, 0.06  # and as a distance, in mouth widths: closing squeezes teeth (see `teeth`)
ASIDE_BY = 0.035  # how far corners are pulled, in mouth widths
TURNS = 1.5  # how much of another pose is made good by moving points, in usual movements
STEADY = np.array([0.03, 0.07, 0.12, 0.18, 0.2, 0.18, 0.12, 0.07, 0.03])
"""Smoothing of what the choice of frames adds to the motion."""
LOWER_LIP = 5  # the middle of the lower edge among the outer lips
RIGID = 0.75  # share of the lower lip's way that the chin goes; the rest is the lip's own
_SIDE = (0.05, 0.16, 0.32, 0.5, 0.68, 0.83, 0.94, 1.0)
JAW = np.array([*_SIDE, 1.0, *reversed(_SIDE)])
"""Share of it along the outline, from ear to ear."""
PAIRS = tuple(zip(UPPER_INNER - 20, LOWER_INNER - 20, strict=True))  # of the inner lips


@dataclass(frozen=True)
class Plan:
    """Mouths of n output frames; see `Mouth`. entries: (n, 3), -1 where nothing is to be done."""

    entries: NDArray[np.int32]
    shares: Floats
    lips: Floats
    jaw: Floats
    folds: Floats

    def mouth(self, index: int) -> Mouth | None:
        """What output frame `index` shows; None where it passes through."""
        used = [
            (int(entry), float(share))
            for entry, share in zip(self.entries[index], self.shares[index], strict=True)
            if entry >= 0 and share > 0
        ]
        if not used:
            return None
        entries, shares = zip(*used, strict=True)
        return Mouth(entries, shares, self.lips[index], self.jaw[index], self.folds[index])


def plan_mouths(
    library: Library,
    chosen: NDArray[np.int32],
    wishes: Floats,
    poses: Floats,
    now: Seen,
    runs: Sequence[tuple[int, int]],
) -> Plan:
    """chosen: (n,) of `choose`. wishes: (n, 3). poses: (n, POSES). now: what the n frames show as they
    are. runs: as given to `choose`.
    """
    count = len(chosen)
    entries = np.full((count, 3), -1, np.int32)
    shares = np.zeros((count, 3), np.float32)
    lips = np.zeros((count, 40, 2), np.float32)
    jaw, folds = np.zeros((count, 17, 2), np.float32), np.zeros((count, 4, 2), np.float32)
    apart = _apart(library)
    for start, stop in runs:
        part = slice(start, stop)
        entries[part], shares[part] = _mixes(library, chosen[part], apart)
        lips[part], reached = _shapes(library, entries[part], shares[part], wishes[part], poses[part])
        # a jaw is a bone: the chin goes where the lower lip goes
        lowered = lips[part, LOWER_LIP, 1] - now.moving[part, LOWER_LIP, 1]
        jaw[part, :, 1] = RIGID * lowered[:, None] * JAW
        change = reached[:, OPENING] - now.measures[part, OPENING]
        folds[part] = change[:, None, None] * library.shape.by_measure[OPENING, FOLD]
    return Plan(entries, shares, lips, jaw, folds)


def _apart(library: Library) -> Floats:
    """(N, N) how different two mouths look, 1 usual."""
    looks = library.looks()
    squares = (looks**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * looks @ looks.T, 0))
    usual = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
    return np.asarray(apart / usual, np.float32)


def _mixes(library: Library, chosen: NDArray[np.int32], apart: Floats) -> tuple[NDArray[np.int32], Floats]:
    """(n, 3) entries and shares: with the neighbours' continuations, where these differ and look alike."""
    follows = library.follows()
    ahead = chosen.copy()
    ahead[1:] = chosen[:-1]
    carried = np.where(follows[ahead], ahead + 1, ahead)
    carried[0] = chosen[0]
    behind = chosen.copy()
    behind[:-1] = chosen[1:]
    traced = np.where((behind > 0) & follows[behind - 1], behind - 1, behind)
    traced[-1] = chosen[-1]
    # going backwards or standing still is no jump
    still = np.abs(np.diff(chosen)) <= 1
    carried[1:][still] = chosen[1:][still]
    traced[:-1][still] = chosen[:-1][still]
    entries = np.stack([carried, chosen, traced], axis=1).astype(np.int32)
    shares = np.broadcast_to(np.asarray(SHARES, np.float32), entries.shape).copy()
    for side in (0, 2):
        strange = apart[entries[:, side], chosen] > ALIKE
        same = entries[:, side] == chosen
        shares[strange | same, side] = 0
    shares[:, 1] = 1 - shares[:, 0] - shares[:, 2]
    return entries, shares


def _shapes(
    library: Library, entries: NDArray[np.int32], shares: Floats, wishes: Floats, poses: Floats
) -> tuple[Floats, Floats]:
    """Lips (n, 40, 2), head px, and the measures (n, 3) that they reach."""
    weight = shares[..., None]
    usual = float(np.median(library.measures[:, WIDTH]))
    own = (library.measures[entries] * weight).sum(axis=1)
    wished = wishes.copy()
    low = np.maximum(own[:, OPENING] * OPENS[0], own[:, OPENING] - CLOSES_BY * usual)
    high = np.minimum(own[:, OPENING] * OPENS[1], own[:, OPENING] + OPENS_BY * usual)
    wished[:, OPENING] = np.clip(wishes[:, OPENING], low, high)
    reach = ASIDE_BY * usual
    for k in (WIDTH, SMILE):
        wished[:, k] = np.clip(wishes[:, k], own[:, k] - reach, own[:, k] + reach)
    there = (library.poses[entries] * weight).sum(axis=1)
    turned = there + np.clip(poses - there, -TURNS, TURNS)
    rest = (library.points[entries, :40] * weight[..., None]).sum(axis=1) - _straight(library, own, there)
    lips = _straight(library, wished, turned) + _steadied(rest)
    lips = _uncrossed(lips)
    return lips.astype(np.float32), wished


def _straight(library: Library, measures: Floats, poses: Floats) -> Floats:
    """Lips (n, 40, 2) by the person's straight lines."""
    shape = library.shape
    moved = np.einsum("nk,kmd->nmd", measures - shape.usual, shape.by_measure[:, :40])
    moved += np.einsum("nk,kmd->nmd", poses, shape.by_pose[:, :40])
    return np.asarray(shape.mean[:40] + moved, np.float32)


def _steadied(values: Floats) -> Floats:
    reach = len(STEADY) // 2
    padded = np.concatenate([values[:1].repeat(reach, 0), values, values[-1:].repeat(reach, 0)])
    return np.asarray(sum(share * padded[k : k + len(values)] for k, share in enumerate(STEADY)), np.float32)


def _uncrossed(lips: Floats) -> Floats:
    """Inner lips whose lower points are not above the upper ones: both go to their middle where they are."""
    inner = lips[:, 20:].copy()
    for upper, lower in PAIRS:
        over = np.maximum(inner[:, upper, 1] - inner[:, lower, 1], 0) / 2
        inner[:, upper, 1] -= over
        inner[:, lower, 1] += over
    return np.concatenate([lips[:, :20], inner], axis=1)
