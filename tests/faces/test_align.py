import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.faces import align
from lipwright.faces.align import LATENTSYNC, TINY_TEMPLATE, Template

RECORDED = Path(__file__).parent.parent / "data" / "released_fit.npz"
# resolution of the recorded sequences and whether the released smoothing was on
SEQUENCES = ((256, True), (512, True), (256, False), (256, True))

Float = NDArray[np.float32]


def similarity(scale: float, degrees: float, x: float, y: float) -> Float:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[c, -s, x], [s, c, y]], np.float32)


def pixels(width: int, height: int) -> tuple[Float, Float]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x, y


def smooth_picture(width: int, height: int) -> Float:
    x, y = pixels(width, height)
    planes = [127 + 90 * np.sin(x / 25 + y / 60), 0.5 * x, 127 + 60 * np.cos(y / 30)]
    return np.stack(planes, axis=2).astype(np.float32)


def test_official_template() -> None:
    template = LATENTSYNC(256)
    assert (template.crop_width, template.crop_height) == (210, 280)
    assert np.allclose(template.points, [(47.6, 56), (162.4, 56), (105, 112)])
    assert (LATENTSYNC(512).crop_width, LATENTSYNC(512).crop_height) == (420, 560)


@pytest.mark.parametrize("number", range(4))
def test_released_fit_equals_recorded_matrices(number: int) -> None:
    recorded = np.load(RECORDED)
    resolution, smooth = SEQUENCES[number]
    template = LATENTSYNC(resolution)
    state = None
    for points, matrix, expected in zip(
        recorded[f"points{number}"], recorded[f"matrix{number}"], recorded[f"state{number}"], strict=True
    ):
        found, state = align.fit_released(points, template, state)
        if not smooth:
            scale = (template.crop_width / resolution, template.crop_height / resolution)
            natural = align.fit(points, template).astype(np.float64)
            natural[:, 2] = (natural[:, 2] + 0.5) * scale - 0.5
            natural[:, :2] *= np.array(scale)[:, None]
            found = natural.astype(np.float32)
        else:
            assert np.allclose(state, expected, atol=1e-5)
        assert np.allclose(found[:, :2], matrix[:, :2], rtol=1e-4, atol=1e-5)
        assert np.allclose(found[:, 2], matrix[:, 2], atol=2e-3)


@pytest.mark.parametrize("template", [LATENTSYNC(256), TINY_TEMPLATE])
def test_fit_finds_a_known_similarity(template: Template) -> None:
    true = similarity(1.7, 12, 300, 200)  # crop px -> frame px
    frame = np.array(template.points, np.float32) @ true[:, :2].T + true[:, 2]
    matrix = align.fit(frame, template)
    there = frame @ matrix[:, :2].T + matrix[:, 2]
    scale = np.array([template.resolution / template.crop_width, template.resolution / template.crop_height])
    assert np.allclose(there, (np.array(template.points) + 0.5) * scale - 0.5, atol=1e-3)


def test_fit_moves_continuously_with_its_points() -> None:
    points = np.array([[400, 300], [520, 310], [455, 400]], np.float32)
    before = align.fit(points, LATENTSYNC(256))
    after = align.fit(points + 0.25, LATENTSYNC(256))
    assert np.allclose(before[:, :2], after[:, :2], atol=1e-5)
    shift = after[:, 2] - before[:, 2]
    assert np.allclose(shift, -(before[:, :2] @ [0.25, 0.25]), atol=1e-3)


def test_mirrored_points_still_give_a_rotation() -> None:
    points = np.array([[520, 310], [400, 300], [455, 200]], np.float32)
    matrix = align.fit(points, TINY_TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_anchor_weights_add_to_one() -> None:
    for groups in align.ANCHORS.values():
        for weighted in groups:
            assert sum(weight for _, weight in weighted) == pytest.approx(1)


def test_anchors_of_a_face(kept: Float) -> None:
    for template in (LATENTSYNC(256), TINY_TEMPLATE):
        left, right, nose = align.anchors(kept, template)
        assert left[0] < nose[0] < right[0]
        assert nose[1] > max(left[1], right[1])
    many = align.anchors(np.stack([kept, kept + 1]), TINY_TEMPLATE)
    assert many.shape == (2, 3, 2)
    assert np.allclose(many[1] - many[0], 1, atol=1e-3)


def test_template_goes_through_json() -> None:
    for template in (LATENTSYNC(512), TINY_TEMPLATE):
        assert Template.from_dict(json.loads(json.dumps(template.to_dict()))) == template
    assert TINY_TEMPLATE.at(256).resolution == 256
    with pytest.raises(ValueError, match="unknown anchors"):
        Template(TINY_TEMPLATE.points, 128, 128, 128, anchors="ears")


@pytest.mark.parametrize("scale", [0.35, 0.8, 1.0, 1.9])
def test_a_ramp_is_cropped_to_the_right_place(scale: float) -> None:
    """No half-pixel shift at any scale: a ramp holds its own coordinates."""
    x, y = pixels(500, 400)
    picture = np.stack([x, y, x + y], axis=2)
    matrix = similarity(scale, 7, -60 * scale, -40 * scale)
    box = (0, 0, 500, 400)
    out = align.crop(picture, box, matrix, 64)
    u, v = pixels(64, 64)
    inverse = cv2.invertAffineTransform(matrix.astype(np.float64))
    expected_x = inverse[0, 0] * u + inverse[0, 1] * v + inverse[0, 2]
    expected_y = inverse[1, 0] * u + inverse[1, 1] * v + inverse[1, 2]
    inside = (expected_x > 12) & (expected_y > 12) & (expected_x < 487) & (expected_y < 387)
    assert inside.mean() > 0.5
    assert np.abs(out[..., 0] - expected_x)[inside].max() < 0.05
    assert np.abs(out[..., 1] - expected_y)[inside].max() < 0.05


def test_a_box_is_cropped_like_the_whole_frame() -> None:
    picture = smooth_picture(320, 240)
    matrix = similarity(0.7, -9, -40, -20)
    whole = align.crop(picture, (0, 0, 320, 240), matrix, 96)
    box = align.frame_box(matrix, 96, 320, 240, margin=12)
    left, top, right, bottom = box
    part = align.crop(picture[top:bottom, left:right], box, matrix, 96)
    assert np.abs(part - whole).max() < 0.1


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.6])
def test_round_trip_of_a_smooth_picture(scale: float) -> None:
    picture = smooth_picture(440, 420)
    matrix = similarity(scale, 8, -110 * scale, -60 * scale)
    box = align.frame_box(matrix, 160, 440, 420, margin=10)
    left, top, right, bottom = box
    part = picture[top:bottom, left:right]
    back = align.uncrop(align.crop(part, box, matrix, 160), matrix, box)
    x, y = pixels(right - left, bottom - top)
    u = matrix[0, 0] * (x + left) + matrix[0, 1] * (y + top) + matrix[0, 2]
    v = matrix[1, 0] * (x + left) + matrix[1, 1] * (y + top) + matrix[1, 2]
    inside = (u > 6) & (v > 6) & (u < 153) & (v < 153)
    error = np.abs(back - part)[inside]
    assert error.max() < 0.6
    assert error.mean() < 0.12


def test_fine_stripes_do_not_alias() -> None:
    """Stripes finer than the crop can show become grey, not moire."""
    x, _ = pixels(600, 600)
    picture = np.repeat((127 + 127 * np.sin(x * np.pi * 0.8))[..., None], 3, axis=2).astype(np.float32)
    out = align.crop(picture, (0, 0, 600, 600), similarity(0.25, 5, 0, 0), 128)
    assert out.std() < 8
    assert abs(out.mean() - 127) < 2


def test_sharpness_does_not_jump_at_scale_one() -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (200, 200, 3)).astype(np.float32)
    power = [
        align.crop(picture, (0, 0, 200, 200), similarity(scale, 0, -30.4, -30.4), 96).std()
        for scale in (0.97, 0.99, 1.01, 1.03)
    ]
    assert max(abs(np.diff(power))) < 0.08 * power[0]


def test_frame_box_is_even_and_inside() -> None:
    matrix = similarity(0.5, 20, -80, 10)
    for width, height in ((640, 480), (641, 479), (200, 150)):
        left, top, right, bottom = align.frame_box(matrix, 128, width, height, margin=5)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert left % 2 == 0
        assert top % 2 == 0
        assert right % 2 == 0 or right == width
        assert bottom % 2 == 0 or bottom == height


def test_frame_box_holds_every_corner_of_the_crop() -> None:
    matrix = similarity(0.5, 0, -100, -50)  # the crop covers 199.. x 99.. with 256 px each way
    assert align.frame_box(matrix, 128, 1920, 1080) == (198, 98, 456, 356)


def test_frame_box_of_a_crop_outside_is_small_and_valid() -> None:
    left, top, right, bottom = align.frame_box(similarity(1, 0, 900, 900), 64, 320, 240)
    assert 0 <= left < right <= 320
    assert 0 <= top < bottom <= 240
