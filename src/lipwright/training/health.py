"""The health page of a run: is it learning, is it starving, is it exploding? Written beside the state."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Point = Mapping[str, float]
STALLED = 0.3  # share of the time spent waiting for clips from which on the page advises
SPIKE = 20.0  # a gradient norm of this many medians is told
RECENT = 20  # points


def trouble(curve: Sequence[Point], clip_norm: float) -> list[str]:
    """What is wrong with any run, in sentences with advice; empty when nothing is."""
    found = []
    waits = [point["wait_share"] for point in curve if "wait_share" in point][-RECENT:]
    if waits and float(np.mean(waits)) > STALLED:
        found.append(
            f"{np.mean(waits):.0%} of the time goes into waiting for clips: raise fit.workers, or prepare "
            "the clips at the size they are trained at."
        )
    norms = [point["grad_norm"] for point in curve if "grad_norm" in point]
    if len(norms) >= RECENT:
        middle = float(np.median(norms))
        if middle > 0 and max(norms[-RECENT:]) > SPIKE * middle:
            found.append(
                f"The gradient norm jumped to {max(norms[-RECENT:]):.3g}, {SPIKE:.0f} times its median and "
                "more: lower fit.rate, or look at the clips of that time."
            )
        if clip_norm > 0 and middle > 10 * clip_norm:
            found.append(
                f"Gradients are clipped nearly always (median norm {middle:.3g}, limit {clip_norm:g}): the "
                "step size is then set by the limit alone; lower fit.rate or raise fit.clip_norm."
            )
        if middle == 0:
            found.append("The gradients are zero: nothing that is trained has an effect on the loss.")
    return found


def write_health(
    folder: Path, title: str, curve: Sequence[Point], facts: Mapping[str, object], alarms: Sequence[str]
) -> None:
    """Write health.md: alarms first, then facts, then the last figures."""
    lines = [f"# {title}", ""]
    lines += [f"**Alarm.** {alarm}\n" for alarm in alarms] if alarms else ["No alarms.", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
    if curve:
        keys = [key for key in dict.fromkeys(k for point in curve for k in point) if key != "step"]
        lines += ["| figure | first | lowest | highest | last |", "| --- | --- | --- | --- | --- |"]
        for key in keys:
            values = [point[key] for point in curve if key in point]
            numbers = (values[0], min(values), max(values), values[-1])
            lines.append(f"| {key} | " + " | ".join(f"{number:.4g}" for number in numbers) + " |")
    lines += ["", "![Curves](curves.png)", ""]
    part = folder / "health.md.part"
    part.write_text("\n".join(lines))
    part.replace(folder / "health.md")
