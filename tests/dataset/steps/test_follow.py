"""One person all the time, large enough, or a reason why not."""

import numpy as np
import pytest

from lipwright.dataset.config import Faces
from lipwright.dataset.steps.follow import Followed, check, opening
from lipwright.dataset.verdicts import GAPS, NO_FACE, SEVERAL, SMALL, Refused
from lipwright.faces.mesh import KEPT, columns
from lipwright.faces.track import FaceTrack


def track(frames: int = 50, height: float = 120.0) -> FaceTrack:
    """A face whose lips are 12 px apart in the second half."""
    points = np.zeros((frames, len(KEPT), 2), np.float32)
    points[:, columns(152)[0], 1] = height
    for lip in (14, 87, 317):
        points[frames // 2 :, columns(lip)[0], 1] = 12
    return FaceTrack(np.ones(frames, bool), points, ())


def test_a_good_face_has_figures() -> None:
    found = Followed(track(), np.zeros(50))
    assert check(found, 10, 50, 256, Faces()) == {"height_px": 120.0, "missing": 0, "with_other": 0}
    gaps = opening(track(), 0, 50)
    assert np.allclose(gaps[:25], 0) and np.allclose(gaps[25:], 0.1)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("nobody", f"{NO_FACE}: in none of 40 frames"),
        ("gone", f"{NO_FACE}: in none of 40 frames"),
        ("gap", f"{GAPS}: in 2 of 40 frames"),
        ("other", f"{SEVERAL}: another face in 9 of 40 frames"),
        ("small", f"{SMALL}: 80 px high, least 90"),
    ],
)
def test_others_have_reasons(spoil: str, says: str) -> None:
    face, others = track(height=80 if spoil == "small" else 120), np.zeros(50)
    if spoil == "gone":
        face.present[10:] = False
    if spoil == "gap":
        face.present[20:22] = False
    if spoil == "other":
        others[12:21] = 0.6
    found = Followed(None if spoil == "nobody" else face, others)
    with pytest.raises(Refused, match=f"^{says}$"):
        check(found, 10, 50, 256, Faces())


def test_settings_let_others_through() -> None:
    others = np.full(50, 0.6)
    face = track()
    face.present[3] = False
    config = Faces(one_only=False, most_missing=1, least_height=0)
    assert check(Followed(face, others), 0, 50, 512, config)["with_other"] == 50
    assert check(Followed(face, others * 0.5), 0, 50, 256, Faces(most_missing=1))["missing"] == 1
