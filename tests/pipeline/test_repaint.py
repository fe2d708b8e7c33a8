"""Windows are joined by their weights, frames leave in order, and no more is kept than has to be."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

import tiny
from lipwright.media.frames import Frame, read_frames
from lipwright.media.timeline import match_lengths
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine, Sampling
from lipwright.pipeline.items import Item, Place
from lipwright.pipeline.relay import StageClock
from lipwright.pipeline.repaint import DECODED_AT_ONCE, Repainter
from lipwright.pipeline.windows import Window, fade, plan
from lipwright.progress import Progress

SIZE, OVERLAP = 8, 3


class Numbering(Engine):
    """An engine whose n-th window is painted in the colour n, so that the joins can be read off."""

    windows = 0

    def denoise(
        self,
        hidden: Float[Tensor, "f 4 y x"],
        shown: Float[Tensor, "f 4 y x"],
        told: Float[Tensor, "1 f n d"],
        noise: Float[Tensor, "1 4 1 y x"],
        sampling: Sampling,
        progress: Progress,
    ) -> Float[Tensor, "f 4 y x"]:
        self.windows += 1
        return torch.full_like(shown, self.windows)

    def decode(self, latents: Float[Tensor, "f 4 y x"]) -> NDArray[np.float32]:
        assert len(latents) <= DECODED_AT_ONCE
        colours = latents.mean(dim=(1, 2, 3)).numpy()
        return np.broadcast_to(colours[:, None, None, None], (len(latents), 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def numbering(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("numbering")
    return Numbering.load(tiny.build(folder, window=SIZE, overlap=OVERLAP, carry_detail=False), device="cpu")


@pytest.fixture(scope="module")
def frame(clip: Path) -> Frame:
    return next(iter(read_frames(clip)))


def place() -> Place:
    matrix, points = np.eye(2, 3, dtype=np.float32), np.zeros((2, 2), np.float32)
    return Place(matrix, (0, 0, 64, 64), points, np.zeros((64, 64, 3), np.float32))


def repaint(engine: Engine, frame: Frame, runs: list[tuple[int, int]], count: int) -> Iterator[Item]:
    timeline = match_lengths(list(range(count)), Fraction(1, 25), 1, Fraction(count, 25))
    repainter = Repainter(
        engine,
        list(plan(runs, engine.bundle.window, engine.bundle.overlap)),
        engine.listen(tiny.voice(count / 25)),
        timeline,
        engine.sampling(SyncOptions()),
        Progress(),
        StageClock(),
    )
    faces = {index for start, stop in runs for index in range(start, stop)}
    return repainter(Item(index, frame, place() if index in faces else None) for index in range(count))


def colour(item: Item) -> float | None:
    if item.place is None:
        return None
    assert item.place.generated is not None
    return float(item.place.generated.mean())


def test_windows_fade_into_each_other_and_not_across_gaps(numbering: Engine, frame: Frame) -> None:
    numbering.windows = 0  # type: ignore[attr-defined]
    runs = [(2, 15), (15, 20), (24, 27)]  # windows 2..10 and 7..15, a cut, 15..20, a gap, 24..27
    items = list(repaint(numbering, frame, runs, 30))
    assert [item.index for item in items] == list(range(30))
    found = [colour(item) for item in items]
    ramp = fade(Window(7, 15), Window(2, 10), None)[:OVERLAP]
    expected = [None] * 2 + [1.0] * 5 + [1 + float(part) for part in ramp] + [2.0] * 5
    expected += [3.0] * 5 + [None] * 4 + [4.0] * 3 + [None] * 3
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert (one is None) == (other is None), index
        assert one is None or other is None or one == pytest.approx(other, abs=1e-5), index


def test_a_frame_leaves_as_soon_as_no_window_will_change_it(numbering: Engine, frame: Frame) -> None:
    numbering.windows = 0  # type: ignore[attr-defined]
    taken = 0
    longest = 0

    def counted(items: Iterator[Item]) -> Iterator[Item]:
        nonlocal taken
        for item in items:
            taken += 1
            yield item

    timeline = match_lengths(list(range(100)), Fraction(1, 25), 1, Fraction(100, 25))
    windows = list(plan([(10, 90)], SIZE, OVERLAP))
    repainter = Repainter(
        numbering,
        windows,
        numbering.listen(tiny.voice(4.0)),
        timeline,
        numbering.sampling(SyncOptions()),
        Progress(),
        StageClock(),
    )
    source = (Item(index, frame, place() if 10 <= index < 90 else None) for index in range(100))
    for given, _ in enumerate(repainter(counted(source))):
        longest = max(longest, taken - given)
    assert longest <= 2 * SIZE


def test_a_real_window_changes_its_frames(engine: Engine, frame: Frame) -> None:
    pictures = [
        item.place.generated for item in repaint(engine, frame, [(0, 9)], 10) if item.place is not None
    ]
    assert len(pictures) == 9
    for picture in pictures:
        assert picture is not None and picture.shape == (64, 64, 3) and np.isfinite(picture).all()
