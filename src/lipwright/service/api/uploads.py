"""Uploads: a ticket and a signed PUT, or a multipart form as older clients send it."""

import time
from pathlib import Path

from fastapi import APIRouter, Request, Response

from lipwright.service import files
from lipwright.service.api import links
from lipwright.service.api.adopting import incoming_folder, keep
from lipwright.service.api.auth import caller
from lipwright.service.api.describe import answers, call
from lipwright.service.api.envelope import success
from lipwright.service.api.forms import FIELD, receive_file
from lipwright.service.api.limits import check_length, read_object
from lipwright.service.api.schemas import Ticket, TicketBody, Uploaded, check
from lipwright.service.api.state import Service
from lipwright.service.db import transaction
from lipwright.service.errors import ConflictError, InvalidParameterError, NotFoundError
from lipwright.service.files import Upload
from lipwright.service.keys import Key
from lipwright.service.signing import signed_url, verify
from lipwright.service.wire import timestamp

router = APIRouter(tags=["uploads"])
WRITE_BYTES = 1024 * 1024
"""Bytes that are collected before a thread writes them."""
_FORM = {
    "security": [{"bearer": []}],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                    "required": [FIELD],
                }
            }
        },
    },
}


@router.post("/media/uploads", responses=answers(Ticket, 400, 413, 429), openapi_extra=call(TicketBody))
async def create_ticket(request: Request) -> Response:
    """A ticket: PUT the bytes to `upload.url` with `upload.headers`, then use `download_url` as an input."""
    key = await caller(request)
    service = Service.of(request)
    body = check(TicketBody, await read_object(request, service.settings.max_json_bytes))
    base_url = links.base_url(service, request)
    upload = await service.write(_register, service, key, body)
    expires = upload.ticket_expires_us // 1_000_000
    return success(
        {
            "type": upload.kind,
            "download_url": links.upload_url(service, base_url, upload),
            "filename": upload.filename,
            "size": upload.size,
            "upload": {
                "method": "PUT",
                "url": signed_url(base_url, service.url_secret, upload.storage_key, expires, "PUT"),
                "headers": {"Content-Type": upload.content_type, "If-None-Match": "*"},
                "expires_at": timestamp(upload.ticket_expires_us),
            },
        }
    )


@router.post("/media/upload/binary", responses=answers(Uploaded, 400, 413, 429), openapi_extra=_FORM)
@router.post("/upload", responses=answers(Uploaded, 400, 413, 429), openapi_extra=_FORM)
async def upload_form(request: Request) -> Response:
    """Upload a file as a form with one part `file`; then use `download_url` as an input."""
    key = await caller(request)
    service = Service.of(request)
    base_url = links.base_url(service, request)
    with incoming_folder(service) as folder:
        path = folder / "file"
        filename, content_type = await receive_file(service, request, path)
        upload = await service.write(keep, service, key, path, filename, content_type)
    url = links.upload_url(service, base_url, upload)
    return success(
        {
            "type": upload.kind,
            "download_url": url,
            "url": url,
            "filename": upload.filename,
            "size": upload.size,
        }
    )


async def put_file(request: Request) -> Response:
    """Store the bytes of a ticket. The URL is the authority: no key is sent."""
    service = Service.of(request)
    storage_key = request.path_params["storage_key"]
    query = request.query_params
    verify(
        service.url_secret,
        "PUT",
        storage_key,
        query.get("expires", ""),
        query.get("signature", ""),
        time.time(),
    )
    upload = await service.work(_ticket, service, storage_key)
    length = check_length(request, upload.size)
    if length is not None and length != upload.size:
        raise InvalidParameterError(_wrong_size(upload, length))
    with incoming_folder(service) as folder:
        path = folder / "file"
        received = await _receive(service, request, path, upload.size)
        if received != upload.size:
            raise InvalidParameterError(_wrong_size(upload, received))
        await service.write(_store, service, upload, path)
    return success({"filename": upload.filename, "size": upload.size})


def _register(service: Service, key: Key, body: TicketBody) -> Upload:
    with transaction(service.engine) as conn:
        return files.create_ticket(
            conn, key.id, body.filename, body.size, body.content_type, service.settings
        )


def _ticket(service: Service, storage_key: str) -> Upload:
    with service.engine.connect() as conn:
        upload = files.by_storage_key(conn, storage_key)
    if upload is None:
        raise NotFoundError("There is no such upload ticket.")
    if upload.stored_us is not None:
        raise ConflictError("This upload is already stored; ask for a new ticket.")
    return upload


def _wrong_size(upload: Upload, size: int) -> str:
    return f"The body has {size} bytes, but the ticket is for {upload.size}."


async def _receive(service: Service, request: Request, path: Path, limit: int) -> int:
    """Write the body to a file, at most one piece beyond `limit` bytes; the bytes that came."""
    size, pieces, waiting = 0, [], 0
    with path.open("xb") as file:
        async for piece in request.stream():
            size += len(piece)
            waiting += len(piece)
            if size > limit:
                return size
            pieces.append(piece)
            if waiting >= WRITE_BYTES:
                await service.work(file.writelines, pieces)
                pieces, waiting = [], 0
        await service.work(file.writelines, pieces)
    return size


def _store(service: Service, upload: Upload, path: Path) -> None:
    service.storage.publish(path, upload.storage_key, upload.content_type, exclusive=True, keep=False)
    with transaction(service.engine) as conn:
        files.mark_stored(conn, upload.id)
