import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces import align, blend, mesh
from lipwright.faces.align import LATENTSYNC, TINY_TEMPLATE, Box, Template
from lipwright.faces.mask import RELEASED, TINY_MASK, RowMask

Float = NDArray[np.float32]

SIZE = 256


def prepared(kept: Float, template: Template, mask: RowMask) -> tuple[Float, Box, Float]:
    matrix = align.fit(align.anchors(kept, template), template)
    box = align.frame_box(matrix, template.resolution, SIZE, SIZE, margin=6)
    return matrix, box, blend.region(kept, matrix, mask, template.resolution, box)


def at(alpha: Float, box: Box, point: Float) -> float:
    return float(alpha[round(float(point[1])) - box[1], round(float(point[0])) - box[0]])


def test_region_covers_the_mouth_and_nothing_else(kept: Float) -> None:
    for template, mask in ((TINY_TEMPLATE, TINY_MASK), (LATENTSYNC(256), RELEASED)):
        _, box, alpha = prepared(kept, template, mask)
        assert alpha.dtype == np.float32
        assert alpha.max() == 1
        for point in kept[mesh.group("outer_lips")]:
            assert at(alpha, box, point) == 1
        for name in ("left_eye", "right_eye", "left_brow"):
            inside = [p for p in kept[mesh.group(name)] if p[1] >= box[1]]
            assert all(at(alpha, box, point) == 0 for point in inside)
        assert at(alpha, box, kept[mesh.column(152)]) == 1


def test_region_is_exactly_zero_around_its_edge(kept: Float) -> None:
    matrix, box, alpha = prepared(kept, TINY_TEMPLATE, TINY_MASK)
    assert alpha[0].max() == alpha[-1].max() == alpha[:, 0].max() == alpha[:, -1].max() == 0
    y, x = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    outside = (u < -0.5) | (v < 31.5) | (u > 127.5) | (v > 127.5)
    assert (alpha[outside] == 0).all()


def test_region_has_no_hard_edge(kept: Float) -> None:
    for template, mask in ((TINY_TEMPLATE, TINY_MASK), (LATENTSYNC(256), RELEASED)):
        matrix, _, alpha = prepared(kept, template, mask)
        scale = float(np.linalg.norm(matrix[:, 0]))
        feather = blend.FEATHER * template.resolution / scale
        step = max(np.abs(np.diff(alpha, axis=0)).max(), np.abs(np.diff(alpha, axis=1)).max())
        assert step < 3 / feather


def test_the_chin_margin_moves_the_lower_edge_only(kept: Float) -> None:
    matrix, box, _ = prepared(kept, TINY_TEMPLATE, TINY_MASK)
    short = blend.region(kept, matrix, TINY_MASK, 128, box, chin_margin=0.1)
    long = blend.region(kept, matrix, TINY_MASK, 128, box, chin_margin=0.3)
    assert (long >= short - 0.01).all()
    lip = round(float(kept[mesh.column(0), 1])) - box[1]
    change = (long - short).sum(axis=1)
    assert change[:lip].sum() < 0.1 * change.sum()
    assert (long > 0.5).sum() > (short > 0.5).sum()


def test_region_moves_with_the_face_by_fractions_of_a_pixel(kept: Float) -> None:
    _, box, alpha = prepared(kept, TINY_TEMPLATE, TINY_MASK)
    shifted = kept + np.array([0.3, 0.0], np.float32)
    matrix = align.fit(align.anchors(shifted, TINY_TEMPLATE), TINY_TEMPLATE)
    moved = blend.region(shifted, matrix, TINY_MASK, 128, box)
    shift = np.array([[1, 0, 0.3], [0, 1, 0]], np.float32)
    expected = cv2.warpAffine(alpha, shift, alpha.shape[::-1], flags=cv2.INTER_LINEAR)
    assert np.abs(moved - expected).max() < 0.03


def test_match_colour_removes_a_cast_and_keeps_the_mouth(kept: Float) -> None:
    _, box, alpha = prepared(kept, TINY_TEMPLATE, TINY_MASK)
    height, width = alpha.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    source = np.stack([120 + 0.1 * x, 100 + 0.05 * y, 90 + 0 * x], axis=2).astype(np.float32)
    generated = source + np.array([12, -6, 3], np.float32)
    mouth = kept[mesh.column(13)] - box[:2]
    cv2.circle(generated, (int(mouth[0]), int(mouth[1])), 8, (20.0, 10.0, 10.0), -1)
    matched = blend.match_colour(generated, source, alpha)
    rim = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(matched - source)[rim].mean() < 1
    change = matched - generated
    assert np.abs(change - np.array([-12, 6, -3]))[alpha > 0].max() < 3


def test_match_colour_is_not_fooled_by_a_new_chin(kept: Float) -> None:
    _, box, alpha = prepared(kept, TINY_TEMPLATE, TINY_MASK)
    source = np.full((*alpha.shape, 3), 130, np.float32)
    generated = source + 5
    chin = round(float(kept[mesh.column(152), 1])) - box[1]
    generated[chin:] -= 90
    change = blend.match_colour(generated, source, alpha) - generated
    upper = (alpha > 0) & (np.arange(alpha.shape[0])[:, None] < chin - 15)
    assert np.abs(change[upper] + 5).max() < 3


def test_match_colour_without_a_region_changes_nothing() -> None:
    picture = np.full((20, 20, 3), 50, np.float32)
    assert np.array_equal(blend.match_colour(picture, picture + 9, np.zeros((20, 20), np.float32)), picture)
