"""What a track says about a head that is to get another mouth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.track import FaceTrack
from lipwright.personal.head import MOVING, STILL, Head, apply
from lipwright.personal.measures import measure

Floats = NDArray[np.float32]

QUICK = (0.12, 0.76, 0.12)  # smoothing of the mouth over neighbouring frames


@dataclass(frozen=True)
class Seen:
    """Of n frames, NaN where there is no face. to_head: (n, 2, 3) frame px -> head px. moving: (n, M, 2),
    still: (n, S, 2) points, head px. poses: (n, POSES). measures: (n, 3).
    """

    to_head: Floats
    moving: Floats
    still: Floats
    poses: Floats
    measures: Floats

    def at(self, frames: NDArray[np.integer] | slice) -> "Seen":
        """The same of some frames, in that order."""
        return Seen(
            *(value[frames] for value in (self.to_head, self.moving, self.still, self.poses, self.measures))
        )


def look_at(head: Head, track: FaceTrack) -> Seen:
    """The head from steadied points, the mouth from quick ones: lips close within a frame, heads do not."""
    steady = track.smoothed()
    present = track.present
    to_head = np.full((len(steady), 2, 3), np.nan, np.float32)
    still = np.full((len(steady), len(STILL), 2), np.nan, np.float32)
    whole = np.full(steady.shape, np.nan, np.float32)
    if present.any():
        to_head[present] = head.matrices(steady[present])
        still[present] = apply(to_head[present], steady[present][:, STILL])
        whole[present] = apply(to_head[present], track.points[present])
    for start, stop in track.runs():
        whole[start:stop] = _quick(whole[start:stop])
    return Seen(to_head, whole[:, MOVING], still, head.poses(still), measure(whole))


def _quick(points: Floats) -> Floats:
    """Points (m, K, 2) of one run with the worst of the mesh's trembling taken out."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    return np.asarray(QUICK[0] * padded[:-2] + QUICK[1] * points + QUICK[2] * padded[2:], np.float32)
