"""Which frames a library keeps."""

from dataclasses import replace

import cv2
import numpy as np

from lipwright.personal import gather
from lipwright.personal.gather import LIMIT, candidates, clearness
from lipwright.personal.seen import Seen
from person import Learned


def longer(seen: Seen, times: int) -> Seen:
    rng = np.random.default_rng(0)
    long = Seen(*(np.concatenate([value] * times) for value in vars(seen).values()))
    drift = np.repeat(rng.normal(0, 0.3, (len(long.poses) // 12 + 1, long.poses.shape[1])), 12, axis=0)
    return replace(long, poses=long.poses + drift[: len(long.poses)].astype(np.float32))


def test_short_clips_are_kept_whole(talk: Learned) -> None:
    found = candidates(talk.library.head, talk.seen, ())
    assert len(found) >= 0.9 * len(talk.seen.measures)


def test_long_clips_are_cut_down_to_different_stretches(talk: Learned) -> None:
    """Memory does not grow with the material."""
    seen = longer(talk.seen, 12)
    assert len(seen.measures) > 2 * LIMIT
    found = candidates(talk.library.head, seen, ())
    assert LIMIT // 2 < len(found) <= LIMIT
    assert (np.diff(found) == 1).mean() > 0.8  # in stretches
    openings = seen.measures[found, 0]
    assert np.ptp(openings) > 0.95 * np.ptp(seen.measures[:, 0])


def test_frames_next_to_cuts_are_left_out(talk: Learned) -> None:
    found = candidates(talk.library.head, talk.seen, (40,))
    assert 39 not in found and 40 not in found


def test_blur_is_seen(talk: Learned) -> None:
    crop = talk.library.crops[10]
    assert clearness(cv2.GaussianBlur(crop, (0, 0), 3)) < clearness(crop) - 1


def test_blurred_frames_are_left_out(talk: Learned) -> None:
    library, seen = talk.library, talk.seen
    cuts = gather.cuts_of(library.shape, seen, library.frames)
    crops = [cv2.GaussianBlur(c, (0, 0), 4) if k % 10 == 0 else c for k, c in enumerate(library.crops)]
    kept = gather.gather(library.head, library.shape, seen, cuts, crops, library.heard)
    blurred = set(library.frames[::10].tolist())
    assert len(blurred & set(kept.frames.tolist())) <= len(blurred) // 5
    assert len(kept) >= 0.7 * len(library)


def test_a_face_that_is_gone_is_no_candidate(talk: Learned) -> None:
    gone = talk.seen.measures.copy()
    gone[5:9] = np.nan
    found = candidates(talk.library.head, replace(talk.seen, measures=gone), ())
    assert not set(range(5, 9)) & set(found.tolist())
