"""Multipart forms with one file, written to the disk while they arrive."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from lipwright.service.api.limits import check_length, too_large
from lipwright.service.api.state import Service
from lipwright.service.errors import InvalidParameterError, MissingParameterError

FIELD = "file"
OVERHEAD_BYTES = 64 * 1024
"""What a form may have besides the file's bytes."""
_FIELDS = 20
_FIELD_BYTES = 4096


async def receive_file(service: Service, request: Request, target: Path) -> tuple[str, str | None]:
    """Write the part `file` of the request's form to `target`; its filename and content type.

    Raises InvalidParameterError, MissingParameterError, TooLargeError.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidParameterError(
            f"The body must be multipart/form-data with one part named {FIELD!r} that has a filename."
        )
    limit = service.settings.max_upload_bytes + OVERHEAD_BYTES
    check_length(request, limit)
    parser = MultiPartParser(
        request.headers,
        _counted(request, limit),
        max_files=1,
        max_fields=_FIELDS,
        max_part_size=_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidParameterError(f"The form cannot be read: {error.message.rstrip('.')}.") from error
    try:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise MissingParameterError(f"The form has no part named {FIELD!r} with a filename.")
        return await _saved(service, file, target)
    finally:
        await form.close()


async def _saved(service: Service, file: UploadFile, target: Path) -> tuple[str, str | None]:
    def copy() -> None:
        with target.open("xb") as out:
            shutil.copyfileobj(file.file, out)

    await service.work(copy)
    if file.size == 0:
        raise InvalidParameterError("The file is empty.")
    return ("" if file.filename is None else file.filename), file.content_type


async def _counted(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            too_large(limit)
        yield part
