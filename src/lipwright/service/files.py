"""The register of uploads: tickets, whose they are, how long they are kept, and how much a key may hold.

The bytes lie in the store under `uploads/<id>/<name>`; results lie under `outputs/<prediction id>/`.
"""

import mimetypes
import re
import unicodedata
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from lipwright.service import tables as t
from lipwright.service.db import now_us
from lipwright.service.errors import InvalidParameterError, NotFoundError, RateLimitError, TooLargeError
from lipwright.service.settings import MIB, Settings

UPLOADS = "uploads"
OUTPUTS = "outputs"
LONGEST_FILENAME = 255
LONGEST_STORED_NAME = 100

_IMAGES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
}
_VIDEOS = {
    "mp4": "video/mp4",
    "avi": "video/x-msvideo",
    "mov": "video/quicktime",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "3gp": "video/3gpp",
    "ogv": "video/ogg",
}
_AUDIOS = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "opus": "audio/opus",
}
CONTENT_TYPES = _IMAGES | _VIDEOS | _AUDIOS
"""Accepted extensions, those of WaveSpeed's upload, each with the type it is served as."""


@dataclass(frozen=True)
class Upload:
    """One upload: a ticket until `stored_us` is set. Times are UTC microseconds since the epoch."""

    id: str
    key_id: str
    storage_key: str
    filename: str
    """As the client named it."""
    kind: str
    """`image`, `video` or `audio`."""
    content_type: str
    size: int
    created_us: int
    ticket_expires_us: int
    stored_us: int | None
    expires_us: int


_COLUMNS = [t.files.c[each.name] for each in fields(Upload)]


def create_ticket(
    conn: sa.Connection,
    key_id: str,
    filename: str,
    size: int,
    content_type: str | None,
    settings: Settings,
) -> Upload:
    """Register an upload that is to come.

    Raises InvalidParameterError for a name or type that is no picture, video or audio, TooLargeError, and
    RateLimitError when the key would hold more than its quota.
    """
    if not filename or len(filename) > LONGEST_FILENAME or not filename.isprintable():
        raise InvalidParameterError(
            f"filename must be 1 to {LONGEST_FILENAME} printable characters, such as clip.mp4."
        )
    if size < 1:
        raise InvalidParameterError(f"size is {size}, but must be the number of bytes, at least 1.")
    check_size(size, settings)
    extension, kind = _sort(filename, content_type)
    _check_quota(conn, key_id, size, settings)
    id = uuid4().hex
    now = now_us()
    upload = Upload(
        id=id,
        key_id=key_id,
        storage_key=f"{UPLOADS}/{id}/{stored_name(filename, extension)}",
        filename=filename,
        kind=kind,
        content_type=content_type_of(f"x.{extension}")
        if kind != "audio" or extension != "webm"
        else "audio/webm",
        size=size,
        created_us=now,
        ticket_expires_us=now + settings.upload_ticket_s * 1_000_000,
        stored_us=None,
        expires_us=now + settings.retention_us,
    )
    conn.execute(
        sa.insert(t.files).values({each.name: getattr(upload, each.name) for each in fields(Upload)})
    )
    return upload


def check_size(size: int, settings: Settings) -> None:
    """Raise TooLargeError for more bytes than an upload may have."""
    if size > settings.max_upload_bytes:
        raise TooLargeError(
            f"The upload has {size} bytes, but at most {settings.max_upload_bytes} "
            f"({settings.max_upload_bytes / MIB:.0f} MiB) are accepted; pass a URL instead."
        )


def get(conn: sa.Connection, id: str) -> Upload | None:
    """The upload with this id."""
    row = conn.execute(sa.select(*_COLUMNS).where(t.files.c.id == id)).one_or_none()
    return None if row is None else _upload(row)


def by_storage_key(conn: sa.Connection, storage_key: str) -> Upload | None:
    """The upload that lies, or will lie, under a key of the store."""
    row = conn.execute(sa.select(*_COLUMNS).where(t.files.c.storage_key == storage_key)).one_or_none()
    return None if row is None else _upload(row)


def set_size(conn: sa.Connection, id: str, size: int) -> None:
    """Correct the size of an upload whose size was not known at its start (multipart)."""
    conn.execute(
        sa.update(t.files).where(t.files.c.id == id, t.files.c.stored_us.is_(None)).values(size=size)
    )


def mark_stored(conn: sa.Connection, id: str) -> bool:
    """Note that the bytes are in the store; False when they were before, or there is no such upload."""
    done = conn.execute(
        sa.update(t.files).where(t.files.c.id == id, t.files.c.stored_us.is_(None)).values(stored_us=now_us())
    )
    return done.rowcount == 1


def owner(conn: sa.Connection, storage_key: str) -> str | None:
    """Id of the API key whose upload or output this is; None when nobody's."""
    folder, _, rest = storage_key.partition("/")
    column, found = {
        UPLOADS: (t.files.c.key_id, t.files.c.storage_key == storage_key),
        OUTPUTS: (t.predictions.c.key_id, t.predictions.c.id == rest.partition("/")[0]),
    }.get(folder, (None, None))
    if column is None or found is None:
        return None
    return conn.execute(sa.select(column).where(found)).scalar_one_or_none()


def held_bytes(conn: sa.Connection, key_id: str) -> int:
    """Bytes of a key's uploads that have not expired, and of its tickets that may still be used."""
    c = t.files.c
    now = now_us()
    alive = sa.or_(c.stored_us.is_not(None), c.ticket_expires_us > now)
    total = conn.execute(
        sa.select(sa.func.coalesce(sa.func.sum(c.size), 0)).where(
            c.key_id == key_id, c.expires_us > now, alive
        )
    ).scalar_one()
    return int(total)


def output_key(prediction_id: str, name: str) -> str:
    """Key in the store of a file that a prediction made."""
    return f"{OUTPUTS}/{prediction_id}/{name}"


def content_type_of(key: str) -> str:
    """What a stored file is served as, by its extension: only types that a browser does not run."""
    extension = PurePosixPath(key).suffix.removeprefix(".").lower()
    if extension == "json":
        return "application/json"
    return CONTENT_TYPES.get(extension, "application/octet-stream")


def stored_name(filename: str, extension: str) -> str:
    """A name for the store that resembles `filename`: plain characters only, the extension at its end."""
    plain = unicodedata.normalize("NFKD", PurePosixPath(filename.replace("\\", "/")).stem)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", plain.encode("ascii", "ignore").decode()).strip("-_")
    return f"{stem[:LONGEST_STORED_NAME] or 'file'}.{extension}"


def _sort(filename: str, content_type: str | None) -> tuple[str, str]:
    """Extension and kind of an upload, by its name, else by the type the client states."""
    stated = None if content_type is None else content_type.partition(";")[0].strip().lower()
    extension = PurePosixPath(filename.replace("\\", "/")).suffix.removeprefix(".").lower()
    if extension not in CONTENT_TYPES and stated is not None:
        by_type = {kind: name for name, kind in reversed(CONTENT_TYPES.items())}
        guessed = mimetypes.guess_extension(stated)
        extension = by_type.get(stated, "" if guessed is None else guessed.removeprefix("."))
    if extension not in CONTENT_TYPES:
        raise InvalidParameterError(
            f"{filename!r} is not accepted; send a file whose name ends in one of {', '.join(CONTENT_TYPES)}."
        )
    if extension == "webm" and stated is not None and stated.startswith("audio/"):
        return extension, "audio"
    return extension, CONTENT_TYPES[extension].partition("/")[0]


def _check_quota(conn: sa.Connection, key_id: str, size: int, settings: Settings) -> None:
    # The key's row is locked, so that two tickets at once do not both take the last of the quota.
    known = conn.execute(sa.select(t.keys.c.id).where(t.keys.c.id == key_id).with_for_update()).one_or_none()
    if known is None:
        raise NotFoundError(f"There is no key {key_id}.")
    held = held_bytes(conn, key_id)
    if held + size > settings.upload_quota_bytes:
        raise RateLimitError(
            f"Upload quota exceeded: {held} of {settings.upload_quota_bytes} bytes are in use, and this one "
            f"has {size}; uploads are removed {settings.retention_days:g} days after they were made."
        )


def _upload(row: sa.Row[*tuple[Any, ...]]) -> Upload:
    return Upload(**row._mapping)
