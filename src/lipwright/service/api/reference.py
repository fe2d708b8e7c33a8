"""/docs: the OpenAPI document as one plain page, made here. It loads nothing, from here or elsewhere."""

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

router = APIRouter()

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.9rem; margin: 0 0 .3rem; } h2 { margin: 2.6rem 0 .6rem; text-transform: capitalize; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: .5rem; }
details { border: 1px solid var(--line); border-radius: .6rem; margin: .5rem 0; padding: .2rem .9rem; }
summary { cursor: pointer; padding: .45rem 0; } summary p { display: inline; }
.method { display: inline-block; min-width: 4.2rem; font-weight: 650; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; }
tr + tr > * { border-top: 1px solid var(--line); }
th[scope=row] { font-weight: 550; white-space: nowrap; }
"""


@router.get("/docs", include_in_schema=False)
async def page(request: Request) -> Response:
    """The page."""
    return HTMLResponse(
        render(request.app.openapi()),
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


def render(document: dict[str, Any]) -> str:
    """An OpenAPI document as HTML, v3 paths first and the v2 twins by a sentence."""
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        if path.startswith("/api/v2/"):
            continue
        for method, operation in methods.items():
            group = operation.get("tags", ["other"])[0]
            groups.setdefault(group, []).append(_operation(document, method, path, operation))
    sections = "".join(f"<h2>{escape(name)}</h2>{''.join(parts)}" for name, parts in groups.items())
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} API</h1>"
        f"<p>Version {escape(info['version'])}. {_prose(info['description'])} "
        'The same as <a href="openapi.json">OpenAPI document</a>.</p>'
        "<p>Send your key as <code>Authorization: Bearer KEY</code>. Every answer is "
        "<code>{&quot;code&quot;, &quot;message&quot;, &quot;data&quot;}</code>; errors have their sentence "
        "in <code>message</code> and <code>error</code>. What is below <code>/api/v3</code> is also below "
        f"<code>/api/v2</code>.</p>{sections}</body></html>"
    )


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    said = operation.get("description", operation.get("summary", ""))
    parts = [
        f"<details><summary><code><span class=method>{method.upper()}</span>{escape(path)}</code> "
        f"<p>{_prose(said.partition('. ')[0].rstrip('.'))}</p></summary><p>{_prose(said)}</p>"
    ]
    parameters = [
        _row(each["name"], each.get("schema", {}), each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    if parameters:
        parts.append(f"<p><strong>Parameters</strong></p><table>{''.join(parameters)}</table>")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        rows = [
            _row(
                name + ("*" if name in schema.get("required", ()) else ""),
                field,
                field.get("description", ""),
            )
            for name, field in schema.get("properties", {}).items()
        ]
        parts.append(f"<p><strong>Body</strong>, {escape(kind)}</p><table>{''.join(rows)}</table>")
    rows = []
    for status, answer in operation.get("responses", {}).items():
        rows.append(f"<tr><th scope=row>{escape(status)}</th><td>{_prose(answer['description'])}</td></tr>")
    parts.append(
        f"<p><strong>Answers</strong></p><table>{''.join(rows)}</table>{_data(document, operation)}</details>"
    )
    return "".join(parts)


def _data(document: dict[str, Any], operation: dict[str, Any]) -> str:
    """The fields of `data` of the success."""
    content = operation.get("responses", {}).get("200", {}).get("content", {})
    schema = _resolved(document, content.get("application/json", {}).get("schema", {}))
    data = _resolved(document, schema.get("properties", {}).get("data", {}))
    rows = [
        _row(name, _resolved(document, field), field.get("description", ""))
        for name, field in data.get("properties", {}).items()
    ]
    return f"<p><strong>data</strong></p><table>{''.join(rows)}</table>" if rows else ""


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _row(name: str, schema: dict[str, Any], meaning: str) -> str:
    return (
        f"<tr><th scope=row><code>{escape(name)}</code></th><td><code>{escape(_type(schema))}</code></td>"
        f"<td>{_prose(meaning)}</td></tr>"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words: its type, choices, range and default."""
    kinds = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
    said = []
    for kind in kinds:
        if "enum" in kind or "const" in kind:
            said.append(" | ".join(str(each) for each in kind.get("enum", [kind.get("const")])))
        else:
            said.append(str(kind.get("format", kind.get("type", "object"))))
        low, high = kind.get("minimum"), kind.get("maximum")
        if low is not None or high is not None:
            said[-1] += f" {'' if low is None else low}..{'' if high is None else high}"
    text = " or ".join(said)
    return text if schema.get("default") is None else f"{text} = {json.dumps(schema['default'])}"


def _prose(text: str) -> str:
    """Text with `code` in backticks, as HTML."""
    parts = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
