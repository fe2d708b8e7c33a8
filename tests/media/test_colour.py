"""Colour conversion: known colours, exact inverse, true chroma positions."""

from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.media.colour import ColourTags, blend_box, box_to_rgb, conversion
from lipwright.media.planes import blank, layout, views

FORMATS = [
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p12le",
    "yuv440p",
    "yuv411p",
    "gray",
    "gray10le",
    "gbrp",
    "gbrp10le",
]


def random_picture(name: str, width: int, height: int, seed: int = 0) -> av.VideoFrame:
    picture = blank(name, width, height)
    rng = np.random.default_rng(seed)
    for plane in views(picture):
        plane[:] = rng.integers(0, 1 << layout(name).bits, plane.shape)
    return picture


@pytest.mark.parametrize(
    ("space", "full", "code", "colour"),
    [
        (
            1,
            False,
            (63, 102, 240),
            (255, 0, 0),
        ),  # red of BT.709: the code values of the standard's colour bars
        (6, False, (81, 90, 240), (255, 0, 0)),  # red of BT.601
        (6, True, (76, 85, 255), (255, 0, 0)),  # red of JPEG
        (1, False, (235, 128, 128), (255, 255, 255)),
        (1, True, (0, 128, 128), (0, 0, 0)),
        (9, False, (74, 97, 240), (255, 0, 0)),  # red of BT.2020
    ],
)
def test_known_colours(
    space: int, full: bool, code: tuple[int, int, int], colour: tuple[int, int, int]
) -> None:
    how = conversion(layout("yuv444p"), ColourTags(space=space, range=2 if full else 1), 1080)
    planes = tuple(np.full((2, 2), value, np.uint8) for value in code)
    rgb = box_to_rgb(planes, (0, 0, 2, 2), how)
    assert np.abs(rgb - np.array(colour)).max() < 2.2  # code values are rounded


def test_untagged_video_is_bt709_from_720_rows() -> None:
    tags = ColourTags()
    assert conversion(layout("yuv420p"), tags, 720).kr == 0.2126
    assert conversion(layout("yuv420p"), tags, 719).kr == 0.299


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("box", [(0, 0, 33, 23), (5, 3, 20, 18), (31, 21, 33, 23)])
def test_round_trip_is_exact(name: str, box: tuple[int, int, int, int]) -> None:
    """Converted to RGB and blended back in full, no luma nor chroma sample moves, at any odd size."""
    picture = random_picture(name, 33, 23)
    planes = views(picture)
    before = [plane.copy() for plane in planes]
    how = conversion(layout(name), ColourTags(space=1, range=1), 720)
    rgb = box_to_rgb(planes, box, how)
    shape = (box[3] - box[1], box[2] - box[0])
    assert rgb.shape == (*shape, 3)
    if name.startswith("gray"):
        assert np.array_equal(rgb[..., 0], rgb[..., 2])
    blend_box(planes, box, rgb, np.ones(shape, np.float32), how)
    for plane, old in zip(planes, before, strict=True):
        assert np.array_equal(plane, old)


@pytest.mark.parametrize("name", FORMATS)
def test_samples_of_weight_zero_keep_their_bits(name: str) -> None:
    picture = random_picture(name, 40, 30)
    planes = views(picture)
    before = [plane.copy() for plane in planes]
    shape = layout(name)
    how = conversion(shape, ColourTags(), 480)
    alpha = np.zeros((20, 24), np.float32)
    alpha[6:14, 7:17] = 0.7
    rgb = np.random.default_rng(1).uniform(0, 255, (20, 24, 3)).astype(np.float32)
    blend_box(planes, (9, 5, 33, 25), rgb, alpha, how)
    touched = np.zeros((30, 40), bool)
    touched[5:25, 9:33] = alpha > 0
    for index, (plane, old) in enumerate(zip(planes, before, strict=True)):
        across, down = (shape.across, shape.down) if index and shape.kind == "yuv" else (1, 1)
        padded = np.pad(touched, ((0, -30 % down), (0, -40 % across)))
        owns = padded.reshape(-(-30 // down), down, -(-40 // across), across).any(axis=(1, 3))
        assert np.array_equal(plane[~owns], old[~owns])
        assert (plane[owns] != old[owns]).mean() > 0.5


def test_blending_is_linear_in_alpha() -> None:
    planes = tuple(np.full((8, 8), 100, np.uint16) for _ in range(3))
    how = conversion(layout("gbrp10le"), ColourTags(), 480)
    rgb = np.full((8, 8, 3), 255.0, np.float32)
    blend_box(planes, (0, 0, 8, 8), rgb, np.full((8, 8), 0.25, np.float32), how)
    assert all((plane == round(0.75 * 100 + 0.25 * 1023)).all() for plane in planes)


def ramp(width: int, height: int) -> NDArray[Any]:
    return np.tile(np.arange(width, dtype=np.float32) * 4 + 30, (height, 1))


@pytest.mark.parametrize("cosited", [True, False])
def test_chroma_is_read_at_its_true_position(cosited: bool) -> None:
    """A ramp sampled where the chroma samples sit comes back as the same ramp at every luma pixel."""
    picture = blank("yuv420p", 40, 8)
    luma, blue, red = views(picture)
    luma[:], red[:] = 120, 128
    sites = np.arange(20) * 2 + (0.0 if cosited else 0.5)
    blue[:] = np.rint(sites * 4 + 30)
    how = conversion(layout("yuv420p"), ColourTags(space=6, range=2), 480, cosited=cosited)
    rgb = box_to_rgb(views(picture), (2, 0, 36, 8), how)
    seen = (rgb[..., 2] - 120) / 1.772 + 128
    assert np.abs(seen - ramp(40, 8)[:, 2:36]).max() < 0.1


def test_agrees_with_ffmpeg_at_full_chroma() -> None:
    rng = np.random.default_rng(2)
    how = conversion(layout("yuv444p"), ColourTags(space=1, range=1), 1080)
    picture = blank("yuv444p", 16, 16)
    for plane in views(picture):
        plane[:] = rng.integers(60, 190, plane.shape)
    theirs = picture.reformat(
        format="rgb24", src_colorspace="itu709", dst_colorspace="itu709", src_color_range="MPEG"
    ).to_ndarray()
    ours = box_to_rgb(views(picture), (0, 0, 16, 16), how)
    assert np.abs(np.clip(ours, 0, 255) - theirs).max() < 3
