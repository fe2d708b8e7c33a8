"""For operators: whether the process is up, whether it can serve, and its figures."""

import hmac
import threading
import time
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from lipwright.service import metrics
from lipwright.service.api.auth import token_of
from lipwright.service.api.envelope import JSON, dump
from lipwright.service.api.state import Service
from lipwright.service.errors import ServiceError, UnauthorizedError
from lipwright.service.migrate import check_schema
from lipwright.service.runfiles import heartbeat_file

router = APIRouter(tags=["operations"])
HEARTBEAT_S = 15.0
"""Age from which a controller's heartbeat, written every second, counts as missing."""
STORAGE_EVERY_S = 5.0
"""The store is tried no more often than this, however often somebody asks."""
_PLAIN: dict[int | str, dict[str, Any]] = {
    200: {"content": {JSON: {"schema": {"type": "object"}}}, "description": "All is well."}
}
_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"content": {JSON: {"schema": {"type": "object"}}}, "description": "A part is not."}
}


@router.get("/healthz", responses=_PLAIN)
async def healthz() -> Response:
    """The process answers."""
    return Response(dump({"status": "ok"}), media_type=JSON)


@router.get("/readyz", responses=_PLAIN | _NOT_READY)
async def readyz(request: Request) -> Response:
    """Database, schema, store and controller, one word or sentence each; HTTP 503 unless all are ok."""
    service = Service.of(request)
    parts = await service.work(_parts, service, request.app.state.storage_check)
    ready = all(said == "ok" for said in parts.values())
    body = {"status": "ok" if ready else "not ready", **parts}
    return Response(dump(body), 200 if ready else 503, media_type=JSON)


@router.get(
    "/metrics",
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' format."}
    },
)
async def figures(request: Request) -> Response:
    """Queue, stages, outcomes, slots and requests, for Prometheus; with `metrics_key` set, for its bearer."""
    service = Service.of(request)
    wanted = service.settings.metrics_key
    if wanted is not None and not hmac.compare_digest(token_of(request).encode(), wanted.encode()):
        raise UnauthorizedError("The token of /metrics is wrong.")
    text = await service.work(metrics.exposition, service.engine)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


class StorageCheck:
    """The last answer of the store, asked again when it is old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = -STORAGE_EVERY_S
        self._said = ""

    def say(self, service: Service) -> str:
        """ "ok", or a sentence."""
        with self._lock:
            if time.monotonic() - self._at >= STORAGE_EVERY_S:
                try:
                    service.storage.check()
                    self._said = "ok"
                except ServiceError as error:
                    self._said = str(error)
                self._at = time.monotonic()
            return self._said


def _parts(service: Service, storage: StorageCheck) -> dict[str, str]:
    return {
        "database": _database(service),
        "schema": _schema(service),
        "storage": storage.say(service),
        "controller": _controller(service),
    }


def _database(service: Service) -> str:
    try:
        with service.engine.connect() as conn:
            conn.execute(sa.text("SELECT 1"))
    except sa.exc.DBAPIError:
        return "The database cannot be reached."
    return "ok"


def _schema(service: Service) -> str:
    try:
        check_schema(service.engine)
    except ServiceError as error:
        return str(error)
    except sa.exc.DBAPIError:
        return "The database cannot be reached."
    return "ok"


def _controller(service: Service) -> str:
    try:
        age = time.time() - heartbeat_file(service.settings).stat().st_mtime
    except FileNotFoundError:
        return "The controller has not started."
    return "ok" if age < HEARTBEAT_S else f"The controller was last seen {age:.0f} s ago."
