"""Is it the person of the library?"""

from pathlib import Path

import numpy as np

import person
from lipwright.faces.track import follow_face
from lipwright.personal.identity import (
    Likeness,
    colour_distance,
    colours,
    shape_distance,
    usual_colours,
)
from lipwright.personal.library import Library
from lipwright.personal.seen import look_at
from lipwright.weights.load_faces import load_faces
from person import Learned


def likeness(library: Library, identity: int) -> Likeness:
    frames = person.pictures(identity)[:30]
    seen = look_at(library.head, follow_face(frames, load_faces()))
    middle = library.shape.mean[:20].mean(axis=0)
    found = [
        colours(frame.astype(np.float32), matrix, library.head, middle)
        for frame, matrix in zip(frames[:10], seen.to_head, strict=False)
    ]
    colour = colour_distance(np.asarray(np.median(found, axis=0), np.float32), usual_colours(library))
    return Likeness(shape_distance(library.head, seen.still), colour)


def test_the_same_person_is_near_and_another_is_far(talk: Learned, tmp_path: Path) -> None:
    same, other = likeness(talk.library, 7), likeness(talk.library, 12)
    assert not same.stranger and same.distance < 0.7
    assert other.stranger and other.distance > 1.5 * same.distance


def test_nobody_has_no_distance(talk: Learned) -> None:
    assert np.isnan(shape_distance(talk.library.head, np.full((3, 21, 2), np.nan, np.float32)))
