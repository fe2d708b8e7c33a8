"""All pairs of a folder through several models: one table and one page, and nothing that failed is left out.

Everything lies in one folder. A pair that is done is not done again, so a stopped run goes on where it was:

```text
results.json  table.md  index.html      written last, from what lies below
MODEL/PAIR.mp4  MODEL/PAIR.json         the output and its figures, or the sentence that says what failed
pictures/PAIR.jpg                       frames of the source and of every model's output, below each other
```
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lipwright.errors import Cancelled, LipwrightError, OptionError, OutputError
from lipwright.evaluation.mouth import spread, texture
from lipwright.evaluation.page import page
from lipwright.evaluation.pairs import Pair
from lipwright.evaluation.sheet import contact_sheet, spread_over, write_picture
from lipwright.evaluation.sync_clips import Judge
from lipwright.evaluation.watch import Watched, read_voice, watch
from lipwright.faces.detect import FaceReader
from lipwright.media.output import private_file
from lipwright.options import SyncOptions
from lipwright.progress import Progress

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

FORMAT = 1


@dataclass(frozen=True)
class Contestant:
    """A model of a suite. load: what loads it, when it is needed. identity: its checksum, so that results of
    another one under the same name do not count.
    """

    load: Callable[[], "Engine"]
    identity: str


SHOWN = 8  # frames of a clip on its sheet
STAGE = "suite"
FIGURES = (
    "sync_confidence",
    "sync_offset_frames",
    "range_ratio",
    "sharpness_ratio",
    "flicker_ratio",
    "slowness",
)
"""Of each output: sync by the judge; spread of the opening, sharpness and flicker of the mouth over those of
the source; seconds of work for a second of video."""


def run_suite(
    pairs: Sequence[Pair],
    how: str,
    models: Mapping[str, Contestant],
    out: Path,
    reader: FaceReader,
    judge: tuple[str, Judge],
    options: SyncOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Drive every pair with every model, measure, and write the table and the page. Returns the results.

    models: by the names of their columns. A pair that fails is told in the results with its
    sentence, and tried again by the next run. Raises OutputError when `out` cannot be written, Cancelled.
    """
    work = Progress() if progress is None else progress
    settings = replace(SyncOptions() if options is None else options, force=True)
    _make(out / "pictures")
    work.start(STAGE, len(pairs) * len(models))
    for name, model in models.items():
        _make(out / name)
        engine: Engine | None = None
        for pair in pairs:
            work.check()
            wanted = _description(pair, settings, judge[0], model.identity)
            if _done(out / name / f"{pair.name}.json", wanted) is None:
                engine = model.load() if engine is None else engine
                record = _one(engine, pair, out / name, reader, judge[1], settings, work)
                _write_json(out / name / f"{pair.name}.json", {**wanted, **record})
            work.advance(STAGE)
    return _finish(pairs, how, list(models), out, judge[0], settings)


def column_names(models: Sequence[str]) -> dict[str, str]:
    """A folder name for every model: the last part of its path, numbered where two are alike."""
    found: dict[str, str] = {}
    for model in models:
        name = Path(model).name or model
        if name == "pictures" or name in found:
            name = f"{name}-{len(found) + 1}"
        found[name] = model
    if len(set(models)) != len(models):
        raise OptionError("A model is named twice; name every model once.")
    return found


def _one(
    engine: "Engine",
    pair: Pair,
    folder: Path,
    reader: FaceReader,
    judge: Judge,
    options: SyncOptions,
    progress: Progress,
) -> dict[str, Any]:
    """Figures of one pair, or what failed."""
    target = folder / f"{pair.name}.mp4"
    began = time.perf_counter()
    quiet = Progress(cancel=progress.cancel)
    try:
        report = engine.sync(pair.video, pair.audio, target, options, quiet)
        wall = time.perf_counter() - began
        made, source = watch(target, reader, quiet), watch(pair.video, reader, quiet)
        score = judge(str(target), made, read_voice(target))
        figures = _figures(made, source)
    except Cancelled:
        raise
    except LipwrightError as error:
        return {"failed": str(error)}
    return {
        "failed": None,
        "figures": {
            "sync_confidence": score.confidence,
            "sync_offset_frames": score.offset_frames,
            **figures,
            "slowness": round(wall / max(report.duration_s, 1e-6), 3),
        },
        "reasons": {"sync_confidence": score.reason} if score.reason else {},
        "faceless": made.faceless,
        "frames": len(made),
        "warnings": report.warnings,
    }


def _figures(made: Watched, source: Watched) -> dict[str, float | None]:
    sharp, flickering = texture(made.pictures(), made.mouth_boxes())
    sharp_before, flickering_before = texture(source.pictures(), source.mouth_boxes())
    return {
        "range_ratio": _ratio(spread(made.openings()), spread(source.openings())),
        "sharpness_ratio": _ratio(sharp, sharp_before),
        "flicker_ratio": _ratio(flickering, flickering_before),
    }


def _ratio(found: float, before: float) -> float | None:
    value = found / before if before > 0 else float("nan")
    return round(float(value), 4) if np.isfinite(value) else None


def _description(pair: Pair, options: SyncOptions, judge: str, model: str) -> dict[str, Any]:
    """What a result was made of: another input, option or judge makes it again."""
    inputs = {}
    for kind, path in (("video", pair.video), ("audio", pair.audio)):
        state = path.stat() if path.is_file() else None
        now = (None, None) if state is None else (state.st_size, state.st_mtime_ns)
        inputs[kind] = {"path": str(path), "bytes": now[0], "changed_ns": now[1]}
    about = {"format": FORMAT, "pair": pair.name, "model": model, "judge": judge}
    return {**about, **inputs, "options": asdict(options)}


def _done(file: Path, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The kept result, if it is one of the same making and did not fail."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    same = all(found.get(key) == value for key, value in wanted.items())
    return found if same and found.get("failed") is None and file.with_suffix(".mp4").is_file() else None


def _finish(
    pairs: Sequence[Pair], how: str, names: list[str], out: Path, judge: str, options: SyncOptions
) -> dict[str, Any]:
    results: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name in names:
        for pair in pairs:
            results[name][pair.name] = json.loads((out / name / f"{pair.name}.json").read_text())
    pictures = {pair.name: _sheet(pair, results, out) for pair in pairs}
    told: dict[str, Any] = {
        "pairs": len(pairs),
        "pairing": how,
        "judge": judge,
        "options": asdict(options),
        "models": {name: _means(list(results[name].values())) for name in names},
        "per_pair": {
            pair.name: {
                name: {
                    key: results[name][pair.name].get(key)
                    for key in ("failed", "figures", "reasons", "faceless")
                }
                for name in names
            }
            for pair in pairs
        },
    }
    _write_json(out / "results.json", told)
    _write_text(out / "table.md", table(told))
    _write_text(out / "index.html", page(told, table_rows(told), pictures))
    return told


def _means(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean of every figure with how many pairs have it, and how many failed."""
    told: dict[str, Any] = {"failed": sum(record["failed"] is not None for record in records)}
    for key in FIGURES:
        values = [record["figures"][key] for record in records if record["failed"] is None]
        known = [value for value in values if value is not None]
        told[key] = {
            "mean": round(float(np.mean(known)), 4) if known else None,
            "measured": len(known),
            "of": len(records),
        }
    return told


def table_rows(told: Mapping[str, Any]) -> list[list[str]]:
    """The table as texts, header first: a row for each figure, a column for each model."""
    rows = [["", *told["models"]]]
    rows.append(["failed", *(f"{means['failed']} of {told['pairs']}" for means in told["models"].values())])
    for key in FIGURES:
        cells = []
        for means in told["models"].values():
            value = means[key]
            text = "-" if value["mean"] is None else f"{value['mean']:.3f}"
            cells.append(
                text if value["measured"] == value["of"] else f"{text} ({value['measured']} of {value['of']})"
            )
        rows.append([key.replace("_", " "), *cells])
    return rows


def table(told: Mapping[str, Any]) -> str:
    """Markdown: the table, how it was made, and every failure in words."""
    rows = table_rows(told)
    lines = [f"{told['pairs']} pairs, {told['pairing']}; sync judged by {told['judge']}.", ""]
    lines += ["| " + " | ".join(row) + " |" for row in rows[:1]]
    lines += ["| --- |" + " ---: |" * (len(rows[0]) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows[1:]]
    failures = [
        f"* {name}, {pair}: {record['failed']}"
        for pair, columns in told["per_pair"].items()
        for name, record in columns.items()
        if record["failed"] is not None
    ]
    if failures:
        lines += ["", "Failed:", "", *failures]
    return "\n".join(lines) + "\n"


def _sheet(pair: Pair, results: Mapping[str, Mapping[str, Any]], out: Path) -> str | None:
    """Contact sheet of a pair, as a path below `out`; None when there is nothing to show."""
    from lipwright.media.frames import read_frames

    rows = []
    done = [name for name in results if results[name][pair.name]["failed"] is None]
    if not done:
        return None
    frames = results[done[0]][pair.name]["frames"]
    for title, clip in (("source", pair.video), *((name, out / name / f"{pair.name}.mp4") for name in done)):
        at = set(spread_over(frames, SHOWN))
        last = max(at)
        shown = [frame.rgb() for frame in read_frames(clip, 0, last + 1) if frame.index in at]
        rows.append((title, shown))
    target = out / "pictures" / f"{pair.name}.jpg"
    write_picture(contact_sheet(rows, 150), target)
    return f"pictures/{target.name}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made ({error.strerror or error}); choose another."
        ) from error


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    _write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    left = memoryview(text.encode())
    with private_file(path, force=True) as file:
        while left:
            left = left[file.write(left) :]
