"""What of the source's mouth leaks through: silence is said, so the mouth must be shut.

KeySync's LipLeak asks the same question ("silence in, mouth must close") with a threshold on its own points;
ours is told against the person's own range of opening, so that it does not depend on how a face is built.
"""

import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OptionError
from lipwright.evaluation.mouth import correlation, spread
from lipwright.evaluation.watch import SOUND_HZ, watch
from lipwright.options import SyncOptions
from lipwright.progress import Progress

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

Floats = NDArray[np.float32]

SECONDS = 5.0
SHORTEST_S = 0.4
SHUT_PERCENTILE = 5.0  # of the source's own openings: how the mesh reads this mouth when it is shut
OPEN = 0.15  # of the source's range: from here on a mouth counts as open
LEAST_RANGE = 0.02  # of the eyes' distance: a source that moves less says nothing about its range


def silent_figures(silent: Floats, source: Floats) -> dict[str, float | None]:
    """Figures of openings over the eyes' distance (NaN: no face), driven with silence and of the source.

    mean_opening: of the output. leakage: how far it is open beyond the source's shut mouth (5th percentile),
    as a share of the source's range (5 to 95 %). open_share: of frames open by more than 0.15 of that range.
    source_open_share: the same of the source itself, where nothing was done. leak_ratio: open_share over
    that, 1 when nothing closes and 0 when all does. source_correlation: with the source's own mouth.
    None: no frame with a face, or a source whose mouth hardly moves.
    """
    count = min(len(silent), len(source))
    found, own = silent[:count], source[:count]
    both = np.isfinite(found) & np.isfinite(own)
    names = ("leakage", "open_share", "source_open_share", "leak_ratio", "source_correlation")
    told: dict[str, float | None] = {"mean_opening": _mean(found), **dict.fromkeys(names)}
    if not both.any() or not spread(source) >= LEAST_RANGE:
        return told
    shut = float(np.nanpercentile(source, SHUT_PERCENTILE))
    beyond, before = ((values[both] - shut) / spread(source) for values in (found, own))
    open_share, before_share = float((beyond > OPEN).mean()), float((before > OPEN).mean())
    told["leakage"] = _rounded(float(np.maximum(beyond, 0).mean()))
    told["open_share"], told["source_open_share"] = _rounded(open_share), _rounded(before_share)
    told["leak_ratio"] = _rounded(open_share / before_share) if before_share else None
    told["source_correlation"] = _rounded(correlation(found, own))
    return told


def evaluate_leakage(
    engine: "Engine",
    video: Path,
    seconds: float = SECONDS,
    options: SyncOptions | None = None,
    progress: Progress | None = None,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Drive a video with silence through a model and measure how far the mouth is open in the output.

    seconds: of the video, from its start. keep: where the output is kept (an existing file is replaced).
    Raises OptionError for too short a time, and what `Engine.sync` raises.
    """
    if not seconds >= SHORTEST_S:
        raise OptionError(f"seconds is {seconds:g}, but must be {SHORTEST_S:g} or more.")
    watching = Progress() if progress is None else progress
    settings = SyncOptions(force=True) if options is None else options
    reader = engine.faces()
    source = watch(video, reader, watching)
    seconds = min(seconds, float(source.times_s[-1] + 1 / source.rate))
    with tempfile.TemporaryDirectory(prefix="lipwright-") as folder:
        silence = Path(folder) / "silence.wav"
        save_silence(silence, seconds)
        out = Path(folder) / "silent.mp4" if keep is None else keep
        report = engine.sync(video, silence, out, settings, watching)
        driven = watch(out, reader, Progress(cancel=watching.cancel))
    figures = silent_figures(driven.openings(), source.openings())
    return {
        "clip": str(video),
        "model": engine.bundle.name,
        "seconds": round(seconds, 3),
        "frames": len(driven),
        "faceless": driven.faceless,
        **figures,
        "warnings": report.warnings,
        "reason": "" if figures["leakage"] is not None else "the source's own mouth hardly moves",
    }


def save_silence(path: Path, seconds: float) -> None:
    """Silence as 16-bit WAV, mono, 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_HZ)
        file.writeframes(bytes(2 * round(seconds * SOUND_HZ)))


def _mean(values: Floats) -> float | None:
    seen = values[np.isfinite(values)]
    return _rounded(float(seen.mean())) if len(seen) else None


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
