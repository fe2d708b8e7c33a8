"""Writing: untouched samples exact, times kept, tags kept, nothing left behind when it fails."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipwright.errors import OptionError, OutputError
from lipwright.media.codecs import CODECS
from lipwright.media.colour import ColourTags
from lipwright.media.frames import Frame, read_frames
from lipwright.media.orientation import Matrix
from lipwright.media.output import write_errors
from lipwright.media.probe import VideoInfo, probe_audio, probe_video
from lipwright.media.write import open_writer, save_clip

MakeClip = Callable[..., Path]
SIDEWAYS: list[Matrix] = [
    (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30),
    (-(1 << 16), 0, 0, 0, -(1 << 16), 0, 0, 0, 1 << 30),
    (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30),
    (-(1 << 16), 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30),
]


def copy(
    source: Path,
    out: Path,
    codec: str = "h264",
    *,
    change: Callable[[Frame], Frame] = lambda frame: frame,
    force: bool = False,
    crf: int = 18,
) -> tuple[VideoInfo, tuple[str, ...]]:
    """Read, change and write a video without sound; what was written, and the notes."""
    info = probe_video(source)
    frames = list(read_frames(source))
    end = (frames[-1].pts - frames[0].pts + info.frame_ticks) * info.time_base
    with open_writer(
        out, info, codec, crf=crf, preset="ultrafast", audio=None, duration=end, force=force
    ) as writer:
        for frame in frames:
            writer.write(change(frame), frame.pts - frames[0].pts)
    return probe_video(out), writer.notes


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
def test_only_the_patch_changes_from_file_to_file(make_clip: MakeClip, tmp_path: Path, pix_fmt: str) -> None:
    """Through a lossless codec, samples outside the region equal the decoded source's, bit by bit."""
    source = make_clip("a.mp4", 6, pix_fmt=pix_fmt)
    alpha = np.zeros((24, 30), np.float32)
    alpha[4:20, 5:25] = np.linspace(0, 1, 20)
    rgb = np.full((24, 30, 3), (200, 30, 90), np.float32)
    box = (31, 17, 61, 41)
    out = tmp_path / "b.mkv"
    written, notes = copy(source, out, "ffv1", change=lambda frame: frame.patched(box, rgb, alpha))
    assert (written.pix_fmt, notes) == (pix_fmt, ())
    weights = np.zeros((64, 96), np.float32)
    weights[17:41, 31:61] = alpha
    down = 2 if pix_fmt == "yuv420p" else 1
    touched = [weights > 0] + [weights.reshape(64 // down, down, 48, 2).max(axis=(1, 3)) > 0] * 2
    for before, after in zip(read_frames(source), read_frames(out), strict=True):
        for a, b, inside in zip(before.planes, after.planes, touched, strict=True):
            assert np.array_equal(a[~inside], b[~inside])
            assert (a[inside] != b[inside]).any()


@pytest.mark.parametrize("codec", ["h264", "hevc", "ffv1"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_is_kept(make_clip: MakeClip, tmp_path: Path, codec: str, suffix: str) -> None:
    times = [0, 500, 700, 2000, 2100, 5000, 5400, 9000, 9512, 10024]
    source = make_clip("a.mp4", 10, pts=times, time_base=Fraction(1, 12800))
    out = tmp_path / f"b{suffix}"
    copy(source, out, codec)
    frames = list(read_frames(out))
    wanted = np.array(times) / 12800
    assert np.abs(np.array([f.time_s for f in frames]) - wanted).max() <= (0 if suffix == ".mp4" else 5e-4)
    for a, b in zip(read_frames(source), frames, strict=True):
        assert np.abs(a.rgb().astype(int) - b.rgb()).mean() < 6


@pytest.mark.parametrize("matrix", SIDEWAYS)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_turned_video_stays_turned(
    make_clip: MakeClip, tmp_path: Path, matrix: Matrix, suffix: str
) -> None:
    source = make_clip("a.mp4", 3, display_matrix=matrix)
    out = tmp_path / f"b{suffix}"
    written, _ = copy(source, out)
    before = probe_video(source)
    assert written.orientation == before.orientation
    assert (written.width, written.height) == (before.width, before.height)
    assert np.abs(next(read_frames(source)).rgb().astype(int) - next(read_frames(out)).rgb()).mean() < 6


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_tags_are_kept(make_clip: MakeClip, tmp_path: Path, codec: str) -> None:
    tags = ColourTags(space=9, range=1, primaries=9, transfer=16)
    source = make_clip("a.mp4", 3, colour=tags, sar=Fraction(4, 3), pix_fmt="yuv420p10le")
    written, notes = copy(source, tmp_path / "b.mp4", codec)
    assert (written.colour, written.sar, written.pix_fmt) == (tags, Fraction(4, 3), "yuv420p10le")
    assert (written.codec, notes) == (codec, ())


def test_full_range_is_kept(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("a.mp4", 3, colour=ColourTags(1, 2, 1, 1))
    written, _ = copy(source, tmp_path / "b.mp4")
    assert written.colour.full_range
    a, b = next(read_frames(source)), next(read_frames(tmp_path / "b.mp4"))
    assert np.abs(a.rgb().astype(int) - b.rgb()).mean() < 6


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60), Fraction(12)])
def test_rates_are_exact(make_clip: MakeClip, tmp_path: Path, rate: Fraction) -> None:
    source = make_clip("a.mp4", 30, rate=rate)
    assert probe_video(source).rate == rate
    written, _ = copy(source, tmp_path / "b.mp4")
    assert written.rate == rate
    assert written.duration_s == pytest.approx(float(30 / rate), abs=2e-4)
    frames = list(read_frames(tmp_path / "b.mp4"))
    assert [f.pts * f.time_base for f in frames] == [i / rate for i in range(30)]


def test_odd_sizes(tmp_path: Path, moving: Callable[..., list[Any]]) -> None:
    source = tmp_path / "a.mkv"
    save_clip(source, moving(4, 81, 49), 25, None, 0, codec="ffv1")
    info = probe_video(source)
    assert (info.width, info.height) == (81, 49)
    same, notes = copy(source, tmp_path / "same.mkv", "ffv1")
    assert (same.width, same.height, notes) == (81, 49, ())
    for codec in ("h264", "hevc"):
        even, notes = copy(source, tmp_path / f"{codec}.mp4", codec)
        assert (even.width, even.height) == (82, 50)
        assert "extended to 82x50" in notes[0]
        first = next(read_frames(tmp_path / f"{codec}.mp4")).rgb().astype(int)
        assert np.abs(first[:49, :81] - next(read_frames(source)).rgb()).mean() < 6
        assert np.abs(first[:, 81] - first[:, 80]).mean() < 12
    full = tmp_path / "full.mp4"
    save_clip(full, moving(4, 81, 49), 25, None, 0, pix_fmt="yuv444p")
    assert (probe_video(full).width, probe_video(full).height) == (81, 49)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "written_as"),
    [
        ("yuv420p12le", "h264", "yuv420p10le"),
        ("yuv420p12le", "hevc", "yuv420p12le"),
        ("gbrp", "h264", "yuv444p"),
        ("gbrp", "ffv1", "gbrp"),
        ("gray", "h264", "yuv420p"),
        ("gray10le", "hevc", "yuv420p10le"),
        ("yuv411p", "ffv1", "yuv411p"),
    ],
)
def test_nearest_pixel_format(
    make_clip: MakeClip, tmp_path: Path, pix_fmt: str, codec: str, written_as: str
) -> None:
    source = make_clip("a.mkv", 3, codec="ffv1", pix_fmt=pix_fmt)
    assert probe_video(source).pix_fmt == pix_fmt
    written, notes = copy(source, tmp_path / "b.mkv", codec)
    assert written.pix_fmt == written_as
    assert bool(notes) == (written_as != pix_fmt and not pix_fmt.startswith("gray"))
    a, b = next(read_frames(source)), next(read_frames(tmp_path / "b.mkv"))
    assert np.abs(a.rgb().astype(int) - b.rgb()).mean() < 6


def test_mp4_starts_with_its_index(make_clip: MakeClip) -> None:
    data = make_clip("a.mp4", 5).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_mode_of_the_file_is_the_usual_one(make_clip: MakeClip, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert make_clip("a.mp4", 2).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_existing_output_needs_force(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("a.mp4", 5)
    out = tmp_path / "b.mp4"
    out.write_text("precious")
    with pytest.raises(OutputError, match="exists; use --force"):
        copy(source, out)
    assert out.read_text() == "precious"
    copy(source, out, force=True)
    assert probe_video(out).frames_hint == 5
    copy(source, source, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("name", "codec", "error", "words"),
    [
        ("missing/b.mp4", "h264", OutputError, "folder of the output .* does not exist"),
        ("b.gif", "h264", OptionError, "no known suffix; use one of .mp4"),
        ("b", "h264", OptionError, "no known suffix"),
        ("b.mp4", "divx", OptionError, "codec 'divx' is unknown; use one of h264, hevc"),
        ("b.webm", "h264", OptionError, "cannot hold h264 video"),
        ("b.mov", "ffv1", OptionError, "cannot hold ffv1 video"),
    ],
)
def test_bad_outputs(
    make_clip: MakeClip, tmp_path: Path, name: str, codec: str, error: type[Exception], words: str
) -> None:
    source = make_clip("a.mp4", 2)
    with pytest.raises(error, match=words) as caught:
        copy(source, tmp_path / name, codec)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_folder_is_no_output(make_clip: MakeClip, tmp_path: Path) -> None:
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        copy(make_clip("a.mp4", 2), tmp_path / "b.mp4", force=True)


@pytest.mark.parametrize("failure", [ValueError("stop"), KeyboardInterrupt()])
def test_nothing_is_left_when_the_work_fails(
    make_clip: MakeClip, tmp_path: Path, failure: BaseException
) -> None:
    source = make_clip("a.mp4", 20)
    seen: list[list[str]] = []

    def change(frame: Frame) -> Frame:
        if frame.index == 10:
            seen.append(sorted(p.name for p in tmp_path.iterdir()))
            raise failure
        return frame

    with pytest.raises(type(failure)):
        copy(source, tmp_path / "b.mp4", change=change)
    (during,) = seen
    assert during[0].startswith(".b.")
    assert during[0].endswith(".part.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_no_frames_is_an_error(make_clip: MakeClip, tmp_path: Path) -> None:
    info = probe_video(make_clip("a.mp4", 2))
    with (
        pytest.raises(OutputError, match="No frame was written"),
        open_writer(
            tmp_path / "b.mp4",
            info,
            "h264",
            crf=18,
            preset="ultrafast",
            audio=None,
            duration=Fraction(1),
            force=False,
        ),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from lipwright.errors import OutputError
from lipwright.media.write import save_clip

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.default_rng(0)
frames = (rng.integers(0, 255, (240, 320, 3)).astype(np.uint8) for _ in range(60))
try:
    save_clip(Path(sys.argv[1]), frames, 25, None, 0, codec=sys.argv[2], preset="ultrafast")
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.mkv", "ffv1")])
def test_a_disk_that_fills_up_is_named_and_nothing_is_left(tmp_path: Path, name: str, codec: str) -> None:
    """A limit on the size of files stands for the full disk: the system refuses the write in the same way."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / name), codec]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.startswith("The disk is full:"), done.stdout + done.stderr
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "permissions"), (errno.EIO, "could not be written")],
)
def test_write_errors_in_words(number: int, words: str) -> None:
    with pytest.raises(OutputError, match=words), write_errors(Path("out.mp4")):
        raise OSError(number, os.strerror(number))


def test_nvenc_is_refused_or_works(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("a.mp4", 5, 320, 240)
    for codec in ("h264_nvenc", "hevc_nvenc"):
        try:
            written, _ = copy(source, tmp_path / f"{codec}.mp4", codec)
        except OptionError as error:
            assert "does not open on this machine" in str(error)
        else:
            assert written.codec == CODECS[codec].family
    written, _ = copy(source, tmp_path / "auto.mp4", "auto")
    assert written.codec == "h264"


def test_save_clip_with_sound(make_clip: MakeClip, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, (16000, 2)).astype(np.float32)
    path = make_clip("a.mp4", 25, samples=samples)
    sound = probe_audio(path)
    assert (sound.rate, sound.channels, sound.codec) == (16000, 2, "aac")
    assert sound.duration_s == pytest.approx(1.0, abs=0.002)
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(1_000_000, abs=2000)


def test_save_clip_refuses_nonsense(tmp_path: Path, moving: Callable[..., list[Any]]) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        save_clip(tmp_path / "a.mp4", [], 25, None, 0)
    frames = [*moving(2), *moving(1, 64, 48)]
    with pytest.raises(ValueError, match="frame 2 is"):
        save_clip(tmp_path / "a.mp4", frames, 25, None, 0)
    assert list(tmp_path.iterdir()) == []
