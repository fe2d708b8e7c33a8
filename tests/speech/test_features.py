"""Listening: blocks, their joins and what is kept, with an encoder that hands through its input."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lipwright.speech import mel
from lipwright.speech.features import KEPT_BLOCKS, RELEASED, SHORT, Blocks, Listening

OVERLAP_PADDED = Blocks("overlap", rows=60, context=10, padding=0.0)
SEPARATE_SHORT = Blocks("separate", rows=60)


class Echo:
    """Gives every second mel column back as a row; counts its calls and notes the lengths it was given."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def __call__(self, heard: Tensor) -> Tensor:
        self.lengths.append(heard.shape[2])
        return heard[:, :, ::2].transpose(1, 2)[:, :, None]


class Marker(Echo):
    """Rows that say which call they come from."""

    def __call__(self, heard: Tensor) -> Tensor:
        super().__call__(heard)
        rows = -(-heard.shape[2] // 2)
        return torch.full((1, rows, 1, 1), float(len(self.lengths) - 1))


def _noise(seconds: float) -> np.ndarray:
    draw = np.random.default_rng(5).standard_normal(int(seconds * mel.RATE)) * 0.1
    return np.asarray(draw, dtype=np.float32)


@pytest.mark.parametrize("blocks", [SHORT, OVERLAP_PADDED, SEPARATE_SHORT])
@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.2, 3.0, 3.05, 7.77])
def test_joined_blocks_equal_the_whole_and_any_part_of_it(blocks: Blocks, seconds: float) -> None:
    sound = _noise(seconds)
    listening = Listening(Echo(), sound, blocks)
    rows = listening.rows(0, listening.count)
    whole = torch.from_numpy(mel.log_mel(sound))[:, ::2].T[: listening.count, None]
    assert torch.allclose(rows, whole, atol=1e-5)
    for first in range(0, listening.count - 5, 11):
        assert torch.allclose(listening.rows(first, first + 5), rows[first : first + 5], atol=1e-6)


def test_overlapping_blocks_fade_into_each_other() -> None:
    listening = Listening(Marker(), _noise(4), OVERLAP_PADDED)
    rows = listening.rows(0, listening.count).flatten()
    steps = rows.diff()
    assert float(steps.max()) <= 1 / 11 + 1e-6  # over 11 rows, never at once
    assert float(steps.min()) >= 0
    border = OVERLAP_PADDED.stride
    assert rows[border] == pytest.approx(0.5)
    assert rows[border - 6] == 0
    assert rows[border + 6] == 1


def test_separate_blocks_break_at_once() -> None:
    rows = Listening(Marker(), _noise(4), SEPARATE_SHORT).rows(0, 200).flatten()
    assert rows[59] == 0
    assert rows[60] == 1


def test_padding_and_own_length() -> None:
    padded, plain = Echo(), Echo()
    Listening(padded, _noise(1), RELEASED).rows(0, 50)
    Listening(plain, _noise(1), SHORT).rows(0, 50)
    assert padded.lengths == [3000]
    assert plain.lengths == [100]


def test_blocks_are_encoded_once_and_only_a_few_are_kept() -> None:
    echo = Echo()
    listening = Listening(echo, _noise(12), SEPARATE_SHORT)
    for first in range(0, 590, 10):
        listening.rows(first, first + 10)
    assert len(echo.lengths) == 10
    listening.rows(0, 10)
    assert len(echo.lengths) == 11
    assert len(listening._cache) == KEPT_BLOCKS


@pytest.mark.parametrize(("first", "stop"), [(-1, 5), (5, 5), (0, 51)])
def test_rows_outside_the_sound_are_refused(first: int, stop: int) -> None:
    with pytest.raises(IndexError, match="of 50 rows"):
        Listening(Echo(), _noise(1), SHORT).rows(first, stop)


def test_context_longer_than_the_block_is_refused() -> None:
    with pytest.raises(ValueError, match="of context on each side"):
        Blocks("overlap", rows=100, context=40)
