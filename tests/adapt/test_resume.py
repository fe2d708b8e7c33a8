"""What a stopped run leaves to the next."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from lipwright.adapt.resume import KEPT_S, Work
from lipwright.weights.fetch import CACHE_VARIABLE
from person import Learned


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))


def test_a_track_comes_back_as_it_was(talk: Learned) -> None:
    work = Work.of(talk.footage.info, None)
    assert work.load(talk.footage.info) is None
    work.save(talk.footage)
    again = work.load(talk.footage.info)
    assert again is not None
    np.testing.assert_array_equal(again.track.points, talk.footage.track.points)
    np.testing.assert_array_equal(again.times_s, talk.footage.times_s)
    assert again.track.report() == talk.footage.track.report()
    work.done()
    assert work.load(talk.footage.info) is None


def test_another_face_or_file_is_other_work(talk: Learned, tmp_path: Path) -> None:
    Work.of(talk.footage.info, None).save(talk.footage)
    assert Work.of(talk.footage.info, 2).load(talk.footage.info) is None


def test_old_work_is_thrown_away(talk: Learned, tmp_path: Path) -> None:
    Work.of(talk.footage.info, 5).save(talk.footage)
    (old,) = (tmp_path / "adapt").glob("*.npz")
    past = time.time() - KEPT_S - 60
    os.utime(old, (past, past))
    Work.of(talk.footage.info, None).save(talk.footage)
    assert not old.exists()


def test_a_cache_that_cannot_be_written_stops_nothing(talk: Learned, tmp_path: Path) -> None:
    (tmp_path / "adapt").write_text("in the way")
    work = Work.of(talk.footage.info, None)
    work.save(talk.footage)
    assert work.load(talk.footage.info) is None
