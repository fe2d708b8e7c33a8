"""The curve of a run as CSV and as a picture, drawn without a plotting library."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.evaluation.sheet import write_picture

Point = Mapping[str, float]
PANEL = (360, 220)  # px
MARGIN = (52, 26, 12, 22)  # left, top, right, bottom
INK, LINE, FAINT = (40, 40, 40), (200, 80, 30), (225, 225, 225)
COLUMNS = 3


def write_csv(path: Path, curve: Sequence[Point]) -> None:
    """All points, one row each; what a point lacks stays empty."""
    keys = list(dict.fromkeys(key for point in curve for key in point))
    part = path.with_suffix(".csv.part")
    with open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, keys)
        writer.writeheader()
        writer.writerows(curve)
    part.replace(path)


def draw_curves(path: Path, curve: Sequence[Point]) -> None:
    """One small panel for each figure over the steps. Nothing is drawn for an empty curve."""
    keys = [key for key in dict.fromkeys(k for point in curve for k in point) if key != "step"]
    panels = []
    for key in keys:
        points = [(point["step"], point[key]) for point in curve if key in point and np.isfinite(point[key])]
        if points:
            panels.append(_panel(key, np.asarray(points, np.float64)))
    if not panels:
        return
    while len(panels) % COLUMNS:
        panels.append(np.full((PANEL[1], PANEL[0], 3), 255, np.uint8))
    rows = [np.concatenate(panels[at : at + COLUMNS], axis=1) for at in range(0, len(panels), COLUMNS)]
    write_picture(np.concatenate(rows), path)


def _panel(title: str, points: NDArray[np.float64]) -> NDArray[np.uint8]:
    width, height = PANEL
    left, top, right, bottom = MARGIN
    picture = np.full((height, width, 3), 255, np.uint8)
    low, high = float(points[:, 1].min()), float(points[:, 1].max())
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    first, last = float(points[0, 0]), max(float(points[-1, 0]), float(points[0, 0]) + 1)
    x = left + (points[:, 0] - first) / (last - first) * (width - left - right)
    y = top + (high - points[:, 1]) / (high - low) * (height - top - bottom)
    for level in np.linspace(low, high, 4):
        at = round(top + (high - level) / (high - low) * (height - top - bottom))
        cv2.line(picture, (left, at), (width - right, at), FAINT, 1)
        _text(picture, f"{level:.3g}", (4, at + 4))
    line = np.stack([x, y], axis=1).round().astype(np.int32)
    cv2.polylines(picture, [line[:, None]], False, LINE, 1, cv2.LINE_AA)
    _text(picture, title, (left, 16))
    _text(picture, f"{first:.0f} to {last:.0f} steps", (left, height - 6))
    return picture


def _text(picture: NDArray[np.uint8], text: str, at: tuple[int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, INK, 1, cv2.LINE_AA)
