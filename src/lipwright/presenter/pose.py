"""Where a presenter's head is and what the eyes and brows do at one moment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pose:
    """Head position and the parts of the face that speech does not move.

    Angles are radians: `yaw` > 0 turns the face to the image's right (useful range +-0.35), `pitch` > 0 nods
    down (+-0.2), `roll` > 0 tilts clockwise (+-0.12). `dx`, `dy` are shifts in face widths (+-0.08), right
    and down. `scale` is a factor (0.92..1.08). `blink_left`, `blink_right` go from 0 open to 1 shut, named by
    the image's side. `gaze_x`, `gaze_y` go from -1 to 1, right and down. `brow` goes from -1 lowered to 1
    raised.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    blink_left: float = 0.0
    blink_right: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    brow: float = 0.0
