"""The answers' outer shape: `{"code", "message", "data"}`, and the same with `error` when something is wrong.

Success is HTTP 200 exactly; clients compare with it. An error carries its sentence twice, as `message` and as
`error`, because half of the clients read the one and half the other; below /api/v2 a third time, as
`data.error`.
"""

import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from lipwright.errors import LipwrightError
from lipwright.service.db import lost_connection
from lipwright.service.errors import ServiceError, UnavailableError

JSON = "application/json"
RETRY_DATABASE_S = 5
"""What `Retry-After` says while the database is away."""

log = logging.getLogger(__name__)


def dump(value: Any) -> bytes:
    """`value` as JSON; ASCII, so that no text that a client sent can fail to be encoded."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def success(data: Any, headers: dict[str, str] | None = None, **beside: Any) -> Response:
    """HTTP 200 with `data`; `beside` are further fields of the envelope."""
    body = {"code": 200, "message": "success", "data": data, **beside}
    return Response(dump(body), headers=headers, media_type=JSON)


def failure(
    status: int,
    sentence: str,
    *,
    path: str = "",
    error_code: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error answer of HTTP `status`; `path` is the request's, to know which version asks."""
    body: dict[str, Any] = {"code": status, "message": sentence, "error": sentence}
    if error_code is not None:
        body["error_code"] = error_code
    if path.startswith("/api/v2/"):
        body["data"] = {"error": sentence}
    return Response(dump(body), status, headers, media_type=JSON)


def install(app: FastAPI) -> None:
    """Make every error that leaves an endpoint an envelope."""
    app.add_exception_handler(LipwrightError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    path = request.url.path
    if not isinstance(error, ServiceError):  # an input that a lower layer refused, such as an option
        return failure(400, str(error), path=path)
    # A task's error has no HTTP status of its own; raised before the job was accepted it is a bad request.
    status = error.http_status if error.http_status >= 400 else 400
    if status >= 500:
        log.error("request failed: %s", error)
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return failure(status, str(error), path=path, error_code=error.error_code, headers=headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        sentence = f"There is nothing at {path[:200]}; /docs lists what there is."
    elif error.status_code == 405:
        sentence = f"{path[:200]} does not take {request.method}; /docs lists what it takes."
    else:
        sentence = f"{HTTPStatus(error.status_code).phrase}: {error.detail}"
    return failure(error.status_code, sentence, path=path, headers=dict(error.headers or {}))


async def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if not lost_connection(error):
        return await _unexpected(request, error)
    log.error("the database is away: %s", type(error.orig).__name__)
    away = UnavailableError(
        "The server cannot reach its database; try again soon.", retry_after_s=RETRY_DATABASE_S
    )
    return await _ours(request, away)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("an endpoint broke: %s %s", request.method, request.url.path, exc_info=error)
    return failure(500, "The server made a mistake; its log says more.", path=request.url.path)
