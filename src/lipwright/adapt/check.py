"""Is a clip good material? What is good and what is missing, in plain words."""

from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.adapt.synchrony import Synchrony
from lipwright.errors import MaterialError
from lipwright.faces.mesh import column
from lipwright.personal.head import STILL
from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, WIDTH
from lipwright.personal.seen import Seen

Floats = NDArray[np.float32]

SHORTEST_S = 3.0  # of usable frames
SHORT_S = 5.0
SMALLEST_PX, SMALL_PX = 80.0, 160.0  # face height, forehead to chin
EDGES, SOFT_EDGES = 0.1, 0.045  # width of the picture's edges against the mouth's: too blurred, and soft
SMOOTHED_PX = 1.0
TURNED_DEG = 40.0  # heads that are turned further most of the time show half a mouth
CLOSED, WIDE = 0.05, 0.2  # openings in mouth widths
ENOUGH = 5  # frames of a kind that count as having seen it
NOSE_DEPTH = 0.5  # how far the tip of a nose stands out, in distances of the outer eye corners


@dataclass(frozen=True)
class Finding:
    """One sentence about the material; good: no wish is open."""

    good: bool
    sentence: str


@dataclass(frozen=True)
class Material:
    """Figures of a clip. turned_deg: yaw that covers nine frames in ten, lowest and highest."""

    frames: int
    usable_s: float
    kept_frames: int
    face_px: float
    mouth_px: float
    edge_px: float
    turned_deg: tuple[float, float]
    closed_frames: int
    wide_frames: int
    poses: int
    synchrony: Synchrony | None
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For a report; correlations that were not found are None, for JSON has no NaN."""
        told = asdict(self)
        if self.synchrony is not None:
            found = told["synchrony"]
            told["synchrony"] |= {
                name: found[name] if np.isfinite(found[name]) else None for name in ("best", "chance")
            }
        return told


def check_size(face_px: float) -> None:
    """Raise MaterialError when a face is too small to learn from."""
    if face_px < SMALLEST_PX:
        raise MaterialError(
            f"The face is {face_px:.0f} px high, and at least {SMALLEST_PX:.0f} px are needed to learn a "
            "mouth; use a larger picture of the person."
        )


def yaw_deg(still: Floats) -> Floats:
    """(n,) about how far a head is turned aside, from its still points (n, S, 2), head px."""
    order = {int(col): number for number, col in enumerate(STILL)}
    left, right, tip = (still[:, order[column(point)]] for point in (33, 263, 4))
    across = (tip - (left + right) / 2)[:, 0] / np.linalg.norm(right - left, axis=1)
    return np.asarray(np.degrees(np.arctan(across / NOSE_DEPTH)), np.float32)


def edge_px(crop: NDArray[np.uint8]) -> float:
    """How wide the edges in a picture are, in px: what a further blur does to them tells it.

    The squared gradient of an edge falls as 1 / its width, and widths add in squares.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    more = max(1.5, crop.shape[1] / 40)
    # smoothed a little first, or the steps between whole grey levels would pass for sharp edges
    before, after = (
        _gradient(cv2.GaussianBlur(grey, (0, 0), sigma))
        for sigma in (SMOOTHED_PX, float(np.hypot(SMOOTHED_PX, more)))
    )
    share = min(after / max(before, 1e-6), 0.995)
    return float(np.sqrt(max(more**2 * share**2 / (1 - share**2) - SMOOTHED_PX**2, 0.01)))


def _gradient(grey: NDArray[Any]) -> float:
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())


def examine(library: Library, seen: Seen, rate: float, synchrony: Synchrony | None) -> Material:
    """Figures and findings. synchrony: None when the clip has no sound. Raises MaterialError for a clip from
    which nothing good can come.
    """
    usable = int(np.isfinite(seen.measures).all(axis=1).sum())
    mouth = float(np.median(library.measures[:, WIDTH]))
    openings = library.measures[:, OPENING] / mouth
    chosen = np.unique(np.linspace(0, len(library) - 1, 30).astype(int))
    poses = np.unique(np.rint(library.poses[:, :2]), axis=0, return_counts=True)[1]
    turned = yaw_deg(seen.still[np.isfinite(seen.measures).all(axis=1)])
    material = Material(
        frames=len(seen.measures),
        usable_s=round(usable / rate, 2),
        kept_frames=len(library),
        face_px=round(library.head.height, 1),
        mouth_px=round(mouth, 1),
        edge_px=round(float(np.median([edge_px(library.crops[k]) for k in chosen])), 2),
        turned_deg=(round(float(np.percentile(turned, 5)), 1), round(float(np.percentile(turned, 95)), 1)),
        closed_frames=int((openings < CLOSED).sum()),
        wide_frames=int((openings > WIDE).sum()),
        poses=int((poses >= ENOUGH).sum()),
        synchrony=synchrony,
    )
    _refuse(material, float(np.median(np.abs(turned))))
    material.findings.extend([*_picture(material), *_mouths(material), *_sound(synchrony, rate)])
    return material


def check_length(usable_s: float) -> None:
    """Raise MaterialError when too little of a face is seen."""
    if usable_s < SHORTEST_S:
        raise MaterialError(
            f"The face can be seen well for only {usable_s:.1f} s, and {SHORTEST_S:.0f} s are needed; "
            "use a longer clip of the person talking."
        )


def _refuse(material: Material, turned: float) -> None:
    if material.edge_px > EDGES * material.mouth_px:
        raise MaterialError(
            f"The picture is too blurred: edges are {material.edge_px:.1f} px wide, and for a mouth of "
            f"{material.mouth_px:.0f} px at most {EDGES * material.mouth_px:.1f} px will do; use a sharper "
            "clip."
        )
    if turned > TURNED_DEG:
        raise MaterialError(
            f"The head is turned aside by about {turned:.0f} degrees most of the time, and at most "
            f"{TURNED_DEG:.0f} will do; use a clip in which the person faces the camera."
        )


def _picture(material: Material) -> list[Finding]:
    large = material.face_px >= SMALL_PX
    sharp = material.edge_px <= SOFT_EDGES * material.mouth_px
    size = f"The face is {material.face_px:.0f} px high, the mouth {material.mouth_px:.0f} px wide"
    low, high = material.turned_deg
    long = material.usable_s >= SHORT_S
    return [
        Finding(
            large, f"{size}." if large else f"{size}; from {SMALL_PX:.0f} px of height on it looks better."
        ),
        Finding(
            sharp,
            f"Edges are {material.edge_px:.1f} px wide"
            + (": sharp." if sharp else ": soft; the new mouths will be as soft."),
        ),
        Finding(
            long,
            f"The face can be used for {material.usable_s:.1f} s, {material.kept_frames} frames are kept"
            + ("." if long else "; ten seconds and more cover more sounds."),
        ),
        Finding(True, f"The head turns between {low:.0f} and {high:.0f} degrees, in {material.poses} poses."),
    ]


def _mouths(material: Material) -> list[Finding]:
    closed, wide = material.closed_frames >= ENOUGH, material.wide_frames >= ENOUGH
    return [
        Finding(
            closed,
            f"The mouth is closed in {material.closed_frames} frames"
            + ("." if closed else "; add a moment of silence, or p, b, m and pauses will not close."),
        ),
        Finding(
            wide,
            f"It is wide open in {material.wide_frames} frames"
            + ("." if wide else "; add a sentence with open vowels, or none will be wide."),
        ),
    ]


def _sound(synchrony: Synchrony | None, rate: float) -> list[Finding]:
    if synchrony is None:
        return [
            Finding(
                False, "The clip has no sound: how this person speaks is not learned, only how they look."
            )
        ]
    if synchrony.in_sync is None:
        return [Finding(False, "There is too little speech to tell whether lips and sound belong together.")]
    figures = f"(a predictor reaches {synchrony.best:.2f}, chance {synchrony.chance:.2f})"
    if not synchrony.in_sync:
        return [Finding(False, f"Lips and sound do not belong together {figures}: the sound is left aside.")]
    late = synchrony.shift * 1000 / rate
    shift = "" if not synchrony.shift else f", the sound {abs(late):.0f} ms {'late' if late > 0 else 'early'}"
    return [Finding(True, f"Lips and sound belong together {figures}{shift}.")]
