"""Stored files, by signed URLs: whole or one range of them. No key is sent; who has the URL may read."""

import os
import re
import time
from pathlib import Path, PurePosixPath

from fastapi import Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.datastructures import Headers

from lipwright.service import files
from lipwright.service.api.envelope import failure
from lipwright.service.api.state import Service
from lipwright.service.errors import NotFoundError
from lipwright.service.signing import verify
from lipwright.service.storage import check_key

_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


async def get_file(request: Request) -> Response:
    """A file, or the range of it that is asked for; several ranges at once are refused."""
    service = Service.of(request)
    storage_key = check_key(request.path_params["storage_key"])
    query = request.query_params
    expires = query.get("expires", "")
    now_s = time.time()
    verify(service.url_secret, request.method, storage_key, expires, query.get("signature", ""), now_s)
    left_s = max(0, int(int(expires) - now_s))
    found = await service.work(_find, service, storage_key)
    if isinstance(found, str):
        return RedirectResponse(found, 307)
    path, state = found
    _drop_unknown_unit(request)
    if not _satisfiable(Headers(scope=request.scope).get("range"), state.st_size):
        return failure(
            416,
            f"The range lies outside of the file's {state.st_size} bytes, or there is more than one.",
            headers={"Content-Range": f"bytes */{state.st_size}", "Accept-Ranges": "bytes"},
        )
    return FileResponse(
        path,
        media_type=files.content_type_of(storage_key),
        filename=PurePosixPath(storage_key).name,
        content_disposition_type="inline",
        stat_result=state,
        headers={
            "Cache-Control": f"private, max-age={left_s}, immutable",
            # Whatever a file holds, a browser that opens it by itself runs nothing of it.
            "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; img-src 'self'",
        },
    )


def _find(service: Service, storage_key: str) -> str | tuple[Path, os.stat_result]:
    """The file with its state, or a URL of the store's own. Raises NotFoundError."""
    path = service.storage.local_path(storage_key)
    if path is not None:
        return path, path.stat()
    if service.storage.size(storage_key) is not None:
        url = service.storage.presigned_url(storage_key, service.settings.s3_url_s)
        if url is not None:
            return url
    raise NotFoundError("This file is not there, or no longer.")


def _drop_unknown_unit(request: Request) -> None:
    """Ignore a Range header in a unit that is not bytes, as RFC 9110, section 14.2 asks."""
    if not request.headers.get("range", "bytes").strip().lower().startswith("bytes"):
        headers = request.scope["headers"]
        request.scope["headers"] = [(name, value) for name, value in headers if name != b"range"]


def _satisfiable(header: str | None, size: int) -> bool:
    """Whether there is one range of bytes that lies in the file, or no Range header."""
    if header is None:
        return True
    match = _RANGE.fullmatch(header)
    if match is None:
        return False
    first, last = match.groups()
    if first == "":
        return last != "" and int(last) > 0 and size > 0
    return int(first) < size and (last == "" or int(last) >= int(first))
