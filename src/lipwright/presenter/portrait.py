"""A presenter that can be drawn in any pose with any mouth."""

import numpy as np
from numpy.typing import NDArray

from lipwright.presenter.background import paint_background
from lipwright.presenter.body import paint_body, paint_ears
from lipwright.presenter.canvas import Canvas, Map
from lipwright.presenter.eyes import draw_eyes, lids
from lipwright.presenter.glasses import STAND, cast_shadow, paint_glasses
from lipwright.presenter.hair import comb
from lipwright.presenter.head import model_head
from lipwright.presenter.identity import Identity
from lipwright.presenter.light import develop, hang_lamps, shade
from lipwright.presenter.mouth import Lips, draw_mouth, shape_lips
from lipwright.presenter.pose import Pose
from lipwright.presenter.skin import fold_map, paint_skin
from lipwright.presenter.stance import BACK, Stance, unmove
from lipwright.presenter.surface import Surface


class Portrait:
    """A presenter painted for frames of `size` x `size` pixels; drawing a frame changes nothing in it."""

    def __init__(self, identity: Identity, size: int) -> None:
        self.identity = identity
        self.size = size
        canvas = self._canvas = Canvas(size)
        self._lamps = hang_lamps(identity.setting)
        head = model_head(canvas, identity)
        hair = comb(canvas, identity, head)
        self._glasses = paint_glasses(canvas, identity)
        shadow = hair.shadow
        if self._glasses is not None:
            shadow = np.maximum(shadow, cast_shadow(canvas, self._glasses))
        skin = paint_skin(canvas, identity, head, shadow)
        self._depth = head.depth
        self._colour = np.dstack([skin.albedo, head.distance]).astype(np.float32)
        self._form = np.dstack([skin.slope_x, skin.slope_y, skin.open_sky, skin.shine]).astype(np.float32)
        self._fold = fold_map(canvas, identity)
        self._front, self._back = hair.front, hair.back
        self._body = paint_body(canvas, identity, self._lamps)
        self._ears = paint_ears(canvas, identity, self._lamps)
        self._background = paint_background(identity, size)

    def render(self, pose: Pose, mouth: NDArray[np.float32]) -> NDArray[np.uint8]:
        """A frame (size, size, 3) uint8 RGB of the presenter; `mouth` (7,) as in `parameters.PARAMETERS`."""
        stance, lips = Stance(self.size, pose), shape_lips(self.identity, np.asarray(mouth, np.float32))
        still_x, still_y = stance.still()
        x, y = self._turn_back(still_x, still_y, pose)
        rest_x, rest_y = unmove(x, y, lips, pose.brow)
        colour = self._canvas.lookup(self._colour, rest_x, rest_y)
        light = self._head_light(colour, x, y, rest_x, rest_y, pose, lips, 1.0 / stance.unit_px)
        alpha = np.clip(0.5 - colour[..., 3] * np.float32(stance.unit_px), 0.0, 1.0)
        picture = self._behind(stance, still_x, still_y, colour[..., 3])
        picture += (light - picture) * alpha[..., None]
        if self._glasses is not None:
            # The temples run back to the ears, so they move less than the lenses.
            stand = STAND * (1.0 - 0.85 * np.clip((np.abs(still_x) - 0.68) * np.float32(2.8), 0.0, 1.0))
            turn_x, turn_y = np.float32(np.sin(pose.yaw)), np.float32(np.sin(pose.pitch))
            self._over(picture, self._glasses, still_x - turn_x * stand, still_y - turn_y * stand)
        if self._front is not None:
            self._over(picture, self._front, x, y)
        return np.asarray(develop(picture) + np.float32(0.5), np.uint8)

    def aperture(self, pose: Pose, mouth: NDArray[np.float32]) -> float:
        """Distance between the inner lip edges in the middle of the mouth, in pixels of the frame, >= 0."""
        lips = shape_lips(self.identity, np.asarray(mouth, np.float32))
        return max(0.0, lips.opening * Stance(self.size, pose).unit_px)

    def landmarks(self, pose: Pose, mouth: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
        """Named points in pixels of the frame. Left and right are the image's sides.

        Names: mouth_left, mouth_right, lip_top, lip_bottom, inner_top, inner_bottom, chin, nose_tip,
        nose_base, eye_left_inner, eye_left_outer, eye_right_inner, eye_right_outer, brow_left, brow_right.
        """
        who, stance = self.identity, Stance(self.size, pose)
        lips = shape_lips(who, np.asarray(mouth, np.float32))
        zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        corner = float(lips.seam(one)[0])
        points = {
            "mouth_left": (-lips.half_width, corner),
            "mouth_right": (lips.half_width, corner),
            "lip_top": (0.0, float(lips.upper_outer(zero)[0])),
            "lip_bottom": (0.0, float(lips.lower_outer(zero)[0])),
            "inner_top": (0.0, float(lips.upper_inner(zero)[0])),
            "inner_bottom": (0.0, float(lips.lower_inner(zero)[0])),
            "chin": (0.0, who.shape.chin_y + lips.drop),
            "nose_tip": (0.0, who.shape.nose_length - 0.115),
            "nose_base": (0.0, who.shape.nose_length),
        }
        ends = lids(who, np.array([-1.0, 1.0], np.float32), 0.0)[0]
        brow = who.eyes.brow_y - 0.5 * who.eyes.brow_arch - 0.055 * pose.brow
        for name, side in (("left", -1.0), ("right", 1.0)):
            points[f"eye_{name}_inner"] = (side * (who.eyes.x - who.eyes.half_width), float(ends[0]))
            points[f"eye_{name}_outer"] = (side * (who.eyes.x + who.eyes.half_width), float(ends[1]))
            points[f"brow_{name}"] = (side * 0.43, brow)
        return {name: stance.place(px, py, self._depth_at(px, py)) for name, (px, py) in points.items()}

    def _depth_at(self, x: float, y: float) -> float:
        where = np.array([[x]], np.float32), np.array([[y]], np.float32)
        return float(self._canvas.lookup(self._depth, *where)[0, 0])

    def _turn_back(self, still_x: Map, still_y: Map, pose: Pose) -> tuple[Map, Map]:
        """Face units of what is seen at each pixel once the head is turned: found by repeated correction."""
        turn_x, turn_y = np.float32(np.sin(pose.yaw)), np.float32(np.sin(pose.pitch))
        x, y = still_x, still_y
        if turn_x == 0 and turn_y == 0:
            return x, y
        for _ in range(5):
            depth = self._canvas.lookup(self._depth, x, y)
            x, y = still_x - turn_x * depth, still_y - turn_y * depth
        return x, y

    def _head_light(
        self, colour: Map, x: Map, y: Map, rest_x: Map, rest_y: Map, pose: Pose, lips: Lips, pixel: float
    ) -> Map:
        """Linear light (h, w, 3) of the head's skin, eyes and mouth, without its outline."""
        form = self._canvas.lookup(self._form, rest_x, rest_y)
        surface = Surface(
            x, y, pixel, colour[..., :3].copy(), form[..., 0] - np.float32(0.8 * np.sin(pose.yaw)),
            form[..., 1] - np.float32(0.8 * np.sin(pose.pitch)), form[..., 2].copy(), form[..., 3].copy(),
        )  # fmt: skip
        spread = lips.half_width / lips.traits.half_width - 1.0
        depth = 0.05 + 0.13 * self.identity.skin.age + 0.85 * max(spread, 0.0) + 0.06 * lips.jaw
        surface.open_sky *= 1.0 - np.float32(min(depth, 0.4)) * self._canvas.lookup(
            self._fold, rest_x, rest_y
        )
        draw_mouth(surface, self.identity, lips, float(np.sin(pose.yaw)))
        draw_eyes(surface, self.identity, pose)
        return shade(
            self._lamps, surface.albedo, surface.slope_x, surface.slope_y, surface.open_sky, surface.shine
        )

    def _behind(self, stance: Stance, still_x: Map, still_y: Map, distance: Map) -> Map:
        """Background, back hair, neck and clothes under the head's shadow, and ears."""
        picture = self._background.copy()
        pose = stance.pose
        back_x, back_y = np.float32(np.sin(pose.yaw) * BACK), np.float32(np.sin(pose.pitch) * BACK)
        if self._back is not None:
            self._over(picture, self._back, still_x - back_x, still_y - back_y)
        low_x, low_y = stance.shoulders()
        t = np.clip((low_y - np.float32(1.2)) / np.float32(1.1), 0.0, 1.0)
        share = t * t * (3.0 - 2.0 * t)
        body = self._canvas.lookup(
            self._body, still_x + (low_x - still_x) * share, still_y + (low_y - still_y) * share
        )
        body[..., :3] *= self._chin_shadow(distance, stance)[..., None]
        picture *= 1.0 - body[..., 3:]
        picture += body[..., :3]
        self._over(picture, self._ears, still_x - 0.3 * back_x, still_y - 0.3 * back_y)
        return picture

    def _chin_shadow(self, distance: Map, stance: Stance) -> Map:
        """Factor (h, w) of the light left on the neck beneath the chin."""
        down = round(0.16 * stance.unit_px)
        aside = round(-0.05 * np.sign(self.identity.setting.key_x) * stance.unit_px)
        moved = np.roll(distance, (down, aside), (0, 1))
        near = np.clip(0.5 - moved * np.float32(1.0 / 0.34), 0.0, 1.0)
        return np.asarray(1.0 - np.float32(0.70) * near * near * (3.0 - 2.0 * near))

    def _over(self, picture: Map, layer: Map, x: Map, y: Map) -> None:
        """Lay a layer (premultiplied, h, w, 4) over the picture in place."""
        seen = self._canvas.lookup(layer, x, y)
        picture *= 1.0 - seen[..., 3:]
        picture += seen[..., :3]
