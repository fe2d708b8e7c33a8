"""What was kept and why the rest was not: report.md, with example pictures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.dataset import parts
from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import KEPT, RATE, ClipRow
from lipwright.dataset.shards import Shard
from lipwright.dataset.steps.timing import frames_at_rate
from lipwright.dataset.verdicts import kind_of
from lipwright.errors import MediaError
from lipwright.media.frames import read_frames
from lipwright.media.output import save_bytes, write_errors
from lipwright.media.probe import probe_video

EXAMPLES = 4  # of each reason
SIDE_PX = 160
FOLDER = "report"


def write(out: Path, raw: Path, rows: Sequence[ClipRow], shard: Shard, config: Prepare) -> None:
    """report.md (report-I-of-N.md of a shard), pictures in report/. Raises OutputError."""
    stem = "report" if shard.whole else f"report-{shard.number}-of-{shard.of}"
    groups: dict[str, list[ClipRow]] = {}
    for row in rows:
        groups.setdefault(KEPT if row.verdict == KEPT else kind_of(row.reason), []).append(row)
    seconds = sum(row.frames for row in groups.get(KEPT, [])) / RATE
    lines = [
        "# Prepared clips",
        "",
        f"{len(groups.get(KEPT, []))} of {len(rows)} clips are kept, {seconds / 60:.1f} minutes, of "
        f"{len({row.source for row in rows})} videos; crops of {config.side} px ({config.crop}).",
        "",
        "| verdict | clips | for example |",
        "| --- | ---: | --- |",
    ]
    counts = Counter({kind: len(group) for kind, group in groups.items()})
    for kind, count in sorted(counts.items(), key=lambda item: (item[0] != KEPT, -item[1], item[0])):
        example = groups[kind][0]
        told = example.name if kind == KEPT else f"{example.source}: {example.reason}"
        lines.append(f"| {kind} | {count} | {told.replace('|', '/')} |")
    lines += ["", *_figures(groups.get(KEPT, [])), ""]
    for kind in sorted(groups, key=lambda kind: (kind != KEPT, kind)):
        sheet = _sheet([_picture(out, raw, row) for row in groups[kind][:EXAMPLES]])
        if sheet is None:
            continue
        file = out / FOLDER / f"{stem}-{kind.replace(' ', '-')}.jpg"
        with write_errors(file):
            file.parent.mkdir(exist_ok=True)
        _save(file, sheet)
        lines += [f"## {kind}", "", f"![{kind}]({FOLDER}/{file.name})", ""]
        lines += [f"* {row.name}: {row.reason or _told(row)}" for row in groups[kind][:EXAMPLES]] + [""]
    parts.write_text(out / f"{stem}.md", "\n".join(lines))


def _told(row: ClipRow) -> str:
    sync = row.steps.get("sync", {})
    return f"{row.frames} frames, offset {sync.get('offset')}, confidence {sync.get('confidence')}"


def _figures(rows: Sequence[ClipRow]) -> list[str]:
    """Spread of the kept clips' figures."""
    lines = ["| of the kept clips | lowest | median | highest |", "| --- | ---: | ---: | ---: |"]
    for step, name in (
        ("sync", "confidence"),
        ("sync", "offset"),
        ("quality", "sharpness"),
        ("faces", "height_px"),
    ):
        values = [float(row.steps[step][name]) for row in rows if step in row.steps]
        if values:
            low, middle, high = np.percentile(values, [0, 50, 100])
            lines.append(f"| {name} | {low:.2f} | {middle:.2f} | {high:.2f} |")
    return lines


def _picture(out: Path, raw: Path, row: ClipRow) -> NDArray[np.uint8] | None:
    """Its middle: of a kept clip the crop, else of the raw video, if that can be read at all."""
    try:
        if row.verdict == KEPT:
            return _nth((frame.rgb() for frame in read_frames(out / row.video)), row.frames // 2)
        middle = round((row.start_s + row.stop_s) / 2 * RATE)
        return _nth((frame.rgb() for frame in frames_at_rate(probe_video(raw / row.source))), middle)
    except MediaError:
        return None  # the row says so, too: there is nothing to be shown


def _nth(pictures: Iterable[NDArray[np.uint8]], number: int) -> NDArray[np.uint8] | None:
    for index, picture in enumerate(pictures):
        if index == number:
            return picture
    return None


def _sheet(pictures: Sequence[NDArray[np.uint8] | None]) -> NDArray[np.uint8] | None:
    """Those that are there side by side, each fitted into a square."""
    tiles = []
    for picture in pictures:
        if picture is None:
            continue
        scale = SIDE_PX / max(picture.shape[:2])
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        tile = np.full((SIDE_PX, SIDE_PX, 3), 255, np.uint8)
        top, left = (SIDE_PX - size[1]) // 2, (SIDE_PX - size[0]) // 2
        tile[top : top + size[1], left : left + size[0]] = small
        tiles.append(tile)
    return np.concatenate(tiles, axis=1) if tiles else None


def _save(file: Path, picture: NDArray[np.uint8]) -> None:
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert encoded
    save_bytes(file, data.tobytes())
