"""The frame of reference of one person's head."""

import numpy as np

from lipwright.faces.mesh import KEPT
from lipwright.personal.head import STILL, Head, apply, inverse, learn_head, similarity


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T + shift


def test_a_similarity_is_found_again() -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(-50, 50, (len(STILL), 2))
    source = turned(target, 20, 1.5, (300, 200))
    matrix = similarity(source[None], target)
    np.testing.assert_allclose(apply(matrix, source[None])[0], target, atol=1e-3)
    np.testing.assert_allclose(apply(inverse(matrix), target[None])[0], source, atol=1e-3)


def test_a_head_that_only_moves_and_nods_is_still_in_its_own_frame() -> None:
    rng = np.random.default_rng(1)
    face = np.zeros((len(KEPT), 2))
    face[:] = rng.uniform(-60, 60, face.shape)
    face[STILL[0]], face[STILL[3]] = (-45, 0), (45, 0)
    frames = np.stack([turned(face, 3 * np.sin(k), 1 + 0.01 * k, (200 + k, 150)) for k in range(12)]).astype(
        np.float32
    )
    head = learn_head(frames)
    matrices = head.matrices(frames)
    inside = apply(matrices, frames)
    assert np.abs(inside - inside.mean(axis=0)).max() < 0.05
    # the usual size is kept: eyes are as far apart as in the middle frame
    scales = np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])
    assert 0.99 < np.median(scales) < 1.01
    assert np.abs(head.poses(inside[:, STILL].astype(np.float32))).max() < 0.2
    again = Head.from_arrays(head.to_arrays())
    np.testing.assert_array_equal(again.still, head.still)
    assert abs(again.height - head.height) < 1e-3
