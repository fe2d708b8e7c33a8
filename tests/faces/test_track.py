"""Following faces with a reader that knows where they are."""

import threading
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.errors import Cancelled, NoFaceError
from lipwright.faces import mesh
from lipwright.faces.detect import Face, FaceReader, Image, box_of
from lipwright.faces.track import FaceTrack, follow_face
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.pose import Pose
from lipwright.progress import Progress, ProgressEvent

HEAD = np.random.default_rng(0).uniform(-0.5, 0.5, (468, 2)).astype(np.float32)
HEAD[[10, 152]] = (0, -0.5), (0, 0.5)

Place = tuple[float, float, float]  # centre x, centre y, size


class ScriptedReader:
    """A FaceReader that gives the faces of a script; the number of the frame is painted into its corner."""

    def __init__(self, script: Sequence[Sequence[Place]]) -> None:
        self.script = script
        self.searches: list[int] = []

    def read(self, rgb: Image, previous: Sequence[Face], *, search: bool = False) -> list[Face]:
        index = int(rgb[0, 0, 0]) + 256 * int(rgb[0, 0, 1])
        if search or not previous:
            self.searches.append(index)
        faces = []
        for x, y, size in self.script[index]:
            points = (HEAD * size + (x, y)).astype(np.float32)
            faces.append(Face(points, 1.0, box_of(points)))
        return faces


def frames(count: int, cuts: Sequence[int] = ()) -> list[Image]:
    """Frames with their number in the corner; a new backdrop from each cut on."""
    out = []
    for index in range(count):
        shot = sum(index >= cut for cut in cuts)
        coarse = np.random.default_rng(shot).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        picture = np.kron(coarse, np.ones((20, 20, 1), np.uint8))
        picture[0, 0, :2] = index % 256, index // 256
        out.append(picture)
    return out


def follow(script: Sequence[Sequence[Place]], cuts: Sequence[int] = ()) -> FaceTrack:
    return follow_face(frames(len(script), cuts), ScriptedReader(script))


def test_one_face_all_along() -> None:
    track = follow([[(100 + k, 80, 60)] for k in range(30)])
    assert track.present.all()
    assert track.runs() == [(0, 30)]
    assert track.points.shape == (30, len(mesh.KEPT), 2)
    assert track.points.dtype == np.float32
    assert np.allclose(np.diff(track.points[..., 0], axis=0), 1, atol=1e-3)


def test_the_largest_face_over_the_video_wins() -> None:
    # the small one is first and always there; the large one is nearer from frame 5 on
    script = [[(30, 30, 30)] if k < 5 else [(30, 30, 30), (150, 80, 70)] for k in range(30)]
    track = follow(script)
    assert track.runs() == [(5, 30)]
    assert np.nanmean(track.points[..., 0]) > 100
    assert track.people == 2


def test_people_do_not_swap_when_their_order_does() -> None:
    places = [(60.0, 60.0, 60.0), (180.0, 60.0, 50.0)]
    track = follow([places if k % 3 else places[::-1] for k in range(20)])
    assert np.abs(np.diff(track.points, axis=0)).max() < 1e-3


def test_a_gap_passes_through_and_splits_the_run() -> None:
    track = follow([[] if 10 <= k < 20 else [(100, 80, 60)] for k in range(30)])
    assert track.runs() == [(0, 10), (20, 30)]
    assert np.isnan(track.points[12]).all()
    assert not track.present[10:20].any()


def test_a_blink_of_the_detector_is_bridged() -> None:
    track = follow([[] if k in (10, 11) else [(100 + k, 80, 60)] for k in range(30)])
    assert track.runs() == [(0, 30)]
    assert track.bridged == 2
    assert np.allclose(np.diff(track.points[..., 0], axis=0), 1, atol=1e-3)


def test_a_cut_splits_the_run_and_starts_a_search() -> None:
    script: list[list[Place]] = [[(100, 80, 60)] if k < 15 else [(120, 90, 50)] for k in range(30)]
    reader = ScriptedReader(script)
    track = follow_face(frames(30, [15]), reader)
    assert track.cuts == (15,)
    assert track.runs() == [(0, 15), (15, 30)]
    assert 15 in reader.searches


def test_a_jump_of_the_head_before_the_same_backdrop_is_a_cut() -> None:
    rng = np.random.default_rng(2)
    places = [(100 + (14 if k >= 12 else 0) + rng.normal(0, 0.2), 80.0, 60.0) for k in range(30)]
    assert follow([[place] for place in places]).cuts == (12,)


def test_a_quick_nod_is_no_cut() -> None:
    places = [(100.0, 80 + 14 * float(np.sin(k / 2.5)), 60.0) for k in range(40)]
    assert follow([[place] for place in places]).cuts == ()


def test_smoothing_halves_noise_and_keeps_straight_motion() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, 60)
    track = follow([[(100 + k + float(noise[k]), 80, 60)] for k in range(60)])
    raw = track.points[:, 0, 0] - track.points[0, 0, 0] - np.arange(60)
    smooth = track.smoothed()[:, 0, 0] - track.points[0, 0, 0] - np.arange(60)
    assert smooth[3:-3].std() < 0.65 * raw[3:-3].std()
    assert abs(smooth[5:-5].mean() - raw[5:-5].mean()) < 0.1


def test_smoothing_never_crosses_cuts_or_gaps() -> None:
    script = [[] if 20 <= k < 28 else [(100, 80, 60)] if k < 10 else [(150, 90, 60)] for k in range(40)]
    track = follow(script, [10])
    smooth = track.smoothed()
    for start, stop in track.runs():
        assert np.allclose(smooth[start:stop], track.points[start:stop], atol=1e-3)
    assert np.isnan(smooth[20:28]).all()


def test_runs_of_one_and_two_frames_can_be_smoothed() -> None:
    script = [[(100, 80, 60)] if k in (0, 8, 9) else [] for k in range(12)]
    smooth = follow(script).smoothed()
    assert np.isfinite(smooth[[0, 8, 9]]).all()


def test_someone_who_comes_back_elsewhere_is_followed() -> None:
    script: list[list[Place]] = [
        [(60, 60, 50)] if k < 10 else [] if k < 20 else [(180, 60, 50)] for k in range(30)
    ]
    assert follow(script).runs() == [(0, 10), (20, 30)]


def test_no_face_is_one_clear_sentence() -> None:
    with pytest.raises(NoFaceError, match="No face was found in any of the 5 frames") as caught:
        follow([[]] * 5)
    assert "\n" not in str(caught.value)


def test_no_frames_is_no_face() -> None:
    with pytest.raises(NoFaceError):
        follow([])


def test_new_people_are_looked_for_now_and_then() -> None:
    reader = ScriptedReader([[(100, 80, 60)]] * 120)
    follow_face(frames(120), reader, search_every=50)
    assert reader.searches == [0, 50, 100]


def test_progress_counts_frames_and_cancels() -> None:
    events: list[ProgressEvent] = []
    script: list[list[Place]] = [[(100, 80, 60)]] * 6
    follow_face(frames(6), ScriptedReader(script), progress=Progress(events.append), total=6)
    assert [(event.done, event.total) for event in events if event.stage == "track"] == [
        (k, 6) for k in range(7)
    ]
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        follow_face(frames(6), ScriptedReader(script), progress=Progress(cancel=stop))


def test_report_holds_plain_figures() -> None:
    report = follow([[(100, 80, 60)]] * 8 + [[]] * 5).report()
    assert report["frames"] == 13
    assert report["frames_with_face"] == 8
    assert report["face_height_px"] == pytest.approx(60, abs=0.1)


def test_a_talking_presenter_is_followed_in_every_frame(reader: FaceReader, portrait: Portrait) -> None:
    pictures: list[NDArray[np.uint8]] = []
    jaws = [0.5 - 0.5 * float(np.cos(k / 2)) for k in range(24)]
    for k, jaw in enumerate(jaws):
        pose = Pose(yaw=0.15 * float(np.sin(k / 8)), dx=0.03 * float(np.sin(k / 6)))
        pictures.append(portrait.render(pose, np.array([jaw, 0, 0, 0, 0, 0, 0], np.float32)))
    track = follow_face(pictures, reader)
    assert track.runs() == [(0, 24)]
    inner = track.points[:, [mesh.column(13), mesh.column(14)]]
    opening = np.linalg.norm(inner[:, 0] - inner[:, 1], axis=1)
    assert np.corrcoef(opening, jaws)[0, 1] > 0.9
    smooth = track.smoothed()
    assert max(np.abs(b - a).mean() for a, b in pairwise(smooth)) < 4


def test_smoothing_one_frame_equals_smoothing_all() -> None:
    rng = np.random.default_rng(3)
    present = np.ones(24, bool)
    present[[5, 17, 18]] = False
    points = rng.normal(100, 20, (24, 148, 2)).astype(np.float32)
    points[~present] = np.nan
    track = FaceTrack(present, points, cuts=(9, 12, 13))
    for frame in np.flatnonzero(present):
        np.testing.assert_allclose(track.smoothed_at(int(frame)), track.smoothed()[frame], atol=1e-4)


def test_people_are_counted_from_the_left() -> None:
    script = [[(300, 80, 60), (100, 80, 50), (200, 80, 5)] for _ in range(20)]

    def middle(face: int | None) -> float:
        track = follow_face(frames(20), ScriptedReader(script), face=face)
        assert track.prominent == 2  # the third is far in the background
        return float(track.points[:, :, 0].mean())

    assert middle(None) == pytest.approx(300, abs=10) == middle(2)
    assert middle(1) == pytest.approx(100, abs=10)
    with pytest.raises(NoFaceError, match="no more than 2"):
        middle(3)


def test_one_person_in_pieces_is_one() -> None:
    script: list[list[Place]] = [[(100.0, 80.0, 60.0)]] * 10 + [[]] * 10 + [[(250.0, 80.0, 60.0)]] * 10
    assert follow(script).prominent == 1
