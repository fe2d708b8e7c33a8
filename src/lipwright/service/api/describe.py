"""How endpoints are described in the OpenAPI document, since they read bodies and write answers themselves.

They do so because a key is checked before a body is looked at, and a body is counted while it arrives.
"""

from typing import Any

from pydantic import BaseModel

from lipwright.service.api.schemas import Answer, ErrorAnswer

BEARER = "bearer"
SECURITY_SCHEMES = {BEARER: {"type": "http", "scheme": "bearer", "description": "An API key, `wsk_...`."}}
_MEANINGS = {
    400: "A parameter is missing or wrong.",
    401: "No API key, or a wrong one.",
    402: "The balance is short.",
    403: "The key was revoked; `error_code` says so.",
    404: "Unknown, deleted, or of another key.",
    409: "The Idempotency-Key was used with another body.",
    413: "The body is too large.",
    416: "The range lies outside of the file.",
    429: "Too many requests; wait for `Retry-After` seconds.",
    503: "The server stops or its database is away; wait for `Retry-After` seconds.",
}


def answers(data: Any, *errors: int, own: bool = True) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: the envelope around `data`, these error statuses, and those of every call."""
    statuses = sorted({*errors, *((401, 403) if own else ()), 503})
    return {
        200: {"model": Answer[data], "description": "Success."},
        **{each: {"model": ErrorAnswer, "description": _MEANINGS[each]} for each in statuses},
    }


def call(body: type[BaseModel] | dict[str, Any] | None = None, *more: dict[str, Any]) -> dict[str, Any]:
    """For `openapi_extra=`: a call with a key, a JSON body, and further parameters."""
    extra: dict[str, Any] = {"security": [{BEARER: []}]}
    if body is not None:
        schema = body if isinstance(body, dict) else inline(body)
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if more:
        extra["parameters"] = list(more)
    return extra


def inline(body: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a body without nested models."""
    schema = body.model_json_schema()
    assert "$defs" not in schema, body
    return schema


def query(name: str, schema: dict[str, Any], meaning: str) -> dict[str, Any]:
    """One optional parameter of the query."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": meaning}


def query_of(body: type[BaseModel]) -> list[dict[str, Any]]:
    """The fields of a body as parameters of the query."""
    return [
        query(name, schema, schema.get("description", ""))
        for name, schema in inline(body)["properties"].items()
    ]


def header(name: str, schema: dict[str, Any], meaning: str) -> dict[str, Any]:
    """One optional header."""
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": meaning}
