"""Contact sheets."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from lipwright.errors import OutputError
from lipwright.evaluation.sheet import GAP, contact_sheet, spread_over, write_picture


def test_frames_are_spread_over_the_clip() -> None:
    assert spread_over(100, 3) == [0, 49, 99]
    assert spread_over(2, 8) == [0, 1]
    assert spread_over(1, 4) == [0]


def test_rows_of_different_lengths_and_shapes_make_one_sheet() -> None:
    wide, tall = np.zeros((50, 100, 3), np.uint8), np.full((90, 30, 3), 9, np.uint8)
    sheet = contact_sheet([("before", [wide, wide]), ("after", [tall])], width_px=60)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (30 + GAP + 180 + GAP, 22 + 2 * (60 + GAP), 3)
    assert (sheet[0:30, 22:82] == 0).all() and (sheet[40:200, 22:80] == 9).all()


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg"])
def test_a_sheet_is_written_in_its_colours(name: str, tmp_path: Path) -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 0] = 200
    write_picture(picture, tmp_path / name)
    read = cv2.imread(str(tmp_path / name))
    assert read is not None
    assert np.abs(read[..., ::-1].astype(int) - picture).max() < 6


def test_a_sheet_that_cannot_be_written(tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(OutputError, match="folder"):
        write_picture(picture, tmp_path / "none" / "sheet.png")
    with pytest.raises(OutputError, match=r"\.png, \.jpg"):
        write_picture(picture, tmp_path / "sheet.xyz")
    assert list(tmp_path.iterdir()) == []
