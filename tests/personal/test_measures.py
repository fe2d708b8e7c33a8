"""Mouth measures, and how a lower face follows them."""

import numpy as np
import pytest

from lipwright.personal.head import MOVING, POSES
from lipwright.personal.measures import OPENING, Shape, learn_shape
from person import Learned


def test_the_shape_of_a_person_is_a_straight_line() -> None:
    rng = np.random.default_rng(0)
    measures = rng.uniform(0, 20, (200, 3)).astype(np.float32)
    poses = rng.normal(0, 1, (200, POSES)).astype(np.float32)
    slope = rng.normal(0, 1, (3, len(MOVING), 2))
    moving = np.einsum("nk,kmd->nmd", measures, slope) + 100
    shape = learn_shape(moving.astype(np.float32), measures, poses)
    guess = shape.mean + np.einsum("nk,kmd->nmd", measures - shape.usual, shape.by_measure)
    assert np.abs(guess - moving).std() < 0.1 * moving.std()
    again = Shape.from_arrays(shape.to_arrays())
    np.testing.assert_array_equal(again.by_pose, shape.by_pose)


def test_openings_follow_the_true_jaw(talk: Learned) -> None:
    from person import heard

    jaw = heard(len(talk.seen.measures)).jaw
    assert np.corrcoef(talk.seen.measures[:, OPENING], jaw)[0, 1] > 0.8


def test_foreign_arrays_are_refused() -> None:
    with pytest.raises(KeyError):
        Shape.from_arrays({})
