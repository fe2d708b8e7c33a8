"""Followed faces whose points are known: nothing has to be looked at."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.evaluation.watch import Watched
from lipwright.faces.mesh import KEPT, columns
from lipwright.faces.track import FaceTrack
from lipwright.media.probe import probe_video

Floats = NDArray[np.floating]
EYES = 40.0  # px between the outer corners
RATE = 25


def points(
    opening: Floats, *, shift: float = 0.0, scale: float = 1.0, turn: float = 0.0
) -> NDArray[np.float32]:
    """(n, K, 2) of a face whose inner lips are `opening` (of EYES) apart; NaN: no face."""
    rng = np.random.default_rng(4)
    face = rng.uniform(-30, 30, (len(KEPT), 2))
    face[columns(33, 263)] = [(-EYES / 2, -20), (EYES / 2, -20)]
    found = np.repeat(face[None], len(opening), axis=0)
    upper, lower = columns(13, 14)
    found[:, upper] = (0, 20)
    found[:, lower, 0] = 0
    found[:, lower, 1] = 20 + np.asarray(opening) * EYES
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    found = scale * found @ turned.T + 60 + shift
    found[~np.isfinite(opening)] = np.nan
    return np.asarray(found, np.float32)


def watched(clip: Path, mesh: NDArray[np.float32], rate: float = RATE) -> Watched:
    """As if these points had been found in a clip."""
    track = FaceTrack(np.asarray(np.isfinite(mesh).all(axis=(1, 2)), np.bool_), mesh, ())
    return Watched(probe_video(clip), np.arange(len(mesh)) / rate, track)
