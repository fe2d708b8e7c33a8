"""The measure itself, with a model that says nothing: everything is there, and nothing is flattered."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.errors import Cancelled, OptionError
from lipwright.evaluation import presenter
from lipwright.evaluation.presenter import FIGURES, Pictures, evaluate_presenter, leakage
from lipwright.media.probe import probe_audio, probe_video
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.progress import Progress, ProgressEvent

SEED = 1_000_000


@pytest.fixture(scope="module")
def short(request: pytest.FixtureRequest) -> None:
    """Clips of about a second, small: the sizes of an evaluation are constants of the module."""
    patch = pytest.MonkeyPatch()
    patch.setattr(presenter, "SECONDS", 1.0)
    patch.setattr(presenter, "SIZE", 160)
    request.addfinalizer(patch.undo)


@pytest.fixture(scope="module")
def measured(
    short: None, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path, list[tuple[int, Pictures, Pictures, Pictures]], list[ProgressEvent]]:
    keep = tmp_path_factory.mktemp("kept") / "clips"
    sheets: list[tuple[int, Pictures, Pictures, Pictures]] = []
    events: list[ProgressEvent] = []
    options = SyncOptions(steps=1, guidance=1.0)
    figures = evaluate_presenter(
        engine, 1, SEED, options, Progress(events.append), keep, lambda *given: sheets.append(given)
    )
    return figures, keep, sheets, events


def test_every_figure_is_there(measured: Any) -> None:
    figures = measured[0]
    assert set(figures) == {*FIGURES, "clips", "per_clip"}
    assert figures["clips"] == 1
    (clip,) = figures["per_clip"]
    assert clip["seed"] == SEED and clip["frames"] > 20
    assert set(FIGURES) < set(clip)
    for key in FIGURES:
        assert figures[key] == clip[key]
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_mesh_reads_the_truth_and_not_the_noise(measured: Any) -> None:
    figures = measured[0]
    assert figures["ceiling_correlation"] > 0.75
    found = figures["aperture_correlation"]
    assert found is None or abs(found) < 0.7


def test_the_clips_are_kept_and_shown(measured: Any) -> None:
    figures, keep, sheets, _ = measured
    names = {path.name for path in keep.iterdir()}
    kept = ("source.mp4", "voice.wav", "synced.mp4", "silence.wav", "silent.mp4")
    assert names == {f"{SEED}-{name}" for name in kept}
    assert probe_video(keep / f"{SEED}-silent.mp4").duration_s == pytest.approx(presenter.SILENT_S, abs=0.04)
    synced = keep / f"{SEED}-synced.mp4"
    assert abs(probe_video(synced).duration_s - probe_audio(keep / f"{SEED}-voice.wav").duration_s) <= 0.04
    ((index, source, shown, truth),) = sheets
    assert index == 0
    assert len(shown) == figures["per_clip"][0]["frames"] == len(truth)
    assert source[0].shape == shown[0].shape == truth[0].shape == (160, 160, 3)


def test_the_source_and_the_truth_differ_in_the_mouth_alone(measured: Any) -> None:
    ((_, source, _, truth),) = measured[2]
    apart = np.mean([np.abs(a.astype(int) - b) for a, b in zip(source, truth, strict=False)], axis=(0, 3))
    assert apart[:60].mean() < 3  # the encoder's noise
    assert apart[95:125, 60:100].mean() > 2 * apart[:60].mean()


def test_progress_counts_clips(measured: Any) -> None:
    assert [(event.done, event.total) for event in measured[3]] == [(0, 1), (1, 1)]


def test_leakage_is_what_stays_open_in_silence() -> None:
    true = np.linspace(0.1, 0.5, 101).astype(np.float32)  # of which 5 to 95 % are 0.36 wide
    shut = np.full(4, 0.1, np.float32)
    assert leakage(shut, shut, true) == 0
    assert leakage(shut + np.float32(0.18), shut, true) == pytest.approx(0.5)
    nan = float("nan")
    mixed = np.array([0.28, nan, 0.02, nan], np.float32)  # 0.18 too far; unseen; below shut; unseen
    assert leakage(mixed, shut, true) == pytest.approx(0.25)
    assert np.isnan(leakage(np.full(4, nan, np.float32), shut, true))
    assert np.isnan(leakage(shut, shut, np.full(5, 0.2, np.float32)))


@pytest.mark.parametrize("seed", [0, 999_999, -1])
def test_seeds_that_may_have_been_trained_on_are_refused(seed: int, engine: Engine) -> None:
    with pytest.raises(OptionError, match=f"seed {seed} .* 1000000"):
        evaluate_presenter(engine, 1, seed)


def test_no_clips_is_no_evaluation(engine: Engine) -> None:
    with pytest.raises(OptionError, match="clips is 0"):
        evaluate_presenter(engine, 0, SEED)


def test_it_can_be_cancelled(engine: Engine) -> None:
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        evaluate_presenter(engine, 1, SEED, progress=progress)


def test_a_failure_is_not_averaged_away() -> None:
    good = presenter.ClipFigures(1, 9, 0, 0.9, 0, 0.1, 0.1, 0.95, 1.0, 1.0, 1.0, 0.0)
    bad = presenter.ClipFigures(2, 9, 9, None, None, None, None, 0.9, None, 1.0, None, None)
    curve = np.zeros(13)
    curve[7] = 1
    summary = presenter._summary([good, bad], [curve, np.full(13, np.nan)])
    assert summary["aperture_correlation"] is None and summary["range_ratio"] is None
    assert summary["ceiling_correlation"] == pytest.approx(0.925) and summary["lag_frames"] is None
    assert presenter._summary([good, good], [curve, curve])["lag_frames"] == 1
