"""Tables of figures for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def print_json(value: Mapping[str, Any]) -> None:
    """Everything, as JSON."""
    print(json.dumps(value, indent=1, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows below their columns' names; what is missing is shown as a dash."""
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def print_figures(figures: Mapping[str, object]) -> None:
    """One figure a line; nested ones with both names. What is told for every clip is left to JSON."""
    for key, value in figures.items():
        if isinstance(value, Mapping):
            for inner, below in value.items():
                print(f"{f'{key} {inner}':32} {_cell(below)}")
        elif not (isinstance(value, list) and value and isinstance(value[0], Mapping)):
            print(f"{key:32} {_cell(value)}")


def _cell(value: object) -> str:
    if value is None or value == [] or value == "":
        return "-"
    if isinstance(value, list):
        return ", ".join(_cell(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
