"""Sync that can be measured: presenters whose true mouth is known, driven through the whole path file to file.

Each clip shows one person whose own mouth says A. It is driven with B; the same head saying B, rendered, is the truth.
Openings are read by the face mesh from the decoded output. Evaluation seeds start at 1,000,000 and are never trained on.
"""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OptionError
from lipwright.evaluation.mouth import Mouths, correlation, flicker, lag_curve, read_mouths, sharpness
from lipwright.faces.detect import FaceReader
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.presenter.articulation import articulate
from lipwright.presenter.identity import draw_identity
from lipwright.presenter.motion import draw_motion
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.voice import Speech, draw_speech
from lipwright.progress import Progress

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

RATE = 25
SIZE = 384
SECONDS = 4.0
LAGS = 6
STAGE = "evaluate clips"


@dataclass(frozen=True)
class ClipFigures:
    """Figures of one clip; see `evaluate_presenter` for their meaning."""

    seed: int
    frames: int
    frames_without_face: int
    aperture_correlation: float
    lag_frames: int
    mismatched_correlation: float
    source_correlation: float
    ceiling_correlation: float
    range_ratio: float
    sharpness_ratio: float
    flicker_ratio: float


@dataclass(frozen=True)
class _Scene:
    """One person, one head motion, three speeches: the source's own, the one to say, and one never heard here."""

    portrait: Portrait
    poses: list[object]
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
            self.portrait.render(pose, mouth)  # type: ignore[arg-type]
            for pose, mouth in zip(self.poses, self.mouth(speech), strict=True)
        ]

    def opening(self, speech: Speech) -> NDArray[np.float32]:
        """True opening of the mouth in px."""
        found = [
            self.portrait.aperture(pose, mouth)  # type: ignore[arg-type]
            for pose, mouth in zip(self.poses, self.mouth(speech), strict=True)
        ]
        return np.asarray(found, np.float32)


def _scene(seed: int) -> _Scene:
    own, said, other = (draw_speech(seed + offset, SECONDS) for offset in (0, 400_000, 800_000))
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
    sheet: Callable[[int, list[NDArray[np.uint8]], list[NDArray[np.uint8]], list[NDArray[np.uint8]]], None] | None = None,
) -> dict[str, object]:
    """Render, drive and measure `clips` clips from `seed` on.

    Returns means over the clips: `aperture_correlation` (opening in the output with the true opening of the speech),
    `lag_frames` (peak of the mean lag curve; positive: the picture is late), `mismatched_correlation` (with the
    truth of a speech that was not given), `source_correlation` (with the source's own mouth), `ceiling_correlation` (the
    mesh on the rendered truth), `range_ratio` (spread of the opening, 5 to 95 %, over the truth's), `sharpness_ratio`
    and `flicker_ratio` (mouth region, over the truth's), `clips`, and the same for each under `per_clip`.
    Clips are kept under `keep` when given. Raises OptionError for a seed below 1,000,000.
    """
    if seed < EVALUATION_SEED:
        raise OptionError(f"evaluation seed {seed} may have been trained on; give one from {EVALUATION_SEED} up.")
    if clips < 1:
        raise OptionError(f"clips is {clips}, but must be 1 or more.")
    watch = Progress() if progress is None else progress
    watch.start(STAGE, clips)
    figures, curves = [], []
    for index in range(clips):
        with tempfile.TemporaryDirectory(prefix="lipwright-") as folder:
            place = Path(folder) if keep is None else keep
            place.mkdir(parents=True, exist_ok=True)
            clip, curve, pictures = _one(engine, seed + index, options or SyncOptions(), place, watch)
        figures.append(clip)
        curves.append(curve)
        if sheet is not None:
            sheet(index, *pictures)
        watch.advance(STAGE)
    return _summary(figures, curves)


def _one(
    engine: "Engine", seed: int, options: SyncOptions, folder: Path, progress: Progress
) -> tuple[ClipFigures, NDArray[np.float64], tuple[list[NDArray[np.uint8]], ...]]:
    scene = _scene(seed)
    source, voice, out = (folder / f"{seed}-{name}" for name in ("source.mp4", "voice.wav", "synced.mp4"))
    save_clip(source, scene.frames(scene.own), RATE, _fitted(scene.own, scene.said), 16_000)
    _save_voice(voice, scene.said)
    job = Progress(cancel=progress.cancel)
    engine.sync(source, voice, out, SyncOptions(**{**asdict(options), "force": True}), job)
    reader = engine.faces()
    shown = [frame.rgb() for frame in read_frames(out)]
    truth_pictures = scene.frames(scene.said)[: len(shown)]
    found, truth = _read(shown, reader), _read(truth_pictures, reader)
    said, own, other = (scene.opening(speech)[: len(shown)] for speech in (scene.said, scene.own, scene.other))
    count = min(len(shown), len(said))
    aperture = found.aperture[:count]
    curve = lag_curve(aperture, said[:count], LAGS)
    figures = ClipFigures(
        seed=seed,
        frames=count,
        frames_without_face=int(np.isnan(aperture).sum()),
        aperture_correlation=correlation(aperture, said[:count]),
        lag_frames=int(np.nanargmax(curve)) - LAGS,
        mismatched_correlation=correlation(aperture, other[:count]),
        source_correlation=correlation(aperture, own[:count]),
        ceiling_correlation=correlation(truth.aperture[:count], said[:count]),
        range_ratio=_spread(aperture) / _spread(truth.aperture[:count]),
        sharpness_ratio=sharpness(found.grey, truth.box[: len(shown)]) / sharpness(truth.grey, truth.box),
        flicker_ratio=flicker(found.grey, truth.box[: len(shown)]) / flicker(truth.grey, truth.box),
    )
    source_pictures = [frame.rgb() for frame in read_frames(source)]
    return figures, curve, (source_pictures, shown, truth_pictures)


def _read(frames: list[NDArray[np.uint8]], reader: FaceReader) -> Mouths:
    return read_mouths(frames, reader)


def _fitted(own: Speech, said: Speech) -> NDArray[np.float32]:
    """The source's own sound, cut or filled up to the length of the clip."""
    length = len(said.samples)
    return np.pad(own.samples[:length], (0, max(0, length - len(own.samples))))


def _save_voice(path: Path, speech: Speech) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(speech.samples, -1, 1) * 32767).astype("<i2").tobytes())


def _spread(aperture: NDArray[np.float32]) -> float:
    low, high = np.nanpercentile(aperture, [5, 95])
    return float(high - low)


def _summary(figures: list[ClipFigures], curves: list[NDArray[np.float64]]) -> dict[str, object]:
    per_clip = [asdict(clip) for clip in figures]
    result: dict[str, object] = {}
    for key in ("aperture_correlation", "lag_frames", "mismatched_correlation", "source_correlation", "ceiling_correlation",
                "range_ratio", "sharpness_ratio", "flicker_ratio"):  # fmt: skip
        result[key] = round(float(np.nanmean([float(clip[key]) for clip in per_clip])), 4)
    result["lag_frames"] = int(np.nanargmax(np.nanmean(curves, axis=0))) - LAGS
    result["clips"] = len(figures)
    result["per_clip"] = per_clip
    return result


