"""The released geometry: resizing against an independent one, crops and pastes with known answers."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from lipwright.faces import released
from lipwright.faces.align import LATENTSYNC, fit_released

TEMPLATE = LATENTSYNC(64)
NOISE = np.random.default_rng(0).uniform(0, 255, (90, 70, 3)).astype(np.float32)


@pytest.mark.parametrize("size", [(70, 90), (52, 70), (35, 200), (140, 31)])
def test_resizing_is_the_antialiased_bicubic_of_torch(size: tuple[int, int]) -> None:
    found = released.resize(NOISE, size)
    tensor = torch.from_numpy(NOISE).permute(2, 0, 1)[None]
    expected = functional.interpolate(tensor, size[::-1], mode="bicubic", antialias=True)[0]
    np.testing.assert_allclose(found, expected.permute(1, 2, 0).numpy(), atol=2e-3)


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    picture = NOISE[:64, :64].astype(np.uint8)
    assert released.prepare(picture, 64) is picture
    assert released.prepare(picture, 32).shape == (32, 32, 3)


def test_a_crop_shows_the_frame_where_the_matrix_says_and_grey_outside() -> None:
    frame = np.zeros((80, 80, 3), np.uint8)
    frame[..., 0] = np.arange(80)[None]
    frame[..., 1] = np.arange(80)[:, None]
    matrix = np.array([[1, 0, 10.5], [0, 1, -20]], np.float32)  # frame to crop
    box = released.frame_box(matrix, TEMPLATE, 80, 80)
    found = released.crop(frame[box[1] : box[3], box[0] : box[2]], box, matrix, TEMPLATE)
    assert found.shape == (70, 52, 3)
    np.testing.assert_array_equal(found[5, 20], [9, 25, 0])  # 9.5, truncated
    np.testing.assert_array_equal(found[5, 3], [127, 127, 127])
    np.testing.assert_array_equal(found[65, 20], [127, 127, 127])
    assert released.to_network(found, TEMPLATE).shape == (64, 64, 3)


def test_a_box_gives_what_the_whole_frame_gives() -> None:
    frame = NOISE.astype(np.uint8)
    points = np.array([[20, 30], [50, 33], [36, 52]], np.float32)
    matrix, _ = fit_released(points, TEMPLATE, None)
    box = released.frame_box(matrix, TEMPLATE, 70, 90)
    whole = (0, 0, 70, 90)
    part = frame[box[1] : box[3], box[0] : box[2]]
    np.testing.assert_array_equal(
        released.crop(part, box, matrix, TEMPLATE), released.crop(frame, whole, matrix, TEMPLATE)
    )
    face = np.random.default_rng(1).uniform(-1, 1, (64, 64, 3)).astype(np.float32)
    small, large = (released.paste(face, matrix, TEMPLATE, at) for at in (box, whole))
    np.testing.assert_array_equal(released.restore(frame, small, box), released.restore(frame, large, whole))


def test_a_crop_pasted_back_is_the_frame_again() -> None:
    rng = np.random.default_rng(2)
    frame = cv2.GaussianBlur(rng.uniform(0, 255, (300, 240, 3)).astype(np.float32), (0, 0), 6)
    frame = ((frame - frame.min()) / np.ptp(frame) * 255).astype(np.uint8)
    points = np.array([[80, 110], [160, 112], [120, 150]], np.float32)
    template = LATENTSYNC(256)
    matrix, _ = fit_released(points, template, None)
    box = released.frame_box(matrix, template, 240, 300)
    cropped = released.crop(frame[box[1] : box[3], box[0] : box[2]], box, matrix, template)
    face = released.to_network(cropped, template).astype(np.float32) / 127.5 - 1
    layer = released.paste(face, matrix, template, box)
    again = released.restore(frame, layer, box)
    assert layer.feather >= 3
    assert float(np.abs(again.astype(int) - frame).mean()) < 1
    outside = np.ones((300, 240), bool)
    outside[box[1] : box[3], box[0] : box[2]] = layer.soft <= 0
    np.testing.assert_array_equal(again[outside], frame[outside])
    assert float(layer.soft.max()) == pytest.approx(1)


def test_the_weight_fades_inside_the_crop() -> None:
    matrix = np.array([[1, 0, -4], [0, 1, -4]], np.float32)
    box = released.frame_box(matrix, TEMPLATE, 70, 90)
    layer = released.paste(np.ones((64, 64, 3), np.float32), matrix, TEMPLATE, box)
    # The released erosion has an even kernel and so leaves a trace on one px beyond the right and lower edge.
    assert float(layer.soft[layer.coverage == 0].max()) < 0.1
    assert np.all(layer.eroded <= layer.coverage)
    assert np.all(layer.centre <= layer.eroded)
    assert layer.feather == int(layer.area**0.5) // 20
