"""Frames: every one, at its time, in any order; breaks are named and nothing good is lost."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipwright.errors import MediaError
from lipwright.media.colour import ColourTags
from lipwright.media.frames import Frame, read_frames, read_order
from lipwright.media.orientation import Matrix
from lipwright.media.probe import probe_video

MakeClip = Callable[..., Path]
TURNED: Matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)


def same(a: Frame, b: Frame) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def test_frames_are_what_was_written(make_clip: MakeClip, moving: Callable[..., list[Any]]) -> None:
    path = make_clip("a.mkv", 12, codec="ffv1", pix_fmt="yuv444p")
    for index, (frame, rgb) in enumerate(zip(read_frames(path), moving(12), strict=True)):
        assert (frame.index, frame.width, frame.height) == (index, 96, 64)
        assert np.abs(frame.rgb().astype(int) - rgb).max() <= 4
        box = frame.rgb_box((10, 20, 50, 60))
        assert box.dtype == np.float32
        assert np.abs(box - rgb[20:60, 10:50]).max() < 3
        assert frame.time_s == pytest.approx(index / 25, abs=1e-3)


def test_boxes_are_clipped(make_clip: MakeClip) -> None:
    frame = next(read_frames(make_clip("a.mp4", 2)))
    assert np.array_equal(frame.rgb_box((-5, -7, 200, 200)), frame.rgb_box((0, 0, 96, 64)))
    with pytest.raises(ValueError, match="outside"):
        frame.rgb_box((96, 0, 120, 10))
    rgb = np.zeros((30, 30, 3), np.float32)
    new = frame.patched((80, -10, 110, 20), rgb, np.ones((30, 30), np.float32))
    assert new.rgb_box((82, 0, 96, 18)).max() < 16  # chroma keeps the source's finest detail
    assert np.array_equal(new.rgb()[24:], frame.rgb()[24:])
    with pytest.raises(ValueError, match="does not fit"):
        frame.patched((0, 0, 10, 10), rgb, np.ones((30, 30), np.float32))


def test_a_patch_leaves_its_source_alone(make_clip: MakeClip) -> None:
    frame = next(read_frames(make_clip("a.mp4", 2)))
    before = [plane.copy() for plane in frame.planes]
    frame.patched((0, 0, 96, 64), np.zeros((64, 96, 3), np.float32), np.ones((64, 96), np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(frame.planes, before, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        frame.planes[0][:] = 0


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p12le", "gray", "gray10le", "gbrp"])
@pytest.mark.parametrize("full", [False, True])
def test_both_ways_to_rgb_agree(make_clip: MakeClip, pix_fmt: str, full: bool) -> None:
    tags = ColourTags(space=6, range=2 if full else 1)
    frame = next(read_frames(make_clip("a.mkv", 2, codec="ffv1", pix_fmt=pix_fmt, colour=tags)))
    box = np.clip(frame.rgb_box((0, 0, 96, 64)), 0, 255)
    assert np.abs(frame.rgb() - box).mean() < (5 if pix_fmt == "yuv420p" else 2.5)
    assert np.abs(frame.rgb().mean(axis=(0, 1)) - box.mean(axis=(0, 1))).max() < 3  # FFmpeg rounds down


def test_ten_bits_stay_ten_bits(make_clip: MakeClip) -> None:
    path = make_clip("a.mkv", 2, codec="ffv1", pix_fmt="yuv422p10le")
    frame = next(read_frames(path))
    assert (probe_video(path).bits, frame.pix_fmt) == (10, "yuv422p10le")
    assert len(np.unique(frame.rgb_box((0, 0, 96, 64))[..., 1])) > 300


def test_a_turned_video_is_shown_upright(make_clip: MakeClip, moving: Callable[..., list[Any]]) -> None:
    path = make_clip("a.mp4", 3, codec="ffv1", pix_fmt="yuv444p", display_matrix=TURNED)
    info = probe_video(path)
    assert (info.width, info.height, info.rotation) == (64, 96, 90)
    frame = next(read_frames(path))
    assert (frame.width, frame.height) == (64, 96)
    upright = np.rot90(moving(3)[0], -1)
    assert np.abs(frame.rgb().astype(int) - upright).max() <= 4
    assert np.abs(frame.rgb_box((5, 30, 45, 90)) - upright[30:90, 5:45]).max() < 3
    alpha = np.zeros((60, 40), np.float32)
    alpha[:10] = 1
    new = frame.patched((5, 30, 45, 90), np.zeros((60, 40, 3), np.float32), alpha)
    assert new.rgb()[30:40, 5:45].max() <= 1
    assert np.array_equal(new.rgb()[40:], frame.rgb()[40:])


def test_variable_rate_times_are_true(make_clip: MakeClip) -> None:
    times = [0, 500, 700, 2000, 2100, 5000, 5001, 9000]
    path = make_clip("a.mp4", 8, pts=times, time_base=Fraction(1, 12800))
    frames = list(read_frames(path))
    assert [f.pts * f.time_base * 12800 for f in frames] == times


def test_start_and_stop(make_clip: MakeClip) -> None:
    path = make_clip("a.mp4", 20)
    assert [f.index for f in read_frames(path, 5, 9)] == [5, 6, 7, 8]
    assert list(read_frames(path, 5, 5)) == []
    assert [f.index for f in read_frames(path, 18)] == [18, 19]


BOUNCE = [*range(60), *range(58, 0, -1), *range(60)]
JUMPS = [59, 0, 5, 5, 4, 4, 3, 50, 20, 21, 22, 21, 0, 59]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "h264"), ("a.mkv", "hevc"), ("a.mkv", "ffv1"), ("a.webm", "vp9")]
)
@pytest.mark.parametrize("order", [BOUNCE, JUMPS, [0, 1] * 6, [7] * 5])
def test_any_order_gives_the_same_frames(
    make_clip: MakeClip, name: str, codec: str, order: list[int]
) -> None:
    path = make_clip(name, 60, codec=codec)
    frames = list(read_frames(path))
    got = read_order(path, order, chunk_bytes=7 * frames[0].size_bytes)
    for index, frame in zip(order, got, strict=True):
        assert (frame.index, frame.pts) == (index, frames[index].pts)
        assert same(frame, frames[index])


def test_open_groups_of_pictures_are_sought_exactly(tmp_path: Path, moving: Callable[..., list[Any]]) -> None:
    path = tmp_path / "open.mkv"
    with av.open(str(path), "w") as out:
        options = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0"}
        stream = out.add_stream("libx264", rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for rgb in moving(60):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(stream.encode(None))
    frames = list(read_frames(path))
    assert len(frames) == 60
    order = [*range(60), *range(58, -1, -1)]
    for index, frame in zip(
        order, read_order(path, order, chunk_bytes=5 * frames[0].size_bytes), strict=True
    ):
        assert frame.index == index
        assert same(frame, frames[index])


def test_memory_is_bounded_going_back(make_clip: MakeClip) -> None:
    path = make_clip("a.mp4", 60)
    size = next(read_frames(path)).size_bytes
    source = read_order(path, BOUNCE, chunk_bytes=5 * size)
    kept = 0
    for _ in source:
        reader = source.gi_frame.f_locals["reader"]  # type: ignore[attr-defined]
        kept = max(kept, len(reader._kept))
    assert kept == 5


def test_numbers_outside_the_video_are_refused(make_clip: MakeClip) -> None:
    path = make_clip("a.mp4", 10)
    with pytest.raises(MediaError, match="only 10 frames"):
        list(read_order(path, [8, 9, 10]))
    with pytest.raises(ValueError, match="start at 0"):
        list(read_order(path, [1, 0, -1]))
    assert list(read_order(path, [])) == []


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.mp4", "hevc"), ("a.mkv", "h264")])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.97])
def test_a_truncated_file_gives_what_is_there_and_says_where(
    make_clip: MakeClip, tmp_path: Path, name: str, codec: str, share: float
) -> None:
    whole = make_clip(name, 100, codec=codec)
    data = whole.read_bytes()
    path = tmp_path / f"cut{whole.suffix}"
    path.write_bytes(data[: int(len(data) * share)])
    expected = list(read_frames(whole))
    got = []
    with pytest.raises(MediaError, match=r"is (truncated|damaged)") as caught:
        for frame in read_frames(path):
            got.append(frame)
    at_s = caught.value.at_s
    assert at_s is not None
    assert f"{at_s:.2f} s" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert 10 < len(got) < 100
    assert at_s == pytest.approx(got[-1].time_s + 0.04, abs=0.002)
    assert all(same(a, b) for a, b in zip(got[:-4], expected, strict=False))
    said: list[str] = []
    saved = list(read_frames(path, salvage=True, warn=said.append))
    assert len(saved) == len(got)
    assert str(caught.value) in said
    again = list(read_order(path, range(len(got))))
    assert all(same(a, b) for a, b in zip(again, got, strict=True))


def test_damage_in_the_middle_is_found(make_clip: MakeClip, tmp_path: Path) -> None:
    whole = make_clip("a.mp4", 100)
    data = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        where = [p.pos for p in container.demux(video=0) if p.size and p.pos is not None]
    data[where[50] : where[50] + 3000] = bytes(3000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    got = []
    with pytest.raises(MediaError, match=r"damaged: it cannot be decoded beyond") as caught:
        for frame in read_frames(path):
            got.append(frame)
    assert caught.value.at_s == pytest.approx(len(got) / 25, abs=0.002)
    assert 40 <= len(got) <= 51
    for frame, good in zip(got, read_frames(whole), strict=False):
        assert same(frame, good)


def test_missing_time_stamps_are_mended(tmp_path: Path, moving: Callable[..., list[Any]]) -> None:
    """A raw H.264 stream has no times at all."""
    path = tmp_path / "a.h264"
    with av.open(str(path), "w", format="h264") as out:
        stream = out.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for rgb in moving(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(stream.encode(None))
    frames = list(read_frames(path))
    assert len(frames) == 30
    assert (np.diff([f.time_s for f in frames]) > 0).all()
    assert frames[-1].time_s - frames[0].time_s == pytest.approx(29 / 25, abs=0.05)
    back = list(read_order(path, [*range(30), *range(28, -1, -1)], chunk_bytes=4 * frames[0].size_bytes))
    assert all(same(f, frames[f.index]) for f in back)
    assert [f.index for f in back[30:]] == list(range(28, -1, -1))


@pytest.mark.parametrize("pix_fmt", ["nv12", "rgb24", "yuvj420p", "bgra"])
def test_packed_sources_travel_in_planes(tmp_path: Path, pix_fmt: str) -> None:
    rng = np.random.default_rng(1)
    picture = av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8), "rgb24")
    path = tmp_path / ("a.nut" if pix_fmt != "yuvj420p" else "a.avi")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("rawvideo" if pix_fmt != "yuvj420p" else "mjpeg", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for _ in range(3):
            out.mux(stream.encode(picture.reformat(format=pix_fmt)))
        out.mux(stream.encode(None))
    frames = list(read_frames(path))
    info = probe_video(path)
    planar = {"nv12": "yuv420p", "rgb24": "gbrp", "yuvj420p": "yuv420p"}
    assert len(frames) == 3
    assert frames[0].pix_fmt == info.pix_fmt == planar.get(pix_fmt, "gbrp")
    if info.pix_fmt == "gbrp":
        assert np.array_equal(frames[0].rgb(), picture.to_ndarray())
    if pix_fmt == "yuvj420p":
        assert info.colour.full_range
        assert not info.cosited


def test_files_that_are_no_videos(tmp_path: Path, make_clip: MakeClip) -> None:
    whole = make_clip("a.mp4", 5)
    text = tmp_path / "text.mp4"
    text.write_text("this is no video\n" * 50)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    head = tmp_path / "head.mp4"
    head.write_bytes(whole.read_bytes()[:200])
    for path, words in [
        (tmp_path / "missing.mp4", "does not exist"),
        (tmp_path, "is a folder"),
        (text, "cannot be read as media"),
        (empty, "is empty"),
        (head, "no video stream|truncated"),
    ]:
        with pytest.raises(MediaError, match=words) as caught:
            list(read_frames(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    shutil.copy(whole, tmp_path / "no_suffix")
    assert len(list(read_frames(tmp_path / "no_suffix"))) == 5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"),
        ("a.ffconcat", "ffconcat version 1.0\nfile {}\n"),
    ],
)
def test_a_list_of_files_is_not_followed(make_clip: MakeClip, tmp_path: Path, name: str, text: str) -> None:
    make_clip("a.ts.mp4", 5)
    for path in (tmp_path / name, tmp_path / "list.mp4"):
        path.write_text(text.format("a.ts.mp4"))
        with pytest.raises(MediaError, match="cannot be read as media"):
            probe_video(path)


def test_a_video_whose_index_was_never_written_is_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    data = make_clip("a.mp4", 30).read_bytes()
    at = data.index(b"moov")
    path = tmp_path / "no_index.mp4"
    path.write_bytes(data[: at - 4] + data[data.index(b"mdat") - 4 :])
    with pytest.raises(MediaError, match="cannot be read as media; it is damaged, truncated"):
        probe_video(path)
