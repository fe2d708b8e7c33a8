"""Jobs with a person's own frames, file to file."""

from pathlib import Path

import numpy as np
import pytest

import person
import tiny
from lipwright.errors import OptionError
from lipwright.evaluation.mouth import correlation, flicker, read_mouths, sharpness
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from person import Learned

LOSSLESS = SyncOptions(codec="ffv1", provenance=False)


@pytest.fixture(scope="module")
def other_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_voice(tmp_path_factory.mktemp("voice") / "other.wav", person.said(41).samples)


@pytest.fixture(scope="module")
def personal(talk: Learned, listener: Engine) -> Engine:
    return listener.adapted(talk.library, None, "somebody")


def test_the_mouth_speaks_the_voice_and_the_rest_stays(
    talk: Learned, personal: Engine, other_voice: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    report = personal.sync(talk.clip, other_voice, out, LOSSLESS)
    assert report.model == "somebody" and "own frames" in report.method
    assert not [w for w in report.warnings if "rendered" in w or "someone else" in w]
    assert report.face["identity_distance"] < 1
    sources, found = list(read_frames(talk.clip)), list(read_frames(out))
    assert len(found) == report.frames > 60
    (run,) = report.edited
    left, top, right, bottom = run.box
    for old, new in zip(sources, found, strict=False):
        for plane, (one, other) in enumerate(zip(old.planes, new.planes, strict=True)):
            step = 1 if plane == 0 else 2
            outside = np.ones(one.shape, bool)
            outside[top // step : -(-bottom // step), left // step : -(-right // step)] = False
            np.testing.assert_array_equal(one[outside], other[outside])
    # read by the mesh: it says the new words, not the old ones, and is as sharp and steady as the source
    reader = personal.faces()
    said = person.pictures(7, 41)
    count = min(len(found), len(said), len(sources))
    found = found[:count]
    mouths = read_mouths([frame.rgb() for frame in found], reader)
    truth = read_mouths(said[:count], reader)
    source = read_mouths([frame.rgb() for frame in sources[:count]], reader)
    assert correlation(mouths.aperture, truth.aperture) > 0.5
    assert abs(correlation(mouths.aperture, source.aperture)) < 0.45
    # a mouth of 35 px, that shows fewer teeth than the source does
    assert sharpness(mouths.grey, source.box) > 0.6 * sharpness(source.grey, source.box)
    assert flicker(mouths.grey, source.box) < 1.4 * flicker(source.grey, source.box)


def test_silence_closes_the_mouth(talk: Learned, personal: Engine, tmp_path: Path) -> None:
    quiet = tiny.save_voice(tmp_path / "quiet.wav", np.zeros(48_000, np.float32))
    out = tmp_path / "out.mkv"
    personal.sync(talk.clip, quiet, out, LOSSLESS)
    mouths = read_mouths([frame.rgb() for frame in read_frames(out)], personal.faces())
    source = read_mouths(person.pictures()[: len(mouths.aperture)], personal.faces())
    assert np.nanmedian(mouths.aperture) < np.nanpercentile(source.aperture, 45)
    assert np.nanpercentile(mouths.aperture, 95) < np.nanpercentile(source.aperture, 60)


def test_someone_else_is_warned_of_with_the_number(
    personal: Engine, other_voice: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "other.mp4"
    save_clip(clip, person.pictures(12)[:40], 25, None, 16_000)
    report = personal.sync(clip, other_voice, tmp_path / "out.mp4", SyncOptions(provenance=False))
    (warning,) = [w for w in report.warnings if "someone else" in w]
    assert f"{report.face['identity_distance']:.2f}" in warning


def test_frames_without_the_face_pass(personal: Engine, other_voice: Path, tmp_path: Path) -> None:
    clip, out = tmp_path / "gap.mp4", tmp_path / "out.mkv"
    frames = person.pictures()[:30] + tiny.backdrop(10, person.SIZE) + person.pictures()[30:50]
    save_clip(clip, frames, 25, None, 16_000)
    report = personal.sync(clip, other_voice, out, LOSSLESS)
    assert report.untouched_frames >= 10 and len(report.edited) >= 2
    assert len(list(read_frames(out))) == report.frames


def test_turned_and_odd_sized_video(personal: Engine, other_voice: Path, tmp_path: Path) -> None:
    clip, out = tmp_path / "turned.mp4", tmp_path / "out.mkv"
    lying = [np.ascontiguousarray(np.rot90(p[:, 10:211])[:, : person.SIZE]) for p in person.pictures()[:20]]
    turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    save_clip(clip, lying, 25, None, 16_000, display_matrix=turn, codec="ffv1", pix_fmt="yuv444p")
    report = personal.sync(clip, other_voice, out, LOSSLESS)
    assert report.untouched_frames == 0
    assert (probe_video(out).width, probe_video(out).height) == (report.width, report.height)


def test_the_released_procedure_has_no_place_for_it(personal: Engine, talk: Learned, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="own frames"):
        personal.sync(talk.clip, talk.clip, tmp_path / "out.mp4", SyncOptions(profile="faithful"))


def test_a_face_that_was_followed_before_is_not_followed_again(
    talk: Learned, personal: Engine, other_voice: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    plain = personal.sync(talk.clip, other_voice, one, LOSSLESS)
    known = personal.sync(talk.clip, other_voice, other, LOSSLESS, followed=talk.footage.followed(whole=True))
    assert "track" in plain.timings_s and "track" not in known.timings_s
    assert (known.face, known.edited) == (plain.face, plain.edited)
    for a, b in zip(read_frames(one), read_frames(other), strict=True):
        assert a.pts == b.pts
        np.testing.assert_array_equal(a.planes[0], b.planes[0])
