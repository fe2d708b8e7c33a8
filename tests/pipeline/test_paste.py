"""A new mouth goes into its frame, and what the report says was touched is all that was."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny
from lipwright.faces.align import TINY_TEMPLATE, anchors, crop, fit, frame_box
from lipwright.faces.mask import TINY_MASK
from lipwright.faces.mesh import keep
from lipwright.media.frames import Frame, read_frames
from lipwright.media.write import save_clip
from lipwright.pipeline.engine import Engine
from lipwright.pipeline.items import Place
from lipwright.pipeline.paste import EditedRanges, paste
from lipwright.pipeline.report import EditedRange

Shift = tuple[int, int]


def placed(engine: Engine, frame: Frame) -> Place:
    (face, *_) = engine.faces().read(frame.rgb(), [])
    points = keep(face.points)
    matrix = fit(anchors(points, TINY_TEMPLATE), TINY_TEMPLATE)
    box = frame_box(matrix, TINY_TEMPLATE.resolution, frame.width, frame.height, margin=4)
    picture = crop(frame.rgb_box(box), box, matrix, TINY_TEMPLATE.resolution)
    return Place(matrix, box, points, picture)


def changed(before: Frame, after: Frame) -> NDArray[np.bool_]:
    """(h, w): px of which any sample of any plane changed."""
    found = np.zeros((before.height, before.width), bool)
    for one, other in zip(before.planes, after.planes, strict=True):
        down, across = before.height // one.shape[0], before.width // one.shape[1]
        found |= np.repeat(np.repeat(one != other, down, axis=0), across, axis=1)
    return found


def outside(box: tuple[int, int, int, int], frame: Frame) -> NDArray[np.bool_]:
    found = np.ones((frame.height, frame.width), bool)
    found[box[1] : box[3], box[0] : box[2]] = False
    return found


@pytest.fixture
def frame(clip: Path) -> Frame:
    return next(iter(read_frames(clip)))


def test_only_the_reported_box_is_touched(engine: Engine, frame: Frame) -> None:
    place = placed(engine, frame)
    place.generated = 255 - place.crop
    place.reconstructed = place.crop
    new, box = paste(frame, place, TINY_MASK)
    assert box is not None
    touched = changed(frame, new)
    assert not touched[outside(box, frame)].any()
    assert touched.sum() > 1000
    assert box[1] > frame.height * 0.3, "the eyes are not repainted"


def test_the_source_s_own_mouth_changes_next_to_nothing(engine: Engine, frame: Frame) -> None:
    place = placed(engine, frame)
    place.generated = place.reconstructed = place.crop
    new, _ = paste(frame, place, TINY_MASK)
    assert (
        max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(frame.planes, new.planes, strict=True)) <= 1
    )


def test_without_detail_the_colours_are_matched(engine: Engine, frame: Frame) -> None:
    place = placed(engine, frame)
    place.generated = place.crop * 0.8 + 10
    new, box = paste(frame, place, TINY_MASK)
    assert box is not None
    difference = np.abs(new.rgb_box(box) - frame.rgb_box(box)).mean()
    assert difference < 4


def test_a_frame_that_was_not_repainted_is_a_bug(engine: Engine, frame: Frame) -> None:
    with pytest.raises(ValueError, match="not repainted"):
        paste(frame, placed(engine, frame), TINY_MASK)


@pytest.mark.parametrize("shift", [(0, 110), (70, 0), (-70, 0), (-60, 90), (60, 90)])
def test_a_face_at_the_edge_of_the_picture(engine: Engine, shift: Shift, tmp_path: Path) -> None:
    """The head is half outside: the box is clipped, and the paste works up to the last row and column."""
    picture = np.roll(tiny.presenter(1)[0], shift, axis=(1, 0))
    path = tmp_path / "edge.mp4"
    save_clip(path, [picture] * 2, Fraction(25), None, 16000, codec="h264", crf=5)
    frame = next(iter(read_frames(path)))
    faces = engine.faces().read(tiny.presenter(1)[0], [])
    points = keep(faces[0].points) + np.array(shift, np.float32)
    matrix = fit(anchors(points, TINY_TEMPLATE), TINY_TEMPLATE)
    box = frame_box(matrix, 128, frame.width, frame.height, margin=4)
    face = crop(frame.rgb_box(box), box, matrix, 128)
    place = Place(matrix, box, points, face, generated=255 - face, reconstructed=face)
    new, touched = paste(frame, place, TINY_MASK)
    if touched is not None:
        assert 0 <= touched[0] < touched[2] <= frame.width and 0 <= touched[1] < touched[3] <= frame.height
        assert not changed(frame, new)[outside(touched, frame)].any()


def test_runs_of_edited_frames_hold_the_union_of_their_boxes() -> None:
    edited = EditedRanges()
    boxes = [None, (4, 4, 8, 8), (0, 6, 6, 12), None, None, (1, 1, 2, 2)]
    for index, box in enumerate(boxes):
        edited.add(index, box)
    assert edited.ranges == [EditedRange(1, 3, (0, 4, 8, 12)), EditedRange(5, 6, (1, 1, 2, 2))]
    assert edited.untouched == 3
