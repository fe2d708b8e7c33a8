"""The profile faithful: the released rate, windows, whole crops, and its refusal of frames without a face."""

from pathlib import Path

import numpy as np
import pytest

import tiny
from lipwright.errors import NoFaceError, OptionError
from lipwright.faces.align import LATENTSYNC, fit_released
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.pipeline.faithful import Faithful, matrices
from lipwright.pipeline.profile import Profile, profile_of

FAITHFUL = SyncOptions(profile="faithful", steps=1, codec="ffv1", seed=3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.load(tiny.build(tmp_path_factory.mktemp("faithful"), window=16), device="cpu")


def test_both_profiles_offer_every_part(model: Engine) -> None:
    for name in ("natural", "faithful"):
        assert isinstance(profile_of(SyncOptions(profile=name), model.bundle), Profile)


def test_25_frames_per_second_two_more_than_the_sound_and_whole_crops(model: Engine, tmp_path: Path) -> None:
    clip, voice, out = tmp_path / "c.mp4", tmp_path / "v.wav", tmp_path / "o.mkv"
    save_clip(clip, tiny.presenter(12), 30, None, 16000)
    tiny.save_voice(voice, tiny.voice(0.8))
    report = model.sync(clip, voice, out, FAITHFUL)
    info = probe_video(out)
    assert (report.frames, float(info.rate), report.rate) == (22, 25, 25)  # 0.8 s: floor(40 / 2) + 2
    assert (report.length_mode, report.untouched_frames) == ("bounce", 0)
    assert [(run.start, run.stop) for run in report.edited] == [(0, 22)]
    shown = list(read_frames(out))
    assert [frame.index for frame in shown] == list(range(22))
    left, top, right, bottom = report.edited[0].box
    first = next(iter(read_frames(clip))).rgb().astype(int)
    changed = np.abs(shown[0].rgb().astype(int) - first).max(axis=2) > 2
    assert changed[top:bottom, left:right].mean() > 0.1
    changed[top:bottom, left:right] = False
    assert not changed.any()


def test_a_frame_without_a_face_ends_the_job(model: Engine, tmp_path: Path) -> None:
    clip, voice, out = tmp_path / "c.mp4", tmp_path / "v.wav", tmp_path / "o.mp4"
    save_clip(clip, [*tiny.presenter(8), *tiny.backdrop(8)], 25, None, 16000)
    tiny.save_voice(voice, tiny.voice(0.6))
    with pytest.raises(NoFaceError, match=r"at 0\.\d\d s, and the profile faithful"):
        model.sync(clip, voice, out, FAITHFUL)
    assert not out.exists()


def test_looping_and_faithful_are_a_conflict() -> None:
    with pytest.raises(OptionError, match=r"'faithful'.*'loop'"):
        SyncOptions(profile="faithful", longer="loop").validate()


def test_matrices_carry_their_state_and_turn_with_the_frames(model: Engine) -> None:
    points = np.random.default_rng(0).uniform(0, 1, (3, 3, 2)).astype(np.float32)
    points += np.array([[20, 30], [70, 32], [45, 60]], np.float32)
    template = LATENTSYNC(64)
    first, state = fit_released(points[0], template, None)
    second, _ = fit_released(points[1], template, state)
    found = matrices(points, template)
    np.testing.assert_array_equal(found[:2], [first, second])
    profile = Faithful(model.bundle)
    windows = profile.windows_of(points, 20)
    assert [(window.start, window.stop) for window in windows] == [(0, 16), (16, 20)]
    order = [0, 1, 2, 2, 1, 0, 0, 1]
    np.testing.assert_array_equal(profile.matrices[:8], matrices(points, model.bundle.template)[order])


def test_step_reuse_and_solvers_reach_the_walk(model: Engine) -> None:
    options = SyncOptions(reuse="deepcache", reuse_interval=4, solver="lcm")
    sampling = model.sampling(options)
    assert (sampling.reuse, sampling.solver) == (4, "lcm")
    assert model.sampling(SyncOptions()).reuse is None
