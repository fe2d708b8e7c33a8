"""Figures for ears: synthetic speech whose articulation is known, and clips of people whose mouth is seen."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipwright.errors import OptionError
from lipwright.evaluation.mouth import correlation
from lipwright.faces.detect import Face, FaceReader
from lipwright.media.frames import read_frames
from lipwright.media.samples import read_samples
from lipwright.presenter.articulation import articulate
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import PAUSE, VISEMES, segments, viseme_track
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import Speech, draw_speech
from lipwright.speech.mouth_track import ROWS_PER_S, MouthTrack
from lipwright.speech.personal import fit_personal, general_opening

Hear = Callable[[NDArray[np.float32]], MouthTrack]
Floats = NDArray[np.floating]

SECONDS = 6.0
SHUT = 0.5  # press and tuck count as done from here on
NEAR_S = 0.04  # around a sound, where its closure may be
FALSE_S = 0.06  # a closure further from every p, b, m is a false one
PAUSE_S = 0.4  # silence is judged in pauses longer than this,
EDGES_S = (0.12, 0.3)  # without their edges, where mouths still close and already open
DRIFT_S = 1.0
LAST = 0.75  # the part of a clip from here on is held out from fitting
CHANCE = 97.5  # percentile of correlations with the picture shifted far away
UPPER_LIP, LOWER_LIP, OUTER_EYES = 13, 14, (33, 263)


@dataclass(frozen=True)
class SpeechFigures:
    """Held-out synthetic speech. measures: correlation with the truth by name; visemes: share right.

    press, tuck: (found, true) shares of closures for p b m and of tucks for f v that are heard, and of those
    heard that are real. silence: mean jaw in pauses; speech: in speech.
    """

    visemes: float
    measures: dict[str, float]
    press: tuple[float, float]
    tuck: tuple[float, float]
    silence: float
    speech: float


@dataclass(frozen=True)
class ClipFigures:
    """Correlations with the true opening, slow drift removed: whole clip and last quarter.

    jaw: of the ears' jaw; general: of the general opening; personal: of the opening learned on the first
    three quarters, so its whole-clip figure is not held out. chance: 97.5 % of what the jaw reaches with the
    picture shifted far away; best_shift: frames that the sound is late by the test against shifts.
    """

    frames: int
    jaw: tuple[float, float]
    general: tuple[float, float]
    personal: tuple[float, float]
    chance: float
    best_shift: int


def speech_figures(hear: Hear, speeches: Sequence[Speech]) -> SpeechFigures:
    """Figures over all given speeches together."""
    found, true, hits, press, tuck, silent, spoken = [], [], [], [], [], [], []
    for speech in speeches:
        track = hear(speech.samples)
        times = (np.arange(len(track)) + 0.5) / ROWS_PER_S
        kinds = viseme_track(speech.phonemes, times)
        found.append(track.measures)
        true.append(articulate(speech.phonemes, speech.samples, times))
        hits.append(track.visemes.argmax(axis=1) == kinds)
        press.append(_closures(track.one("press", times), times, speech, "PP"))
        tuck.append(_closures(track.one("tuck", times), times, speech, "FF"))
        silent.append(track.one("jaw", times)[_pauses(speech, times)])
        spoken.append(track.one("jaw", times)[kinds > 0])
    a, b = np.concatenate(found), np.concatenate(true)
    return SpeechFigures(
        visemes=float(np.concatenate(hits).mean()),
        measures={name: correlation(a[:, k], b[:, k]) for k, name in enumerate(PARAMETERS)},
        press=_shares(press),
        tuck=_shares(tuck),
        silence=float(np.concatenate(silent).mean()),
        speech=float(np.concatenate(spoken).mean()),
    )


def held_out_speeches(count: int, seed: int = EVALUATION_SEED) -> list[Speech]:
    """Texts and voices of evaluation seeds. Raises OptionError for a seed below them."""
    if seed < EVALUATION_SEED:
        raise OptionError(
            f"evaluation seed {seed} may have been trained on; give one from {EVALUATION_SEED} up."
        )
    return [draw_speech(seed + 13 * index, SECONDS) for index in range(count)]


def _closures(track: Floats, times: Floats, speech: Speech, name: str) -> NDArray[np.int64]:
    """(sounds of that viseme, those with a closure, closures heard, those near such a sound)."""
    spans = [(s.start_s, s.end_s) for s in segments(speech.phonemes) if VISEMES[s.viseme] == name]
    met = 0
    for start, end in spans:
        near = (times >= start - NEAR_S) & (times <= end + NEAR_S)
        met += int(near.any() and bool((track[near] >= SHUT).any()))
    shut = np.concatenate([[False], track >= SHUT, [False]])
    edges = np.flatnonzero(shut[1:] != shut[:-1]).reshape(-1, 2)
    real = sum(
        any(times[a] <= end + FALSE_S and times[b - 1] >= start - FALSE_S for start, end in spans)
        for a, b in edges
    )
    return np.array([len(spans), met, len(edges), real])


def _shares(counts: list[NDArray[np.int64]]) -> tuple[float, float]:
    sounds, met, heard, real = np.sum(counts, axis=0)
    return float(met / max(sounds, 1)), float(real / max(heard, 1))


def _pauses(speech: Speech, times: Floats) -> NDArray[np.bool_]:
    inside = np.zeros(len(times), bool)
    for label, start, end in speech.phonemes:
        if label == PAUSE and end - start > PAUSE_S:
            inside |= (times > start + EDGES_S[0]) & (times < end - EDGES_S[1])
    return inside


def openings(video: Path, reader: FaceReader) -> tuple[Floats, Floats]:
    """(f,) times in seconds and openings over the distance of the outer eye corners, NaN without a face."""
    previous: list[Face] = []
    times, found = [], []
    for frame in read_frames(video):
        previous = list(reader.read(frame.rgb(), previous))[:1]
        times.append(float(frame.time_s))
        if previous:
            points = previous[0].points
            eyes = np.linalg.norm(points[OUTER_EYES[0]] - points[OUTER_EYES[1]])
            found.append(float(np.linalg.norm(points[UPPER_LIP] - points[LOWER_LIP]) / eyes))
        else:
            found.append(float("nan"))
    return np.asarray(times), np.asarray(found)


def clip_figures(track: MouthTrack, times: Floats, opening: Floats, shift: int = 0) -> ClipFigures:
    """Ears against a seen mouth. shift: frames that the sound is late (its effect is taken out)."""
    step = float(np.median(np.diff(times)))
    at = times + shift * step
    rate, count = 1 / step, len(times)
    truth = _steady(opening, rate)
    jaw = track.one("jaw", at).astype(np.float64)
    last = int(LAST * count)
    person = fit_personal(track, at[:last], opening[:last])

    def both(found: Floats) -> tuple[float, float]:
        steady = _steady(found, rate)
        return correlation(steady, truth), correlation(steady[last:], truth[last:])

    far = range(round(rate), count - round(rate), 3)
    chance = [correlation(np.roll(_steady(jaw, rate), k), truth) for k in far]
    shifts = {k: fit_personal(track, times + k * step, opening).general for k in range(-4, 5)}
    return ClipFigures(
        frames=count,
        jaw=both(jaw),
        general=both(general_opening(track, at)),
        personal=both(person.opening(track, at)),
        chance=float(np.percentile(chance, CHANCE)) if chance else float("nan"),
        best_shift=max(shifts, key=lambda k: shifts[k]),
    )


def _steady(values: Floats, rate: float) -> NDArray[np.float64]:
    """Without slow drift; frames without a face stay NaN."""
    seen = np.isfinite(values)
    filled = np.interp(np.arange(len(values)), np.flatnonzero(seen), values[seen])
    steady = filled - gaussian_filter1d(filled, DRIFT_S * rate, mode="nearest")
    return np.where(seen, steady, np.nan)


def evaluate_ears(
    hear: Hear, speeches: Sequence[Speech], clips: Sequence[Path], reader: FaceReader | None
) -> dict[str, object]:
    """Everything as plain values: `speech`, and one entry per clip by its file name."""
    figures: dict[str, object] = {"speech": asdict(speech_figures(hear, speeches))}
    for clip in clips:
        if reader is None:
            raise OptionError("clips need a face reader.")
        times, opening = openings(clip, reader)
        if np.isfinite(opening).sum() < 25:
            raise OptionError(
                f"{clip} shows a face in fewer than 25 frames; give a clip of somebody talking."
            )
        figures[clip.name] = asdict(clip_figures(hear(read_samples(clip)), times, opening))
    return figures
