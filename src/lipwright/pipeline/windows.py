"""Which output frames the network sees together, and how neighbouring windows become one motion.

A window never crosses a cut, a gap or a jump in time. Windows of one run overlap; what two windows say about
a frame is faded from one to the other. The last window of a run is moved back rather than cut short.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """Output frames start to stop - 1 of the run of that number."""

    start: int
    stop: int
    run: int = 0

    def __len__(self) -> int:
        return self.stop - self.start


def output_runs(sources: NDArray[np.int32], runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches (start, stop) of output frames that show one run of the face track without a jump.

    sources: (n,) source frame of each output frame. runs: (start, stop) source frames with a face and
    without a cut inside. Going back and forth is no jump: neighbouring output frames show neighbouring source
    frames.
    """
    last = int(sources.max(initial=-1)) + 1
    owner = np.full(max([last, *(stop for _, stop in runs)]), -1)
    for number, (start, stop) in enumerate(runs):
        owner[start:stop] = number
    found: list[tuple[int, int]] = []
    begin = 0
    for index in range(1, len(sources) + 1):
        here = index < len(sources) and owner[sources[index]] == owner[sources[begin]]
        if here and abs(int(sources[index]) - int(sources[index - 1])) <= 1:
            continue
        if owner[sources[begin]] >= 0:
            found.append((begin, index))
        begin = index
    return found


def plan(runs: Sequence[tuple[int, int]], size: int, overlap: int) -> Iterator[Window]:
    """Windows of `size` frames, neighbours sharing `overlap`; a run shorter than that is one window."""
    if not 0 <= overlap < size:
        raise ValueError(f"windows of {size} frames cannot share {overlap}")
    for number, (start, stop) in enumerate(runs):
        at = start
        while True:
            if at + size >= stop:
                yield Window(max(start, stop - size) if overlap or at == start else at, stop, number)
                break
            yield Window(at, at + size, number)
            at += size - overlap


def fade(window: Window, before: Window | None, after: Window | None) -> NDArray[np.float32]:
    """Weight of each frame of a window: ramps where it shares frames with its neighbours, 1 elsewhere.

    The weights of two neighbours sum to 1 on every shared frame.
    """
    weight = np.ones(len(window), np.float32)
    if before is not None and before.stop > window.start:
        shared = before.stop - window.start
        weight[:shared] = (np.arange(shared) + 1) / (shared + 1)
    if after is not None and after.start < window.stop:
        shared = window.stop - after.start
        weight[-shared:] = np.minimum(weight[-shared:], 1 - (np.arange(shared) + 1) / (shared + 1))
    return weight
