"""The profile faithful: the released rate, windows, whole crops, and its refusal of frames without a face."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny
from lipwright.device import choose_device
from lipwright.errors import NoFaceError, OptionError
from lipwright.faces.align import LATENTSYNC, fit_released
from lipwright.faces.insightface import THREE, PointReader
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.pipeline.faithful import Faithful, matrices
from lipwright.pipeline.profile import Profile, profile_of
from lipwright.weights.bundle import MODEL_FILE, Bundle, write_description
from lipwright.weights.load import load_codec, load_ears, load_unet

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


INSIGHTFACE = replace(FAITHFUL, faces="insightface")


class Recorded:
    """InsightFace's seam: a face that grows by 2 px a frame, none from frame `stop` on."""

    def __init__(self, stop: int = 1000) -> None:
        self.stop = stop
        self.count = 0

    def get(self, img: NDArray[np.uint8]) -> list[SimpleNamespace]:
        self.count += 1
        if self.count > self.stop:
            return []
        landmarks = np.zeros((106, 2), np.float32)
        for group, place in zip(THREE, ((70.4, 80), (125, 81), (98, 110 + self.count)), strict=True):
            landmarks[list(group)] = place
        box = np.array([50, 40, 140, 150 + 2 * self.count], np.float32)
        return [SimpleNamespace(bbox=box, det_score=0.9, landmark_2d_106=landmarks)]


def released_model(folder: Path, points: PointReader | None = None) -> Engine:
    """A toy model that is aligned as the released ones are."""
    tiny.build(folder, window=16)
    info = json.loads((folder / MODEL_FILE).read_text())
    bundle = write_description(folder, {**info, "template": LATENTSYNC(64).to_dict()})
    choice = choose_device("cpu")
    codec, ears, unet = load_codec(bundle, choice), load_ears(bundle, choice), load_unet(bundle, choice)
    return Engine(bundle, choice, codec=codec, ears=ears, unet=unet, points=points)


def test_insightface_s_points_align_the_faithful_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = released_model(tmp_path / "model", PointReader(Recorded()))
    clip, voice, out = tmp_path / "c.mp4", tmp_path / "v.wav", tmp_path / "o.mkv"
    save_clip(clip, tiny.presenter(12), 25, None, 16000)
    tiny.save_voice(voice, tiny.voice(0.4))
    profiles: list[Faithful] = []

    class Noted(Faithful):
        def __init__(self, bundle: Bundle) -> None:
            super().__init__(bundle)
            profiles.append(self)

    monkeypatch.setattr("lipwright.pipeline.profile.Faithful", Noted)
    report = engine.sync(clip, voice, out, INSIGHTFACE)
    assert (report.frames, report.untouched_frames) == (12, 0)
    assert report.face["frames_with_face"] == 12 and report.options["faces"] == "insightface"
    three = [[[70, 80], [125, 81], [98, 111 + index]] for index in range(12)]
    expected = matrices(np.array(three, np.float32), LATENTSYNC(64))
    np.testing.assert_array_equal(profiles[0].matrices, expected)


@pytest.mark.parametrize(("stop", "said"), [(0, "no face in any"), (5, r"No face was found at 0\.20 s")])
def test_a_frame_without_insightface_s_face_ends_the_job(tmp_path: Path, stop: int, said: str) -> None:
    engine = released_model(tmp_path / "model", PointReader(Recorded(stop)))
    clip, voice, out = tmp_path / "c.mp4", tmp_path / "v.wav", tmp_path / "o.mkv"
    save_clip(clip, tiny.presenter(12), 25, None, 16000)
    tiny.save_voice(voice, tiny.voice(0.4))
    with pytest.raises(NoFaceError, match=said):
        engine.sync(clip, voice, out, INSIGHTFACE)
    assert not out.exists()


def test_insightface_is_for_the_faithful_profile_and_released_models(model: Engine) -> None:
    with pytest.raises(OptionError, match=r"'insightface'.*'natural'; use --profile faithful"):
        SyncOptions(faces="insightface").validate()
    INSIGHTFACE.validate()
    with pytest.raises(OptionError, match=r"aligned by eyes"):
        profile_of(INSIGHTFACE, model.bundle)
