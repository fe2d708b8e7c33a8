"""`lipwright verify`: do recorded numbers still come out?"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.options import DTYPES
from lipwright.progress import Progress

if TYPE_CHECKING:
    from lipwright.verify.check import SetResult

_HEADER = ("set", "kind", "array", "largest error", "tolerance", "verdict")


def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="A folder of recorded sets; default: the selection in the package."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:N or mps. Default: the best one found.")
    ] = None,
    dtype: Annotated[str, typer.Option(help=f"Number format of the networks: {', '.join(DTYPES)}.")] = "fp32",
    only: Annotated[str, typer.Option(metavar="GLOB", help="Only sets whose names match.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Recompute recorded numbers of the public LatentSync code; exit code 1 when any is off."""
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.device import choose_device
        from lipwright.verify import run

        where = run.shipped_folder() if folder is None else folder
        choice = choose_device(device, dtype)
        results = list(run.verify(where, choice, only=only, progress=Progress(listener, cancel)))
    plain = run.as_json(results)
    if as_json:
        print(json.dumps(plain, indent=1))
    else:
        print_table(results)
        print(f"{len(results) - plain['failed']} of {len(results)} sets pass ({choice.device}, {dtype}).")
    sys.exit(1 if plain["failed"] else 0)


def print_table(results: list["SetResult"]) -> None:
    """One line per array, then a sentence for each set that failed for another reason."""
    rows: list[tuple[str, ...]] = [_HEADER]
    for result in results:
        for name, array in result.arrays.items():
            verdict = "ok" if array.passed else "FAILED"
            error, limit = f"{array.max_abs_error:.2g}", f"{array.tolerance:.2g}"
            rows.append((result.name, result.kind, name, error, limit, verdict))
        if not result.arrays:
            rows.append((result.name, result.kind or "-", "-", "-", "-", "FAILED"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for result in results:
        if result.reason:
            print(f"{result.name}: {result.reason}")
        if result.not_compared:
            print(f"{result.name}: not compared: {', '.join(result.not_compared)}.")
