"""Pass 1 over a video: who is the largest face, where it is in each frame, and where shots begin."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import NoFaceError
from lipwright.faces import align
from lipwright.faces.detect import Face, FaceReader, Image, Points
from lipwright.faces.mesh import KEPT, column, keep
from lipwright.faces.shots import CutFinder
from lipwright.progress import Progress

STAGE = "track"
SEARCH_EVERY = 50  # frames between looks for people who came in
BRIDGE = 3  # gaps of up to so many frames are filled by straight lines
REACH = 2  # frames to each side that smoothing looks at
SMOOTHING = np.exp(-0.5 * np.arange(-REACH, REACH + 1, dtype=np.float64) ** 2)  # Gaussian, sigma 1 frame
SAME_PLACE = 0.8  # a face closer to a person's last place than this (in face sizes) is that person
SAME_SIZE = 1.6  # and not larger or smaller than by this factor
LARGEST_BLOCK = 512  # frames of points that are stored together
JUMP_FACES = 0.06  # a head that moves further in one frame (in face sizes), and
PROMINENT = 0.15  # of the main person's area over time: who has less is in the background
JUMP_RATIO = 4.0  # so many times further than in the frames around, was cut


@dataclass(frozen=True)
class FaceTrack:
    """One face through a video of n frames; about 1.2 kB a frame.

    present: (n,) bool. points: (n, K, 2) float32 raw mesh points `mesh.KEPT` in frame px, NaN where absent.
    cuts: sorted frame numbers at which a new shot starts (0 is not listed). people: faces seen in all.
    bridged: frames that were filled in because the face was lost for a moment. prominent: people that a
    viewer would take for the speaker, the most of any shot.
    """

    present: NDArray[np.bool_]
    points: NDArray[np.float32]
    cuts: tuple[int, ...]
    people: int = 1
    bridged: int = 0
    prominent: int = 1

    def __len__(self) -> int:
        return len(self.present)

    def first(self, count: int) -> "FaceTrack":
        """The track of the first `count` frames; people and bridged frames as counted over all."""
        cuts = tuple(cut for cut in self.cuts if cut < count)
        return replace(self, present=self.present[:count], points=self.points[:count], cuts=cuts)

    def runs(self) -> list[tuple[int, int]]:
        """(start, stop) of each stretch of frames with the face and without a cut inside."""
        starts = set(self.cuts)
        found: list[tuple[int, int]] = []
        begin: int | None = None
        for index, here in enumerate(self.present.tolist()):
            if begin is not None and (not here or index in starts):
                found.append((begin, index))
                begin = None
            if here and begin is None:
                begin = index
        if begin is not None:
            found.append((begin, len(self)))
        return found

    def smoothed(self) -> NDArray[np.float32]:
        """Points under a Gaussian over +-2 frames, never across cuts or gaps; shorter at run ends."""
        out = self.points.copy()
        for start, stop in self.runs():
            out[start:stop] = _smooth(self.points[start:stop])
        return out

    def smoothed_at(self, frame: int) -> NDArray[np.float32]:
        """One frame of `smoothed`, (K, 2), without a copy of the whole track: for a stream of frames."""
        start, stop = max(0, frame - REACH), min(len(self), frame + REACH + 1)
        for cut in self.cuts:
            if start < cut <= frame:
                start = cut
            elif frame < cut < stop:
                stop = cut
        around = np.arange(start, stop)
        absent = around[~self.present[start:stop]]
        start = int(absent[absent < frame].max(initial=start - 1)) + 1
        stop = int(absent[absent > frame].min(initial=stop))
        return np.asarray(_smooth(self.points[start:stop])[frame - start], np.float32)

    def anchors(self, template: align.Template) -> NDArray[np.float32]:
        """The three raw points (n, 3, 2) that a template is fitted to, NaN where absent."""
        return align.anchors(self.points, template)

    def heights(self) -> NDArray[np.float32]:
        """Face heights (n,) in px, forehead to chin, NaN where absent."""
        spans = self.points[:, column(152)] - self.points[:, column(10)]
        return np.asarray(np.linalg.norm(spans, axis=1), np.float32)

    def report(self) -> dict[str, object]:
        """Figures for a job's report."""
        return {
            "frames": len(self),
            "frames_with_face": int(self.present.sum()),
            "frames_bridged": self.bridged,
            "runs": len(self.runs()),
            "cuts": list(self.cuts),
            "people": self.people,
            "face_height_px": round(float(np.median(self.heights()[self.present])), 1),
        }


class _Rows:
    """Kept points of frame after frame, in a few large blocks.

    One small array a frame would settle in the gaps that pictures leave in the heap, so that later pictures
    no longer fit there, and a long video would take more memory than a short one.
    """

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.float32]] = []
        self._free = 0

    def append(self, points: Points) -> None:
        """Add one frame's (K, 2)."""
        if not self._free:
            self._free = min(8 << len(self._blocks), LARGEST_BLOCK)
            self._blocks.append(np.empty((self._free, *points.shape), np.float32))
        self._blocks[-1][len(self._blocks[-1]) - self._free] = points
        self._free -= 1

    def array(self) -> NDArray[np.float32]:
        """All rows, (n, K, 2)."""
        joined = np.concatenate(self._blocks)
        return joined[: len(joined) - self._free]


@dataclass(eq=False)
class _Person:
    """Everything seen of one person within one shot."""

    frames: "array[int]" = field(default_factory=lambda: array("q"))
    points: _Rows = field(default_factory=_Rows)
    sizes: "array[float]" = field(default_factory=lambda: array("d"))
    place: Points = field(default_factory=lambda: np.zeros(2, np.float32))

    def add(self, frame: int, face: Face) -> None:
        self.frames.append(frame)
        self.points.append(keep(face.points))
        self.sizes.append(_size(face))
        self.place = _place(face)

    def fits(self, face: Face) -> float:
        """Distance to a face in face sizes, infinite when it cannot be this person."""
        size, last = _size(face), self.sizes[-1]
        if not 1 / SAME_SIZE < size / last < SAME_SIZE:
            return float("inf")
        distance = float(np.linalg.norm(_place(face) - self.place)) / max(size, last)
        return distance if distance < SAME_PLACE else float("inf")

    @property
    def weight(self) -> float:
        """Total area over time: what makes a face the main one."""
        return float(np.square(self.sizes).sum())


def follow_face(
    frames: Iterable[Image],
    reader: FaceReader,
    *,
    progress: Progress | None = None,
    total: int | None = None,
    search_every: int = SEARCH_EVERY,
    face: int | None = None,
) -> FaceTrack:
    """Track the face that is largest over the video, or the `face`-th prominent one from the left.

    frames: (h, w, 3) uint8 RGB in display order, read once. total: number of frames if known, for progress.
    Raises NoFaceError when no frame shows a face, Cancelled through `progress`.
    Without knowledge of identities, each shot's largest face is taken to be the speaker.
    """
    watch = Progress() if progress is None else progress
    watch.start(STAGE, total)
    finder = CutFinder()
    shots: list[list[_Person]] = [[]]
    previous: list[Face] = []
    count = 0
    for index, rgb in enumerate(frames):
        if finder.step(rgb):
            shots.append([])
            previous = []
        previous = reader.read(rgb, previous, search=index % search_every == 0)
        _assign(shots[-1], index, previous)
        count = index + 1
        watch.advance(STAGE)
    casts = [_cast(shot) for shot in shots]
    prominent = max(len(cast) for cast in casts)
    if face is not None and prominent and face > prominent:
        raise NoFaceError(
            f"Face {face} was asked for, but the video shows no more than {prominent} people at a time; give "
            "a smaller number, counted from the left."
        )
    chosen = [part for cast in casts for part in _choice(cast, face)]
    if not chosen:
        raise NoFaceError(
            f"No face was found in any of the {count} frames of the video; "
            "use a video in which a face looks towards the camera."
        )
    return _build(count, chosen, finder.cuts, max(len(shot) for shot in shots), prominent)


def _build(count: int, chosen: list[_Person], cuts: list[int], people: int, prominent: int) -> FaceTrack:
    present = np.zeros(count, bool)
    points = np.full((count, len(KEPT), 2), np.nan, np.float32)
    for person in chosen:
        present[list(person.frames)] = True
        points[list(person.frames)] = person.points.array()
    bridged = _bridge(present, points, cuts)
    jumps = _jumps(present, points)
    return FaceTrack(present, points, tuple(sorted({*cuts, *jumps})), people, bridged, prominent)


def _assign(people: list[_Person], frame: int, faces: list[Face]) -> None:
    """Give each face of a frame to the nearest person who fits, or to a new one."""
    pairs = sorted(
        (person.fits(face), who, which)
        for who, person in enumerate(people)
        for which, face in enumerate(faces)
    )
    free_people, free_faces = set(range(len(people))), set(range(len(faces)))
    for distance, who, which in pairs:
        if distance < float("inf") and who in free_people and which in free_faces:
            people[who].add(frame, faces[which])
            free_people.discard(who)
            free_faces.discard(which)
    for which in sorted(free_faces):
        newcomer = _Person()
        newcomer.add(frame, faces[which])
        people.append(newcomer)


def _cast(pieces: list[_Person]) -> list[list[_Person]]:
    """The prominent people of a shot, each as their pieces, the heaviest first."""
    left, found = list(pieces), []
    while left:
        main = _main_person(left)
        left = [piece for piece in left if piece not in main]
        found.append(main)
    weights = [sum(piece.weight for piece in person) for person in found]
    return [p for p, weight in zip(found, weights, strict=True) if weight >= PROMINENT * weights[0]]


def _choice(cast: list[list[_Person]], face: int | None) -> list[_Person]:
    """The pieces of one of a shot's people: the heaviest, or the `face`-th from the left, if there is one."""
    if face is None or not cast:
        return cast[0] if cast else []
    from_left = sorted(cast, key=lambda person: float(np.mean([piece.place[0] for piece in person])))
    return from_left[face - 1] if face <= len(from_left) else []


def _main_person(people: list[_Person]) -> list[_Person]:
    """The heaviest person of a shot, with later or earlier pieces that can only be the same one."""
    if not people:
        return []
    ranked = sorted(people, key=lambda person: -person.weight)
    chosen = [ranked[0]]
    taken = set(ranked[0].frames)
    usual = float(np.median(ranked[0].sizes))
    for other in ranked[1:]:
        alike = 1 / SAME_SIZE < float(np.median(other.sizes)) / usual < SAME_SIZE
        if alike and taken.isdisjoint(other.frames):
            chosen.append(other)
            taken.update(other.frames)
    return chosen


def _bridge(present: NDArray[np.bool_], points: NDArray[np.float32], cuts: list[int]) -> int:
    """Fill gaps of up to BRIDGE frames in place by straight lines; returns the number of frames filled."""
    seen = np.flatnonzero(present).tolist()
    filled = 0
    for before, after in pairwise(seen):
        gap = after - before - 1
        if not 0 < gap <= BRIDGE or any(before < cut <= after for cut in cuts):
            continue
        size = np.ptp(points[before], axis=0).max()
        if np.abs(points[after] - points[before]).mean() > 0.5 * size:
            continue
        for index in range(before + 1, after):
            share = np.float32((index - before) / (after - before))
            points[index] = (1 - share) * points[before] + share * points[after]
            present[index] = True
            filled += 1
    return filled


def _jumps(present: NDArray[np.bool_], points: NDArray[np.float32]) -> list[int]:
    """Frames at which the head jumps though the picture does not (jump cuts before one backdrop)."""
    if len(present) < 2:
        return []
    places = points[:, [column(33), column(263), column(168)]].mean(axis=1)
    sizes = np.linalg.norm(points[:, column(152)] - points[:, column(10)], axis=1)
    steps = np.zeros(len(present))
    steps[1:] = np.linalg.norm(np.diff(places, axis=0), axis=1) / np.maximum(sizes[1:], 1)
    both = present.copy()
    both[1:] &= present[:-1]
    both[0] = False
    steps[~both] = 0
    found = []
    for index in np.flatnonzero(steps > JUMP_FACES).tolist():
        around = [steps[k] for k in range(max(1, index - 3), min(len(steps), index + 4)) if k != index]
        if steps[index] > JUMP_RATIO * max(around, default=0.0):
            found.append(index)
    return found


def _smooth(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """(m, K, 2) under SMOOTHING, weights renormalised where the window sticks out."""
    total = np.zeros(points.shape, np.float64)
    weight = np.zeros((len(points), 1, 1))
    for shift, share in zip(range(-REACH, REACH + 1), SMOOTHING.tolist(), strict=True):
        here = slice(max(0, -shift), min(len(points), len(points) - shift))
        there = slice(max(0, shift), min(len(points), len(points) + shift))
        if here.start >= here.stop:
            continue
        total[here] += share * points[there]
        weight[here] += share
    return (total / weight).astype(np.float32)


def _size(face: Face) -> float:
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1])


def _place(face: Face) -> Points:
    return np.array([(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2], np.float32)
