import numpy as np

from lipwright.faces import mesh
from lipwright.faces.detect import Face


def test_kept_points_are_distinct_and_in_order() -> None:
    assert len(set(mesh.KEPT)) == len(mesh.KEPT)
    full = np.stack([np.arange(468), np.arange(468)], axis=1).astype(np.float32)
    kept = mesh.keep(full)
    assert kept.shape == (len(mesh.KEPT), 2)
    assert kept[mesh.column(152), 0] == 152
    assert kept[mesh.group("inner_lips"), 0].tolist() == list(mesh.INNER_LIPS)


def test_a_frame_of_a_track_takes_about_a_kilobyte() -> None:
    assert 800 <= len(mesh.KEPT) * 2 * 4 <= 1300


def test_names_mean_what_they_say(face: Face) -> None:
    points = face.points
    inside = points[list(mesh.INNER_LIPS)]
    outside = points[list(mesh.OUTER_LIPS)]
    assert np.ptp(inside[:, 0]) < np.ptp(outside[:, 0])
    assert points[list(mesh.LEFT_EYE), 0].max() < points[list(mesh.NOSE), 0].mean()
    assert points[list(mesh.RIGHT_EYE), 0].min() > points[list(mesh.NOSE), 0].mean()
    assert points[list(mesh.LEFT_BROW), 1].max() < points[list(mesh.LEFT_EYE), 1].mean()
    oval = points[list(mesh.OVAL)]
    assert oval[:, 1].argmax() == mesh.OVAL.index(152)
    assert (oval.min(axis=0) <= points.min(axis=0) + 3).all()
    assert (oval.max(axis=0) >= points.max(axis=0) - 3).all()
