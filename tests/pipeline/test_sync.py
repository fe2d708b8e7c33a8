"""The whole path, file to file, at toy size."""

import json
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import tiny
from lipwright.errors import Cancelled, MediaError, NoFaceError
from lipwright.media.frames import read_frames
from lipwright.media.planes import Plane
from lipwright.media.probe import probe_audio, probe_video
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.pipeline.report import Report
from lipwright.progress import Progress, ProgressEvent

LOSSLESS = SyncOptions(codec="ffv1")
Planes = list[tuple[Plane, ...]]


def planes_of(path: Path) -> Planes:
    """All planes of all frames, as stored."""
    return [tuple(plane.copy() for plane in frame.planes) for frame in read_frames(path)]


def check_untouched(report: Report, out: Path, sources: Planes, shown: list[int]) -> None:
    """Every sample outside the reported boxes equals the source's; inside, most frames differ.

    shown: source frame of each output frame. Boxes are in display orientation: for upright videos only.
    """
    found = planes_of(out)
    assert len(found) == len(shown) == report.frames
    boxes = {index: run.box for run in report.edited for index in range(run.start, run.stop)}
    assert len(found) - len(boxes) == report.untouched_frames
    changed = 0
    for index, (new, source) in enumerate(zip(found, shown, strict=True)):
        old = sources[source]
        width, height = old[0].shape[1], old[0].shape[0]
        for one, other in zip(new, old, strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            outside = np.ones(one.shape, bool)
            if index in boxes:
                across, down = round(width / one.shape[1]), round(height / one.shape[0])
                left, top, right, bottom = boxes[index]
                outside[top // down : -(-bottom // down), left // across : -(-right // across)] = False
                assert outside.mean() > 0.4
            np.testing.assert_array_equal(one[outside], other[outside], err_msg=f"frame {index}")
        changed += any((one != other).any() for one, other in zip(new, old, strict=True))
    assert changed == len(boxes)


@pytest.mark.parametrize(
    ("pix_fmt", "suffix", "codec", "size"),
    [
        ("yuv420p", ".mp4", "h264", (192, 192)),
        ("yuv422p10le", ".mkv", "ffv1", (192, 192)),
        ("yuv444p", ".mkv", "ffv1", (192, 192)),
        ("yuv420p", ".mkv", "ffv1", (191, 189)),
    ],
)
def test_pixels_outside_the_reported_regions_are_the_source_s_bits(
    pix_fmt: str,
    suffix: str,
    codec: str,
    size: tuple[int, int],
    engine: Engine,
    voice: Path,
    tmp_path: Path,
) -> None:
    video, out = tmp_path / f"in{suffix}", tmp_path / "out.mkv"
    pictures = [np.ascontiguousarray(p[: size[1], : size[0]]) for p in tiny.presenter(25)]
    save_clip(video, pictures, 25, None, 16000, codec=codec, pix_fmt=pix_fmt)
    assert probe_video(video).pix_fmt == pix_fmt
    report = engine.sync(video, voice, out, LOSSLESS)
    assert probe_video(out).pix_fmt == pix_fmt
    assert report.untouched_frames == 0
    check_untouched(report, out, planes_of(video), list(range(15)))


def test_a_turned_video_keeps_its_other_pixels_too(engine: Engine, voice: Path, tmp_path: Path) -> None:
    """A phone's portrait: stored lying, shown upright. Regions are in upright coordinates."""
    video, out = tmp_path / "in.mp4", tmp_path / "out.mkv"
    lying = [np.ascontiguousarray(np.rot90(picture[:, 8:184])) for picture in tiny.presenter(15)]
    turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # as telephones write it: a quarter clockwise
    save_clip(video, lying, 25, None, 16000, display_matrix=turn)
    assert (probe_video(video).width, probe_video(video).height) == (176, 192)
    report = engine.sync(video, voice, out, LOSSLESS)
    info = probe_video(out)
    assert (info.width, info.height, info.rotation) == (176, 192, probe_video(video).rotation)
    assert (report.width, report.height) == (176, 192)
    (run,) = report.edited
    left, top, right, bottom = run.box
    assert 70 < top < bottom <= 192 and 20 < left < right < 160
    for old, new in zip(read_frames(video, stop=15), read_frames(out), strict=True):
        rough = np.abs(old.rgb().astype(int) - new.rgb()).max(axis=2)
        rough[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = 0  # colours are interpolated
        assert rough.max() == 0


def test_a_shorter_sound_cuts_the_video_off(engine: Engine, clip: Path, voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = engine.sync(clip, voice, out)
    info = probe_video(out)
    assert report.length_mode == "cut_off"
    assert report.frames == report.source_frames_used == len(list(read_frames(out))) == 15
    assert (info.width, info.height, float(info.rate), info.codec) == (192, 192, 25.0, "h264")
    assert abs(info.duration_s - 0.6) <= 0.04 and abs(report.duration_s - 0.6) <= 0.04
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_longer_sound_makes_the_video_go_back_and_forth(engine: Engine, clip: Path, tmp_path: Path) -> None:
    sound = tiny.save_voice(tmp_path / "long.wav", tiny.voice(2.2))
    out = tmp_path / "out.mkv"
    report = engine.sync(clip, sound, out, LOSSLESS)
    shown = [*range(25), *range(23, 0, -1), *range(7)]
    assert report.length_mode == "bounce"
    assert report.source_frames_used == 25 and report.frames == 55
    assert abs(probe_video(out).duration_s - 2.2) <= 0.04
    check_untouched(report, out, planes_of(clip), shown)


def test_the_video_may_loop_or_end_instead(engine: Engine, clip: Path, tmp_path: Path) -> None:
    sound = tiny.save_voice(tmp_path / "long.wav", tiny.voice(1.4))
    looped = engine.sync(clip, sound, tmp_path / "loop.mkv", SyncOptions(codec="ffv1", longer="loop"))
    assert (looped.length_mode, looped.frames) == ("loop", 35)
    check_untouched(looped, tmp_path / "loop.mkv", planes_of(clip), [*range(25), *range(10)])
    ended = engine.sync(clip, sound, tmp_path / "end.mp4", SyncOptions(longer="cut_off"))
    assert (ended.length_mode, ended.frames) == ("cut_off", 25)
    assert abs(probe_audio(tmp_path / "end.mp4").duration_s - 1.0) <= 0.04


def test_frames_without_a_face_pass_through(engine: Engine, tmp_path: Path) -> None:
    person, nobody = tiny.presenter(25), tiny.backdrop(8)
    video, out = tmp_path / "in.mp4", tmp_path / "out.mkv"
    save_clip(video, [*person[:9], *nobody, *person[9:17]], 25, None, 16000)
    sound = tiny.save_voice(tmp_path / "voice.wav", tiny.voice(1.0))
    report = engine.sync(video, sound, out, LOSSLESS)
    assert report.face["frames_with_face"] == 17
    assert report.face["cuts"] == [9, 17]
    assert [(run.start, run.stop) for run in report.edited] == [(0, 9), (17, 25)]
    assert report.untouched_frames == 8
    check_untouched(report, out, planes_of(video), list(range(25)))


def test_gaps_can_be_refused(engine: Engine, tmp_path: Path) -> None:
    video, sound = tmp_path / "in.mp4", tiny.save_voice(tmp_path / "voice.wav", tiny.voice(0.6))
    save_clip(video, [*tiny.presenter(25)[:7], *tiny.backdrop(8)], 25, None, 16000)
    with pytest.raises(NoFaceError, match=r"in\.mp4 shows no face at 0\.28 s \(frame 7\)"):
        engine.sync(video, sound, tmp_path / "out.mp4", SyncOptions(gap="error"))
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "voice.wav"}


def test_a_video_without_any_face_is_refused(engine: Engine, voice: Path, tmp_path: Path) -> None:
    video = tmp_path / "in.mp4"
    save_clip(video, tiny.backdrop(10), 25, None, 16000)
    with pytest.raises(NoFaceError, match=r"in\.mp4 shows no face in any of its 10 frames"):
        engine.sync(video, voice, tmp_path / "out.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4"}


def test_a_cut_between_two_people(engine: Engine, voice: Path, tmp_path: Path) -> None:
    video, out = tmp_path / "in.mp4", tmp_path / "out.mkv"
    moved = [
        np.ascontiguousarray(np.roll(p, (-24, 8), (1, 0))[:, ::-1]) for p in tiny.presenter(9, identity=3)
    ]
    save_clip(video, [*tiny.presenter(25)[:6], *moved], 25, None, 16000)
    report = engine.sync(video, voice, out, LOSSLESS)
    assert report.face["cuts"] == [6] and report.face["runs"] == 2
    assert report.untouched_frames == 0
    check_untouched(report, out, planes_of(video), list(range(15)))


def test_a_variable_rate_survives(engine: Engine, voice: Path, tmp_path: Path) -> None:
    video, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    spans = [40, 20, 60, 40, 80, 20, 20, 40, 40, 100, 40, 40, 20, 20, 60]
    starts = [0, *np.cumsum(spans).tolist()]
    save_clip(video, tiny.presenter(15), 25, None, 16000, pts=starts[:-1], time_base=Fraction(1, 1000))
    report = engine.sync(video, voice, out)
    times = [round(frame.time_s * 1000) for frame in read_frames(out)]
    assert times == starts[: len(times)] and report.frames == len(times)
    assert abs(probe_video(out).duration_s - 0.6) <= 0.06


def test_the_sound_keeps_its_rate_and_channels(engine: Engine, clip: Path, tmp_path: Path) -> None:
    sound = tiny.save_voice(tmp_path / "voice.wav", tiny.voice(1.5), rate=44_100, channels=2)
    report = engine.sync(clip, sound, tmp_path / "out.mp4")
    found = probe_audio(tmp_path / "out.mp4")
    assert (found.rate, found.channels) == (44_100, 2)
    assert abs(found.duration_s - 24_000 / 44_100) < 0.05
    assert abs(report.duration_s - 24_000 / 44_100) < 0.04


def test_the_shortest_sound_and_the_shortest_video(engine: Engine, tmp_path: Path) -> None:
    video, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    save_clip(video, tiny.presenter(25)[:1], 25, None, 16000)
    report = engine.sync(video, tiny.save_voice(tmp_path / "a.wav", tiny.voice(0.04)), out)
    assert (report.frames, report.length_mode) == (1, "none")
    report = engine.sync(video, tiny.save_voice(tmp_path / "b.wav", tiny.voice(0.2)), tmp_path / "b.mp4")
    assert (report.frames, report.length_mode, report.source_frames_used) == (5, "bounce", 1)
    with pytest.raises(MediaError, match=r"c\.wav holds only 39 ms"):
        engine.sync(video, tiny.save_voice(tmp_path / "c.wav", tiny.voice(0.039)), tmp_path / "c.mp4")


def test_the_seed_alone_decides(engine: Engine, clip: Path, voice: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        engine.sync(clip, voice, tmp_path / f"{name}.mkv", SyncOptions(codec="ffv1", seed=seed))
    one, again, other = (planes_of(tmp_path / f"{name}.mkv") for name in "abc")
    for first, second in zip(one, again, strict=True):
        assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert any((a != b).any() for a, b in zip(one[3], other[3], strict=True))


@pytest.mark.parametrize("bundle", [{"overlap": 3}, {"window": 1}, {"window": 40}, {"resolution": 128}])
def test_other_shapes_of_bundle(bundle: dict[str, int], clip: Path, voice: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    tiny.build(folder, overlap=bundle.get("overlap", 0), window=bundle.get("window", 8),
               resolution=bundle.get("resolution", 64), carry_detail=False)  # fmt: skip
    report = Engine.load(folder, device="cpu").sync(clip, voice, tmp_path / "out.mkv", LOSSLESS)
    check_untouched(report, tmp_path / "out.mkv", planes_of(clip), list(range(15)))


def stop_at(stage: str, done: int) -> Progress:
    cancel = threading.Event()

    def listener(event: ProgressEvent) -> None:
        if event.stage == stage and event.done >= done:
            cancel.set()

    return Progress(listener, cancel)


@pytest.mark.parametrize(
    ("stage", "done"), [("track", 3), ("lip-sync", 0), ("lip-sync", 5), ("lip-sync", 14)]
)
def test_a_cancelled_job_leaves_nothing(
    stage: str, done: int, engine: Engine, clip: Path, voice: Path, tmp_path: Path
) -> None:
    threads = threading.active_count()
    with pytest.raises(Cancelled):
        engine.sync(clip, voice, tmp_path / "out.mp4", progress=stop_at(stage, done))
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_a_cancelled_job_leaves_the_old_output(
    engine: Engine, clip: Path, voice: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    with pytest.raises(Cancelled):
        engine.sync(clip, voice, out, SyncOptions(force=True), stop_at("lip-sync", 5))
    assert out.read_bytes() == b"old" and list(tmp_path.iterdir()) == [out]
    engine.sync(clip, voice, out, SyncOptions(force=True))
    assert len(list(read_frames(out))) == 15


def test_progress_tells_every_frame(engine: Engine, clip: Path, voice: Path, tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    engine.sync(clip, voice, tmp_path / "out.mp4", progress=Progress(events.append))
    of: Callable[[str], list[int]] = lambda stage: [e.done for e in events if e.stage == stage]  # noqa: E731
    assert of("lip-sync") == list(range(16))
    assert of("track")[:16] == list(range(16))
    assert {e.total for e in events if e.stage == "lip-sync"} == {15}


def test_the_report_says_what_was_done(engine: Engine, clip: Path, voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    options = SyncOptions(steps=1, guidance=1.0, seed=5, crf=30)
    report = engine.sync(clip, voice, out, options)
    data = json.loads(report.to_json())
    assert (data["video"], data["audio"], data["output"]) == (str(clip), str(voice), str(out))
    assert (data["model"], data["seed"], data["steps"], data["guidance"]) == ("toy", 5, 1, 1.0)
    assert data["options"]["crf"] == 30 and data["options"]["preset"] == "veryfast"
    assert (data["width"], data["height"], data["rate"], data["codec"]) == (192, 192, 25.0, "h264")
    assert (data["device"], data["dtype"]) == ("cpu", "float32")
    assert data["face"]["frames_with_face"] >= 15 and data["face"]["people"] == 1
    (run,) = data["edited"]
    assert (run["start"], run["stop"]) == (0, 15) and len(run["box"]) == 4
    assert "rendered presenters only" in data["warnings"][0]
    stages = {"track", "decode", "align", "listen", "encode latents", "denoise", "decode latents", "blend"}
    assert stages | {"encode", "decode to track"} == set(data["timings_s"])
    assert all(seconds >= 0 for seconds in data["timings_s"].values())
    assert data["wall_s"] > 0


def test_what_the_output_could_not_keep_is_reported(engine: Engine, voice: Path, tmp_path: Path) -> None:
    video = tmp_path / "in.mkv"
    pictures = [np.ascontiguousarray(picture[:191]) for picture in tiny.presenter(15)]
    save_clip(video, pictures, 25, None, 16000, codec="ffv1")
    report = engine.sync(video, voice, tmp_path / "out.mp4")
    assert any("192x191" in warning for warning in report.warnings)


def test_steps_and_guidance_come_from_the_bundle_unless_given(engine: Engine) -> None:
    usual = engine.sampling(SyncOptions())
    assert (usual.steps, usual.guidance, usual.solver, usual.seed) == (2, 1.5, "ddim", 1247)
    given = engine.sampling(SyncOptions(steps=1, guidance=1.0, seed=0))
    assert (given.steps, given.guidance, given.seed) == (1, 1.0, 0)
