"""The playground's files, with headers that keep the page to itself: own scripts, own server, no frames.

The page is static and needs nothing but the public API. Its policy allows no inline script or style, so even
a text that slipped into the page as markup could neither run nor call anyone else.
"""

from os import PathLike, stat_result
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lipwright.service.settings import Settings

WEB = Path(__file__).parent / "web"
SAMPLES = Path(__file__).parent.parent / "assets" / "demo"
"""The bundled presenter and voice, for a first try without files of one's own."""


class _Page(StaticFiles):
    """Static files with fixed headers."""

    def __init__(self, directory: Path, headers: dict[str, str], *, html: bool) -> None:
        super().__init__(directory=directory, html=html, check_dir=False)
        self._headers = headers

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or 304 where the client has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        return response


def mount(app: FastAPI, settings: Settings) -> None:
    """Serve the page at / and its samples below /samples/. Call it last: it takes every path that is left."""
    headers = {
        "Content-Security-Policy": policy(settings),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        # The page and its modules must be of one version after an upgrade; an unchanged file costs a 304.
        "Cache-Control": "no-cache",
    }
    app.mount("/samples", _Page(SAMPLES, headers, html=False))
    app.mount("/", _Page(WEB, headers, html=True))


def policy(settings: Settings) -> str:
    """The Content-Security-Policy. Outputs in an S3 store are read there, after a redirect."""
    store = ""
    if settings.storage == "s3":
        endpoint = settings.s3_endpoint
        store = " https:" if endpoint is None else " {0.scheme}://{0.netloc}".format(urlsplit(endpoint))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            f"media-src 'self' blob:{store}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )
