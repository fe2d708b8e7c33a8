"""Pixel formats: each source format travels in planes of its own depth and subsampling."""

import numpy as np
import pytest

from lipwright.media.planes import blank, copied, layout, to_travel_format, travel_format, views


@pytest.mark.parametrize(
    ("name", "planar"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv422p10le", "yuv422p10le"),
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("p210le", "yuv422p10le"),
        ("yuyv422", "yuv422p"),
        ("yuvj444p", "yuv444p"),
        ("yuva420p", "yuv420p"),
        ("rgb24", "gbrp"),
        ("pal8", "gbrp"),
        ("rgb48le", "gbrp16le"),
        ("gray16be", "gray16le"),
        ("yuv420p10be", "yuv420p10le"),
        ("gbrpf32le", "gbrp16le"),
    ],
)
def test_travel_formats(name: str, planar: str) -> None:
    assert travel_format(name) == planar
    assert layout(planar).name == planar


def test_layouts() -> None:
    shape = layout("yuv420p10le")
    assert (shape.kind, shape.bits, shape.across, shape.down) == ("yuv", 10, 2, 2)
    assert shape.dtype == np.uint16
    assert shape.plane_size(1, 33, 23) == (12, 17)
    assert layout("gray").planes == 1
    with pytest.raises(ValueError, match="nv12"):
        layout("nv12")


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gbrp", "gray16le", "yuv411p"])
def test_views_are_the_samples(name: str) -> None:
    picture = blank(name, 33, 23)
    for index, plane in enumerate(views(picture)):
        assert plane.shape == layout(name).plane_size(index, 33, 23)
        plane[:] = index + 7
    other = copied(picture)
    views(picture)[0][:] = 0
    assert [int(plane.min()) for plane in views(other)] == [7 + i for i in range(layout(name).planes)]


@pytest.mark.parametrize(
    ("packed", "planar"), [("nv12", "yuv420p"), ("p010le", "yuv420p10le"), ("yuyv422", "yuv422p")]
)
def test_unpacking_loses_nothing(packed: str, planar: str) -> None:
    picture = blank(planar, 32, 24)
    rng = np.random.default_rng(0)
    for plane in views(picture):
        plane[:] = rng.integers(0, 1 << layout(planar).bits, plane.shape)
    back = to_travel_format(picture.reformat(format=packed))
    assert back.format.name == planar
    assert all(np.array_equal(a, b) for a, b in zip(views(back), views(picture), strict=True))
