"""Rows of frames at any rate, and their layout as tokens."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from lipwright.speech.per_frame import around, centre, released_count, tokens


class Ramp:
    """Row r, layer l is r + l / 10."""

    count = 100

    def rows(self, first: int, stop: int) -> Tensor:
        rows = torch.arange(first, stop)[:, None, None] + torch.arange(3)[None, :, None] / 10
        return rows.expand(-1, -1, 2)


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30), Fraction(60)]
)
def test_the_centre_is_exact_at_every_rate(rate: Fraction) -> None:
    for frame in range(2000):
        exact = int(frame / rate * 50)
        assert centre(frame / rate) == centre(float(frame / rate)) == exact


def test_rows_beyond_the_ends_are_the_end_rows() -> None:
    assert around(2, 100).tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    assert around(98, 100).tolist() == [94, 95, 96, 97, 98, 99, 99, 99, 99, 99]
    assert around(500, 100).tolist() == [99] * 10


def test_tokens_go_row_by_row_and_layer_by_layer() -> None:
    found = tokens(Ramp(), [0.4, Fraction(1, 5)])
    assert found.shape == (2, 30, 2)
    assert torch.allclose(found[0, :4, 0], torch.tensor([16.0, 16.1, 16.2, 17.0]))
    assert float(found[1, 0, 0]) == 6
    assert float(found[1, 29, 0]) == pytest.approx(15.2)


def test_nothing_to_listen_to_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        around(0, 0)
    with pytest.raises(ValueError, match="no frame times"):
        tokens(Ramp(), [])


def test_the_released_code_makes_more_frames_than_the_sound_lasts() -> None:
    assert released_count(400, 25) == 202
