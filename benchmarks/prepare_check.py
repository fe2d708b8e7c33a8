"""Is every verdict of `lipwright dataset prepare` right, does it survive kills, and how fast is it?

    python benchmarks/prepare_check.py WORK [--clips 60] [--kills 20] [--speed 12] [--processes 2]
        [--kill-files N] [--again]

WORK keeps the rendered presenters, so that a second check need not render them; with --again it also keeps
the prepared folder. --kill-files: kill runs over so many of the videos only. Prints figures and writes
WORK/check.json. Exits with 1 when a verdict is wrong, an offset is off by more than a frame, or a killed and
resumed run ends in another manifest.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import prepare_passes
from prepare_material import Truth, make_raw

from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import KEPT, read_rows
from lipwright.dataset.prepare import prepare
from lipwright.dataset.verdicts import kind_of


def command(raw: Path, out: Path, processes: int) -> list[str]:
    """The command line of a run."""
    names = ("-m", "lipwright", "dataset", "prepare", str(raw), str(out), "--processes", str(processes))
    return [sys.executable, *names]


def check_verdicts(manifest: Path, truths: dict[str, Truth]) -> dict[str, Any]:
    """Every file's verdict and offset against the truth."""
    rows: dict[str, list[Any]] = {}
    for row in read_rows(manifest):
        rows.setdefault(row.source, []).append(row)
    wrong, offsets = [], []
    for source, truth in sorted(truths.items()):
        for row in rows.get(source, [None]):
            verdict = "nothing" if row is None else KEPT if row.verdict == KEPT else kind_of(row.reason)
            if verdict != truth.verdict:
                wrong.append(
                    f"{source}: {truth.verdict} expected, {verdict} found ({getattr(row, 'reason', '')})"
                )
            elif verdict == KEPT:
                offsets.append(row.steps["sync"]["offset"] - truth.offset)
    kinds: dict[str, int] = {}
    for truth in truths.values():
        kinds[truth.verdict] = kinds.get(truth.verdict, 0) + 1
    return {
        "files": len(truths),
        "truth": kinds,
        "wrong": wrong,
        "offsets": len(offsets),
        "offsets_exact": sum(error == 0 for error in offsets),
        "offsets_beyond_one_frame": sum(abs(error) > 1 for error in offsets),
    }


def killed(raw: Path, out: Path, kills: int, processes: int, usual_s: float, seed: int = 1) -> dict[str, Any]:
    """Start, kill the whole process group at a random moment, start again; after `kills` times to the end."""
    rng = random.Random(seed)
    parts, ended = [], 0
    for _ in range(kills):
        child = subprocess.Popen(
            command(raw, out, processes), start_new_session=True, stdout=subprocess.DEVNULL
        )
        try:
            child.wait(timeout=rng.uniform(0.02, 1.0) * usual_s)
            ended += 1
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        parts.append(len(list((out / "parts").glob("[!.]*.json"))) if out.exists() else 0)
    done = subprocess.run(command(raw, out, processes), check=True, capture_output=True, text=True)
    return {"kills": kills - ended, "parts_after_each": parts, "last": done.stdout.splitlines()[0]}


def some_of(truths: dict[str, Truth], raw: Path, few: Path, count: int) -> list[str]:
    """Copy about so many videos, of all kinds, copies with what they are copies of; their names."""
    names = sorted(truths)
    chosen = set(names[:: max(1, len(names) // count)] if count else names)
    chosen |= {f"base-{int(name.split('-')[1]):03d}.mp4" for name in chosen if name.startswith("copy-")}
    few.mkdir()
    for name in chosen:
        shutil.copyfile(raw / name, few / name)
    return sorted(chosen)


def lines_of(manifest: Path, sources: list[str]) -> list[str]:
    """The manifest's lines about these videos."""
    lines = manifest.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if json.loads(line)["source"] in sources]


def speed(raw: Path, work: Path) -> dict[str, Any]:
    """Clips a minute of both designs, one process each, on the same files, one after the other."""
    config = Prepare()
    files = len(list(raw.iterdir()))
    figures: dict[str, Any] = {"files": files}
    prepare_passes._tools(config.sync)
    for name in ("one pass", "seven passes"):
        place = work / name.replace(" ", "-")
        shutil.rmtree(place, ignore_errors=True)
        wall, cpu = time.perf_counter(), time.process_time()
        if name == "one pass":
            kept = prepare(raw, place, config, say=lambda line: None).kept
        else:
            kept = prepare_passes.run(raw, place, config)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        figures[name] = {
            "kept": kept,
            "wall_s": round(wall, 1),
            "cpu_s": round(cpu, 1),
            "clips_per_cpu_minute": round(60 * files / cpu, 1),
        }
    ratio = figures["seven passes"]["cpu_s"] / figures["one pass"]["cpu_s"]
    return {**figures, "ratio_cpu": round(ratio, 2)}


def main() -> int:
    """Everything, or what the options leave of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--speed", type=int, default=12, metavar="FILES")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kill-files", type=int, default=0)
    parser.add_argument("--start-s", type=float, default=5.0, help="what a run needs before it works")
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    raw, out, other = (given.work / name for name in ("raw", "out", "out-killed"))
    few = given.work / "raw-killed"
    for folder in (other, few) if given.again else (raw, out, other, few):
        shutil.rmtree(folder, ignore_errors=True)
    truths = make_raw(given.work / "base", raw, given.clips)
    found: dict[str, Any] = {}

    def told(name: str, figures: Any) -> None:
        found[name] = figures
        print(f"{name}: {json.dumps(figures, indent=1)}", flush=True)
        (given.work / "check.json").write_text(json.dumps(found, indent=1) + "\n")

    began = time.perf_counter()
    subprocess.run(command(raw, out, given.processes), check=True)
    usual_s = time.perf_counter() - began
    verdicts = check_verdicts(out / "manifest.jsonl", truths)
    told("verdicts", {**verdicts, "wall_s": round(usual_s, 1)})
    same = True
    if given.kills:
        names = some_of(truths, raw, few, given.kill_files)
        share = usual_s * len(names) / len(truths)
        between_s = given.start_s + 2 * share / given.kills
        figures = killed(few, other, given.kills, given.processes, between_s)
        same = lines_of(out / "manifest.jsonl", names) == lines_of(other / "manifest.jsonl", names)
        told("kills", {**figures, "files": len(names), "same_manifest": same})
    if given.speed:
        few = given.work / "raw-few"
        shutil.rmtree(few, ignore_errors=True)
        few.mkdir()
        for file in sorted(raw.glob("base-*.mp4"))[: given.speed]:
            shutil.copyfile(file, few / file.name)
        told("speed", speed(few, given.work))
    return int(bool(verdicts["wrong"] or verdicts["offsets_beyond_one_frame"] or not same))


if __name__ == "__main__":
    sys.exit(main())
