"""The page of a suite: one HTML file that asks nothing of any other machine."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .75rem; border-bottom: 1px solid #8884; }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } .failed { color: #b00020; } video { max-height: 20rem; margin-right: .5rem; }
figure { display: inline-block; margin: 0; } figcaption { font-size: 13px; }
"""


def page(told: Mapping[str, Any], rows: Sequence[Sequence[str]], pictures: Mapping[str, str | None]) -> str:
    """told: the results; rows: the table; pictures: a sheet for each pair, relative to the page."""
    head, *body = rows
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>Suite of {told['pairs']} pairs</title><style>{STYLE}</style>",
        f"<h1>{told['pairs']} pairs</h1><p>Paired {escape(told['pairing'])}; sync judged by "
        f"{escape(told['judge'])}. Means over what could be measured; where that is less than all, it says "
        "of how many.</p>",
        "<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>",
        *("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body),
        "</table>",
        *(_pair(name, columns, pictures[name]) for name, columns in told["per_pair"].items()),
    ]
    return "\n".join(parts) + "\n"


def _pair(name: str, columns: Mapping[str, Mapping[str, Any]], picture: str | None) -> str:
    parts = [f"<h2>{escape(name)}</h2>"]
    if picture is not None:
        parts.append(f'<img src="{quote(picture)}" alt="Frames of the source and of each output">')
    parts.append("<div>")
    for model, record in columns.items():
        if record["failed"] is not None:
            parts.append(f"<p class=failed>{escape(model)} failed: {escape(record['failed'])}</p>")
            continue
        figures = ", ".join(
            f"{key.replace('_', ' ')} {'-' if value is None else f'{value:g}'}"
            for key, value in record["figures"].items()
        )
        reasons = "".join(f" No {key.replace('_', ' ')}: {text}." for key, text in record["reasons"].items())
        parts.append(
            f'<figure><video controls preload=none src="{quote(f"{model}/{name}.mp4")}"></video>'
            f"<figcaption>{escape(model)}: {escape(figures)}.{escape(reasons)}</figcaption></figure>"
        )
    return "\n".join([*parts, "</div>"])
