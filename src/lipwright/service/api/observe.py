"""Around every request: its figures, its line in the log, and headers that make browsers careful."""

import logging
import time
from functools import cache
from urllib.parse import urlsplit

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lipwright.service import metrics
from lipwright.service.logs import log
from lipwright.service.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
LOGGER = "lipwright.api"
SLOW_S = 5.0
"""A request that took longer is worth a line whatever it was."""

_standard = logging.getLogger(LOGGER)


class Observer:
    """ASGI middleware, without a task or a queue of its own: it costs polling clients next to nothing."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = [
            (name.encode(), value.encode()) for name, value in security_headers(settings).items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                present = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in self._headers if name not in present]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            _note(scope, status, time.perf_counter() - began)


def security_headers(settings: Settings) -> dict[str, str]:
    """What every answer carries: pages load from here and, where files lie in a bucket, media from there."""
    media = "'self' blob:"
    if settings.storage == "s3":
        place = urlsplit("" if settings.s3_endpoint is None else settings.s3_endpoint)
        media += f" {place.scheme}://{place.netloc}" if place.netloc else " https:"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": media,
        "connect-src": media,
        "manifest-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {said}" for name, said in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


@cache
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Of one kind of request: looking them up by their labels costs more than counting."""
    return metrics.REQUESTS.labels(method, route, str(status)), metrics.REQUEST_SECONDS.labels(route)


def _note(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "other")
    method = scope["method"] if scope["method"] in METHODS else "other"
    count, spent = _meters(method, route, status)
    count.inc()
    spent.observe(seconds)
    # Polling would drown everything else.
    quiet = method in ("GET", "HEAD", "OPTIONS") and status < 500 and seconds < SLOW_S
    if quiet and not _standard.isEnabledFor(logging.DEBUG):
        return
    given = {name: said for name, said in scope.get("path_params", {}).items() if name == "prediction_id"}
    line = log(LOGGER)
    (line.debug if quiet else line.info)(
        "request",
        method=method,
        path=scope["path"][:500],
        status=status,
        ms=round(seconds * 1000, 1),
        **{name: said for name, said in given.items() if len(said) == 32},
    )
