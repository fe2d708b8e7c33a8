"""Where things stand in the frame: the head's motion and the jaw's, forwards and backwards."""

from dataclasses import dataclass

import numpy as np

from lipwright.presenter.canvas import EYES_OF_FRAME, UNIT_OF_FRAME, Map
from lipwright.presenter.mouth import Lips
from lipwright.presenter.pose import Pose

PIVOT_Y = 1.0
"""The head tilts and grows about this height on its middle line, in face units."""

BACK = -0.30
"""Depth of the hair behind the neck."""


@dataclass(frozen=True)
class Stance:
    """Head motion at one moment: frame pixels to face units without the turn of the head, and back."""

    size: int
    pose: Pose

    @property
    def unit_px(self) -> float:
        """Pixels per face unit."""
        return self.size * UNIT_OF_FRAME * self.pose.scale

    def _middle(self) -> tuple[float, float]:
        at_rest = self.size * UNIT_OF_FRAME
        x = 0.5 * self.size - 0.5 + 2.0 * self.pose.dx * at_rest
        y = EYES_OF_FRAME * self.size - 0.5 + (PIVOT_Y + 2.0 * self.pose.dy) * at_rest
        return x, y

    def still(self) -> tuple[Map, Map]:
        """Face units (h, w), (h, w) of every pixel, head tilted and shifted back but not yet turned back."""
        middle_x, middle_y = self._middle()
        steps = np.arange(self.size, dtype=np.float32)
        u, v = (
            (steps - np.float32(middle_x)) / np.float32(self.unit_px),
            (steps - np.float32(middle_y)) / np.float32(self.unit_px),
        )
        cos, sin = np.float32(np.cos(self.pose.roll)), np.float32(np.sin(self.pose.roll))
        return u[None, :] * cos + v[:, None] * sin, v[:, None] * cos - u[None, :] * sin + np.float32(PIVOT_Y)

    def shoulders(self) -> tuple[Map, Map]:
        """Face units of every pixel for the shoulders, which follow the head only a little."""
        at_rest = self.size * UNIT_OF_FRAME
        grow = 1.0 + 0.6 * (self.pose.scale - 1.0)
        steps = np.arange(self.size, dtype=np.float32)
        x = (steps - np.float32(0.5 * self.size - 0.5)) / np.float32(at_rest * grow) - np.float32(
            0.5 * self.pose.dx
        )
        y = (steps - np.float32((0.5 * self.size) - 0.5)) / np.float32(at_rest * grow) - np.float32(
            0.6 * self.pose.dy
        )
        y = y + np.float32((0.5 - EYES_OF_FRAME) / UNIT_OF_FRAME)
        shape = (self.size, self.size)
        return np.broadcast_to(x[None, :], shape), np.broadcast_to(y[:, None], shape)

    def place(self, x: float, y: float, depth: float) -> tuple[float, float]:
        """Frame pixels of a point in face units at a depth."""
        x, y = x + np.sin(self.pose.yaw) * depth, y + np.sin(self.pose.pitch) * depth
        middle_x, middle_y = self._middle()
        cos, sin = np.cos(self.pose.roll), np.sin(self.pose.roll)
        v = y - PIVOT_Y
        return middle_x + self.unit_px * (x * cos - v * sin), middle_y + self.unit_px * (x * sin + v * cos)


def jaw_share(x: Map, y: Map, lips: Lips) -> Map:
    """How much of the chin's drop a place in the moved face has taken part in (h, w), 0..1."""
    start, end = lips.traits.y - 0.14, lips.traits.y + lips.drop + 0.26
    t = np.clip((y - np.float32(start)) * np.float32(1.0 / (end - start)), 0.0, 1.0)
    s = np.clip((np.abs(x) - 0.40) * np.float32(1.0 / 0.65), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t) * (1.0 - 0.42 * s * s * (3.0 - 2.0 * s)))


def unmove(x: Map, y: Map, lips: Lips, brow: float) -> tuple[Map, Map]:
    """Where the skin seen at face units x, y (h, w) lies on the face at rest."""
    share = jaw_share(x, y, lips)
    rest_y = y - np.float32(lips.drop) * share
    rest_x = x * (1.0 + np.float32(0.10 * lips.drop) * share)
    side = np.abs(x)
    pull = lips.half_width - lips.traits.half_width
    corner_y = float(lips.seam(np.ones(1, np.float32))[0])
    near = np.exp(-0.5 * (np.square((side - 0.38) / 0.18) + np.square((y - corner_y) / 0.22)))
    rest_x = rest_x - np.sign(x) * np.clip(side * 4.0, 0, 1) * np.float32(0.65 * pull) * near
    cheek = np.exp(-0.5 * (np.square((side - 0.52) / 0.22) + np.square((y - 0.60) / 0.20)))
    rest_y = rest_y + np.float32(0.30 * max(pull, 0.0)) * cheek
    if brow:
        lift = np.exp(-0.5 * (np.square((side - 0.42) / 0.40) + np.square((y + 0.36) / 0.17)))
        rest_y = rest_y + np.float32(0.055 * brow) * lift
    return rest_x, rest_y
