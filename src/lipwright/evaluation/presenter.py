"""Sync that can be measured: presenters whose true mouth is known, driven through the whole path.

Each clip shows one person whose own mouth says A. It is driven, file to file, with B; the same head saying B,
rendered, is the truth. Openings are read by the face mesh from the decoded output. Evaluation seeds start at
1,000,000 and are never trained on.
"""

import tempfile
import wave
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OptionError
from lipwright.evaluation.mouth import correlation, flicker, lag_curve, read_mouths, sharpness, spread
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.presenter.articulation import articulate
from lipwright.presenter.identity import draw_identity
from lipwright.presenter.motion import draw_motion
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.pose import Pose
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import SAMPLE_RATE, Speech, draw_speech, middle_of
from lipwright.progress import Progress

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

Pictures = list[NDArray[np.uint8]]

FIGURES = (
    "aperture_correlation",
    "lag_frames",
    "mismatched_correlation",
    "source_correlation",
    "ceiling_correlation",
    "range_ratio",
    "sharpness_ratio",
    "flicker_ratio",
    "leakage",
)
RATE = 25
SIZE = 384
SECONDS = 4.0
LAGS = 6
SILENT_S = 1.0  # of silence that each clip is driven with as well
SILENT_FILES = ("silence.wav", "silent.mp4")
STAGE = "evaluate clips"


@dataclass(frozen=True)
class ClipFigures:
    """Figures of one clip; see `evaluate_presenter` for their meaning."""

    seed: int
    frames: int
    frames_without_face: int
    aperture_correlation: float | None
    lag_frames: int | None
    mismatched_correlation: float | None
    source_correlation: float | None
    ceiling_correlation: float | None
    range_ratio: float | None
    sharpness_ratio: float | None
    flicker_ratio: float | None
    leakage: float | None


@dataclass(frozen=True)
class _Scene:
    """One person, one head motion, three speeches: the source's own, the one to say, one never heard here."""

    portrait: Portrait
    poses: list[Pose]
    own: Speech
    said: Speech
    other: Speech
    times: NDArray[np.float64]

    def mouth(self, speech: Speech) -> NDArray[np.float32]:
        """(n, 7) articulation of a speech at the frames' times."""
        return articulate(speech.phonemes, speech.samples, self.times)

    def frames(self, speech: Speech) -> list[NDArray[np.uint8]]:
        """The head with the mouth of a speech."""
        return [
            self.portrait.render(pose, mouth)
            for pose, mouth in zip(self.poses, self.mouth(speech), strict=True)
        ]

    def opening(self, speech: Speech) -> NDArray[np.float32]:
        """True opening of the mouth in px."""
        found = [
            self.portrait.aperture(pose, mouth)
            for pose, mouth in zip(self.poses, self.mouth(speech), strict=True)
        ]
        return np.asarray(found, np.float32)


def _scene(seed: int) -> _Scene:
    said = draw_speech(seed + 400_000, SECONDS)
    own, other = (
        middle_of(draw_speech(seed + offset, 3 * SECONDS), said.duration_s) for offset in (0, 800_000)
    )
    times = np.arange(max(1, round(said.duration_s * RATE))) / RATE
    portrait = Portrait(draw_identity(seed), SIZE)
    return _Scene(portrait, list(draw_motion(seed, times)), own, said, other, times)


def evaluate_presenter(
    engine: "Engine",
    clips: int,
    seed: int,
    options: SyncOptions | None = None,
    progress: Progress | None = None,
    keep: Path | None = None,
    sheet: Callable[[int, Pictures, Pictures, Pictures], None] | None = None,
) -> dict[str, object]:
    """Render, drive and measure `clips` clips from `seed` on.

    Returns means over the clips: `aperture_correlation` (opening in the output with the true opening of
    the speech), `lag_frames` (peak of the mean lag curve; positive: the picture is late),
    `mismatched_correlation` (with the truth of a speech that was not given), `source_correlation` (with the
    source's own mouth), `ceiling_correlation` (the mesh on the rendered truth), `range_ratio` (spread of the
    opening, 5 to 95 %, over the truth's), `sharpness_ratio` and `flicker_ratio` (mouth region, over the
    truth's), `leakage` (how far the mouth stays open in silence, see `leakage`), `clips`, and the same for
    each under `per_clip`. What cannot be measured (no face found, no motion) is None in its clip, and None as
    a mean when any clip lacks it: failures are not averaged away.
    Clips are kept under `keep` when given. Raises OptionError for a seed below 1,000,000.
    """
    if seed < EVALUATION_SEED:
        raise OptionError(
            f"evaluation seed {seed} may have been trained on; give one from {EVALUATION_SEED} up."
        )
    if clips < 1:
        raise OptionError(f"clips is {clips}, but must be 1 or more.")
    watch = Progress() if progress is None else progress
    settings = SyncOptions() if options is None else options
    watch.start(STAGE, clips)
    figures, curves = [], []
    for index in range(clips):
        with tempfile.TemporaryDirectory(prefix="lipwright-") as folder:
            place = Path(folder) if keep is None else keep
            place.mkdir(parents=True, exist_ok=True)
            clip, curve, pictures = _one(engine, seed + index, settings, place, watch)
        figures.append(clip)
        curves.append(curve)
        if sheet is not None:
            sheet(index, *pictures)
        watch.advance(STAGE)
    return _summary(figures, curves)


def _one(
    engine: "Engine", seed: int, options: SyncOptions, folder: Path, progress: Progress
) -> tuple[ClipFigures, NDArray[np.float64], tuple[Pictures, Pictures, Pictures]]:
    scene = _scene(seed)
    source, voice, out = (folder / f"{seed}-{name}" for name in ("source.mp4", "voice.wav", "synced.mp4"))
    save_clip(source, scene.frames(scene.own), RATE, _fitted(scene.own, scene.said), 16_000)
    _save_voice(voice, scene.said)
    job = Progress(cancel=progress.cancel)
    engine.sync(source, voice, out, replace(options, force=True), job)
    reader = engine.faces()
    shown = [frame.rgb() for frame in read_frames(out)]
    truth_pictures = scene.frames(scene.said)[: len(shown)]
    found, truth = read_mouths(shown, reader), read_mouths(truth_pictures, reader)
    said, own, other = (
        scene.opening(speech)[: len(shown)] for speech in (scene.said, scene.own, scene.other)
    )
    count = min(len(shown), len(said))
    aperture = found.aperture[:count]
    curve = lag_curve(aperture, said[:count], LAGS)
    figures = ClipFigures(
        seed=seed,
        frames=count,
        frames_without_face=int(np.isnan(aperture).sum()),
        aperture_correlation=_figure(correlation(aperture, said[:count])),
        lag_frames=_peak(curve),
        mismatched_correlation=_figure(correlation(aperture, other[:count])),
        source_correlation=_figure(correlation(aperture, own[:count])),
        ceiling_correlation=_figure(correlation(truth.aperture[:count], said[:count])),
        range_ratio=_ratio(spread(aperture), spread(truth.aperture[:count])),
        sharpness_ratio=_ratio(
            sharpness(found.grey[:count], truth.box[:count]), sharpness(truth.grey[:count], truth.box[:count])
        ),
        flicker_ratio=_ratio(
            flicker(found.grey[:count], truth.box[:count]), flicker(truth.grey[:count], truth.box[:count])
        ),
        leakage=_figure(leakage(*_silenced(engine, scene, source, options, job), truth.aperture[:count])),
    )
    source_pictures = [frame.rgb() for frame in read_frames(source)]
    return figures, curve, (source_pictures, shown, truth_pictures)


def _silenced(
    engine: "Engine", scene: _Scene, source: Path, options: SyncOptions, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the mesh reads of the first second driven with silence, and of the same head, rendered shut."""
    silence, out = (source.with_name(source.name.replace("source.mp4", end)) for end in SILENT_FILES)
    quiet = Speech(np.zeros(round(SILENT_S * SAMPLE_RATE), np.float32), ())
    _save_voice(silence, quiet)
    engine.sync(source, silence, out, replace(options, force=True), progress)
    shown = [frame.rgb() for frame in read_frames(out)]
    shut = scene.frames(quiet)[: len(shown)]
    found, closed = (read_mouths(pictures, engine.faces()).aperture for pictures in (shown, shut))
    return found[: len(closed)], closed[: len(found)]


def leakage(found: NDArray[np.float32], shut: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    """Mean opening in silence beyond that of a shut mouth, as a share of the range of openings in speech.

    found, shut: (n,) openings frame by frame, of the output and of the same head with its mouth shut; what
    lies below 0 counts as 0, frames without a face do not count. true: (m,) of the speech, range 5 to 95 %.
    NaN when no frame or no range is there. 0: shut in silence; 1: as wide open as in the loudest speech.
    """
    beyond = np.maximum(found - shut, 0)
    seen, whole = beyond[np.isfinite(beyond)], spread(true)
    return float(seen.mean() / whole) if len(seen) and whole > 0 else float("nan")


def _fitted(own: Speech, said: Speech) -> NDArray[np.float32]:
    """The source's own sound, cut or filled up to the length of the clip."""
    length = len(said.samples)
    return np.pad(own.samples[:length], (0, max(0, length - len(own.samples))))


def _save_voice(path: Path, speech: Speech) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(speech.samples, -1, 1) * 32767).astype("<i2").tobytes())


def _figure(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _ratio(found: float, true: float) -> float | None:
    return _figure(found / true) if true > 0 else None


def _peak(curve: NDArray[np.float64]) -> int | None:
    """The lag in frames at which a lag curve is highest; None when it has no value at all."""
    return None if np.isnan(curve).all() else int(np.nanargmax(curve)) - LAGS


def _summary(figures: list[ClipFigures], curves: list[NDArray[np.float64]]) -> dict[str, object]:
    per_clip = [asdict(clip) for clip in figures]
    result: dict[str, object] = {}
    for key in FIGURES:
        values = [clip[key] for clip in per_clip]
        result[key] = None if None in values else _figure(float(np.mean(values)))
    result["lag_frames"] = _peak(np.mean(curves, axis=0))
    result["clips"] = len(figures)
    result["per_clip"] = per_clip
    return result
