"""Contact sheets: pictures of a clip side by side, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OutputError
from lipwright.media.output import private_file, write_errors

Picture = NDArray[np.uint8]
GAP = 4  # px between pictures
_SETTINGS = {".png": [], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 92], ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 92]}


def contact_sheet(rows: Sequence[tuple[str, Sequence[Picture]]], width_px: int = 220) -> Picture:
    """Rows of (title, pictures) below each other, every picture `width_px` wide, titles on the left edge."""
    lines = []
    for title, pictures in rows:
        small = [_shrunk(picture, width_px) for picture in pictures]
        line = np.concatenate(
            [np.pad(p, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for p in small], axis=1
        )
        lines.append(np.concatenate([_title(title, line.shape[0]), line], axis=1))
    widest = max(line.shape[1] for line in lines)
    padded = [
        np.pad(line, ((0, 0), (0, widest - line.shape[1]), (0, 0)), constant_values=255) for line in lines
    ]
    return np.concatenate(padded)


def _shrunk(picture: Picture, width_px: int) -> Picture:
    height = max(1, round(picture.shape[0] * width_px / picture.shape[1]))
    kind = cv2.INTER_AREA if picture.shape[1] > width_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width_px, height), interpolation=kind), np.uint8)


def _title(text: str, height: int) -> Picture:
    strip = np.full((22, height, 3), 255, np.uint8)
    cv2.putText(strip, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.ascontiguousarray(np.rot90(strip))


def spread_over(count: int, wanted: int) -> list[int]:
    """`wanted` frame numbers spread evenly over `count` frames."""
    return sorted({int(v) for v in np.linspace(0, max(0, count - 1), min(count, wanted))})


def write_picture(picture: Picture, path: Path) -> None:
    """Write RGB as PNG or JPEG by suffix, over an old file. Raises OutputError when it cannot be written."""
    settings = _SETTINGS.get(path.suffix.lower())
    if settings is None:
        raise OutputError(f"The picture {path} has no known suffix; use one of {', '.join(_SETTINGS)}.")
    good, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    assert good, "OpenCV encodes any picture of 8 bits"
    with private_file(path, force=True) as file, write_errors(path):
        left = data.data
        while left:
            left = left[file.write(left) :]
