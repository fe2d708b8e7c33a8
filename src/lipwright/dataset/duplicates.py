"""Near-duplicates among all clips: sound and picture must both be alike. The first by name is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.config import Duplicates
from lipwright.dataset.steps.prints import BITS, EVERY, Prints

OVERLAP_S_FRAMES = 40  # of the sound, at least, for a verdict
OVERLAP_SHARE = 0.6  # of the shorter clip
TRIED = 12  # most likely pairs of clip and shift that are looked at closely
COMMON = 512  # a word found more often says nothing (hum, beeps)
_FLIPS = np.concatenate([[0], np.uint32(1) << np.arange(BITS, dtype=np.uint32)]).astype(np.uint32)


@dataclass(frozen=True)
class Match:
    """Clip number `first` is the same as the clip asked about, `shift` frames later in it."""

    first: int
    shift: int
    sound_errors: float
    picture_bits: float


def find(prints: Sequence[Prints], config: Duplicates) -> list[Match | None]:
    """For each clip, in order: the earlier kept one that it repeats, or None."""
    index = _Index(prints)
    dropped = np.zeros(len(prints), bool)
    found: list[Match | None] = []
    for number, own in enumerate(prints):
        match = None
        for first, shift in index.likely(number, dropped):
            match = _compared(prints[first], own, first, shift, config)
            if match is not None:
                break
        dropped[number] = match is not None
        found.append(match)
    return found


class _Index:
    """Where each word of sound occurs: looked up with one bit flipped at most."""

    def __init__(self, prints: Sequence[Prints]) -> None:
        self._prints = prints
        words = [own.words[own.heard] for own in prints]
        owners = [np.full(len(part), number, np.int64) for number, part in enumerate(words)]
        places = [np.flatnonzero(own.heard) for own in prints]
        everything = np.concatenate(words) if words else np.zeros(0, np.uint32)
        order = np.argsort(everything, kind="stable")
        self._words = everything[order]
        self._owners = np.concatenate(owners)[order] if words else np.zeros(0, np.int64)
        self._places = np.concatenate(places)[order] if words else np.zeros(0, np.int64)

    def likely(self, number: int, dropped: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """(earlier clip, shift) pairs with the most words in common."""
        own = self._prints[number]
        at = np.flatnonzero(own.heard)
        probes = (own.words[at][:, None] ^ _FLIPS[None]).ravel()
        here = np.repeat(at, len(_FLIPS))
        low = np.searchsorted(self._words, probes, "left")
        counts = np.searchsorted(self._words, probes, "right") - low
        counts[counts > COMMON] = 0
        total = int(counts.sum())
        if not total:
            return []
        inside = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        entries = np.repeat(low, counts) + inside
        owners, shifts = self._owners[entries], self._places[entries] - np.repeat(here, counts)
        earlier = (owners < number) & ~dropped[owners]
        pairs, votes = np.unique(
            np.stack([owners[earlier], shifts[earlier]], axis=1), axis=0, return_counts=True
        )
        best = np.lexsort((pairs[:, 1], pairs[:, 0], -votes))[:TRIED]
        return [(int(pairs[k, 0]), int(pairs[k, 1])) for k in best]


def _compared(a: Prints, b: Prints, first: int, shift: int, config: Duplicates) -> Match | None:
    """Frame k of b against frame k + shift of a."""
    low, high = max(0, -shift), min(len(b.words), len(a.words) - shift)
    if high - low < OVERLAP_SHARE * min(len(a.words), len(b.words)):
        return None
    heard = a.heard[low + shift : high + shift] & b.heard[low:high]
    if heard.sum() < OVERLAP_S_FRAMES:
        return None
    unlike = np.bitwise_count(a.words[low + shift : high + shift] ^ b.words[low:high])[heard]
    errors = float(unlike.mean()) / BITS
    if errors > config.sound_errors:
        return None
    moments = np.arange(-(-low // EVERY), -(-high // EVERY))
    others = np.rint((moments * EVERY + shift) / EVERY).astype(int)
    inside = (others >= 0) & (others < len(a.hashes)) & (moments < len(b.hashes))
    if not inside.any():
        return None
    bits = np.bitwise_count(a.hashes[others[inside]] ^ b.hashes[moments[inside]])
    picture = float(np.median(bits))
    return Match(first, shift, round(errors, 3), picture) if picture <= config.picture_bits else None
