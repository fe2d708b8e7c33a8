"""Landmark distance (LMD): how far the lips of a generated clip lie from those of the true one."""

from pathlib import Path
from typing import Any

import numpy as np

from lipwright.errors import NoFaceError
from lipwright.evaluation.mouth import correlation
from lipwright.evaluation.watch import Watched, check_sizes, common_length, watch
from lipwright.faces.detect import FaceReader
from lipwright.faces.mesh import INNER_LIPS, OUTER_LIPS, columns
from lipwright.media.probe import probe_video
from lipwright.personal.head import STILL, apply, similarity
from lipwright.progress import Progress


def evaluate_landmarks(
    reference: Path,
    generated: Path,
    reader: FaceReader,
    *,
    shorter: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures of two clips, frame by frame; see `landmark_figures`. Raises OptionError for clips that differ
    in size, or in length without `shorter`; NoFaceError for one without a face.
    """
    check_sizes(probe_video(reference), probe_video(generated))
    true, made = (watch(clip, reader, progress) for clip in (reference, generated))
    count = common_length(reference, generated, (len(true), len(made)), shorter=shorter)
    figures = landmark_figures(true, made, count)
    if figures["frames_compared"] == 0:
        raise NoFaceError(
            f"No frame shows a face in both {reference} and {generated}; give two clips of one person."
        )
    return {"reference": str(reference), "generated": str(generated), **figures}


def landmark_figures(true: Watched, made: Watched, count: int) -> dict[str, Any]:
    """Of the first `count` frames of both.

    lmd_px: mean distance of the 40 lip points after the generated head was laid on the true one (similarity
    by eyes, nose and temples, which do not speak). lmd: the same over the distance of the outer eye corners.
    lmd_unaligned_px: without laying on. opening_correlation: of the two openings over time. faceless_*:
    frames without a face in the true, in the generated clip; they are left out of the means, and counted.
    """
    lips = columns(*OUTER_LIPS, *INNER_LIPS)
    a, b = true.track.points[:count], made.track.points[:count]
    both = true.track.present[:count] & made.track.present[:count]
    laid, plain, shares = [], [], []
    eyes = true.eyes_px()
    for index in np.flatnonzero(both):
        matrix = similarity(b[index : index + 1, STILL], a[index, STILL])
        moved = apply(matrix, b[index : index + 1, lips])[0]
        distance = float(np.linalg.norm(moved - a[index, lips], axis=1).mean())
        laid.append(distance)
        shares.append(distance / float(eyes[index]))
        plain.append(float(np.linalg.norm(b[index, lips] - a[index, lips], axis=1).mean()))
    openings = correlation(true.openings()[:count], made.openings()[:count])
    return {
        "frames": count,
        "frames_compared": int(both.sum()),
        "faceless_reference": int((~true.track.present[:count]).sum()),
        "faceless_generated": int((~made.track.present[:count]).sum()),
        "lmd": _mean(shares),
        "lmd_px": _mean(laid),
        "lmd_unaligned_px": _mean(plain),
        "opening_correlation": round(openings, 4) if np.isfinite(openings) else None,
    }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
