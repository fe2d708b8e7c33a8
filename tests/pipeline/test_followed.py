"""A face that was followed before the job began."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from lipwright.faces.track import FaceTrack
from lipwright.pipeline.followed import Followed

BASE = Fraction(1, 100)


def followed(*, whole: bool, seen: int = 0) -> Followed:
    """Ten frames of 40 ms that begin at 0.2 s; the face is there from frame `seen` on."""
    present = np.arange(10) >= seen
    points = np.where(present[:, None, None], np.zeros((10, 3, 2), np.float32), np.nan).astype(np.float32)
    pts, ticks = np.arange(10) * 4 + 20, np.full(10, 4)
    return Followed(Path("clip.mp4"), FaceTrack(present, points, (3, 7)), pts, ticks, whole)


def test_a_job_gets_the_frames_that_it_would_have_read() -> None:
    found = followed(whole=False).until(0.2, BASE)
    assert found is not None
    assert len(found.track) == len(found.pts) == len(found.ticks) == 6
    assert found.track.cuts == (3,) and found.track.points.shape == (6, 3, 2)


def test_a_job_that_needs_more_than_was_followed_follows_itself() -> None:
    assert followed(whole=False).until(0.5, BASE) is None
    all_of_it = followed(whole=True).until(0.5, BASE)
    assert all_of_it is not None and len(all_of_it.pts) == 10


def test_a_part_without_the_face_is_no_part() -> None:
    assert followed(whole=True, seen=8).until(0.2, BASE) is None
