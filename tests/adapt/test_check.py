"""Is a clip good material?"""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from lipwright.adapt.check import check_length, check_size, edge_px, examine, yaw_deg
from lipwright.adapt.synchrony import Synchrony
from lipwright.errors import MaterialError
from person import Learned


def sentences(talk: Learned, good: bool) -> str:
    return " ".join(finding.sentence for finding in talk.material.findings if finding.good is good)


def test_a_good_clip_is_called_good(talk: Learned) -> None:
    material = talk.material
    assert 100 < material.face_px < 200 and 20 < material.mouth_px < 60
    assert material.closed_frames > 10
    assert "The mouth is closed in" in sentences(talk, True)
    assert "ten seconds and more" in sentences(talk, False)  # it is 4 s long


def test_widths_of_edges_are_measured() -> None:
    crop = np.zeros((80, 100, 3), np.uint8)
    crop[:, 50:] = 200
    for sigma in (1.5, 3.0, 5.0):
        found = edge_px(np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8))
        assert found == pytest.approx(sigma, rel=0.35)


def test_a_blurred_clip_is_refused_with_both_numbers(talk: Learned) -> None:
    crops = np.stack([cv2.GaussianBlur(crop, (0, 0), 8) for crop in talk.library.crops])
    with pytest.raises(MaterialError, match=r"blurred: edges are \d+\.\d px wide.*at most"):
        examine(replace(talk.library, crops=crops), talk.seen, 25, None)


def test_a_head_in_profile_is_refused(talk: Learned) -> None:
    still = talk.seen.still.copy()
    eyes = np.linalg.norm(still[0, 3] - still[0, 0])
    still[:, 4:, 0] += 0.8 * eyes  # the nose far to the side
    assert np.median(yaw_deg(still)) > 40
    with pytest.raises(MaterialError, match="turned aside"):
        examine(talk.library, replace(talk.seen, still=still), 25, None)


def test_too_small_and_too_short_name_the_limit() -> None:
    with pytest.raises(MaterialError, match="at least 80 px"):
        check_size(50)
    with pytest.raises(MaterialError, match=r"only 2\.0 s, and 3 s"):
        check_length(2.0)


@pytest.mark.parametrize(
    ("found", "good", "words"),
    [
        (None, False, "has no sound"),
        (Synchrony(None), False, "too little speech"),
        (Synchrony(False, 0, 0.1, 0.2), False, "do not belong together"),
        (Synchrony(True, 2, 0.5, 0.2), True, "80 ms late"),
        (Synchrony(True, 0, 0.5, 0.2), True, "belong together"),
    ],
)
def test_the_sound_is_judged(found: Synchrony | None, good: bool, words: str, talk: Learned) -> None:
    finding = examine(talk.library, talk.seen, 25, found).findings[-1]
    assert finding.good is good and words in finding.sentence


def test_missing_mouths_are_named(talk: Learned) -> None:
    closed = talk.library.measures.copy()
    closed[:, 0] = 0
    shut = examine(replace(talk.library, measures=closed), talk.seen, 25, None)
    assert any("open vowels" in finding.sentence for finding in shut.findings if not finding.good)
    closed[:, 0] = 0.5 * closed[:, 1]
    wide = examine(replace(talk.library, measures=closed), talk.seen, 25, None)
    assert any("silence" in finding.sentence for finding in wide.findings if not finding.good)


def test_what_was_not_found_is_null_in_a_report(talk: Learned) -> None:
    """JSON has no NaN, and not all readers take it."""
    told = examine(talk.library, talk.seen, 25, Synchrony(None)).to_json()
    assert json.loads(json.dumps(told, allow_nan=False))["synchrony"]["best"] is None
