"""One frame with a new mouth, and the plan behind it."""

import numpy as np
import pytest

import person
from lipwright.personal.choose import choose
from lipwright.personal.head import LOWER_INNER, UPPER_INNER
from lipwright.personal.measures import OPENING
from lipwright.personal.plan import PAIRS, Plan, plan_mouths
from lipwright.personal.render import area, render, teeth
from person import Learned


@pytest.fixture(scope="module")
def plan(talk: Learned) -> Plan:
    """The person asked to say their words a second later."""
    seen, runs = talk.seen, [(0, len(talk.seen.measures))]
    wished = np.roll(seen.measures, 25, axis=0)
    chosen = choose(talk.library, wished, seen.poses, runs)
    return plan_mouths(talk.library, chosen, wished, seen.poses, seen, runs)


def test_shares_are_whole_and_inner_lips_do_not_cross(plan: Plan) -> None:
    np.testing.assert_allclose(plan.shares.sum(axis=1), 1, atol=1e-6)
    inner = plan.lips[:, 20:]
    for upper, lower in PAIRS:
        assert (inner[:, upper, 1] <= inner[:, lower, 1] + 1e-4).all()


def test_frames_that_are_not_to_be_done_pass(talk: Learned) -> None:
    seen = talk.seen
    chosen = choose(talk.library, seen.measures[:9], seen.poses[:9], [(0, 5)])
    now = seen.at(slice(0, 9))
    plan = plan_mouths(talk.library, chosen, now.measures, now.poses, now, [(0, 5)])
    assert plan.mouth(4) is not None and plan.mouth(5) is None


def test_the_picture_changes_around_the_mouth_only(talk: Learned, plan: Plan) -> None:
    frames, seen = person.pictures(), talk.seen
    for index in (20, 60):
        mouth, frame = plan.mouth(index), frames[index].astype(np.float32)
        assert mouth is not None
        points, matrix = seen.moving[index], seen.to_head[index]
        box = area(points, matrix, talk.library.head.height, frame.shape[1], frame.shape[0])
        source = frame[box[1] : box[3], box[0] : box[2]]
        new, alpha = render(talk.library, mouth, source.copy(), box, points, seen.still[index], matrix)
        assert new.shape == source.shape and alpha.shape == new.shape[:2]
        assert alpha.max() == 1 and alpha[0].max() == alpha[:, 0].max() == alpha[:, -1].max() == 0
        assert np.abs(new - source)[alpha == 0].max() < 1.5


def test_a_mouth_is_shown_as_wide_open_as_was_wished(talk: Learned, plan: Plan) -> None:
    wished = np.roll(talk.seen.measures, 25, axis=0)[:, OPENING]
    inner = plan.lips[:, 20:]
    shown = inner[:, 5, 1] - inner[:, 15, 1]
    assert np.corrcoef(shown, wished)[0, 1] > 0.85


def test_teeth_do_not_grow_when_a_mouth_is_pulled_open(talk: Learned) -> None:
    """They keep their distance from the upper lip; a mouth that is pulled closed is squeezed as a whole."""
    widest = int(talk.library.measures[:, OPENING].argmax())
    own = talk.library.points[widest, :40]
    inner = own[LOWER_INNER] - own[UPPER_INNER]
    for change, wanted in ((0.5, 1.0), (-0.4, 0.6)):
        lips = own.copy()
        lips[LOWER_INNER] += change * inner
        below, new = teeth(own, lips)
        upper = own[UPPER_INNER][1:-1]
        before, after = below[:, 1] - upper[:, 1], new[:, 1] - upper[:, 1]
        assert before.max() > 1
        np.testing.assert_allclose(after, wanted * before, atol=1e-4)
