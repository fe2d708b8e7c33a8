"""Uploads: which are accepted, under which names they are stored, whose they are, how much a key may hold."""

import pytest
import sqlalchemy as sa

from lipwright.service import files
from lipwright.service.db import transaction
from lipwright.service.errors import (
    InvalidParameterError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TooLargeError,
)
from lipwright.service.files import Upload
from lipwright.service.keys import Key
from lipwright.service.settings import Settings, load_settings
from lipwright.service.storage import check_key
from service.accounts import finished, new_key


def ticket(
    engine: sa.Engine,
    key: Key,
    settings: Settings,
    filename: str = "clip.mp4",
    size: int = 1000,
    content_type: str | None = None,
) -> Upload:
    with transaction(engine) as conn:
        return files.create_ticket(conn, key.id, filename, size, content_type, settings)


def test_a_ticket_from_promise_to_bytes(database: sa.Engine, settings: Settings) -> None:
    key = new_key(database)
    upload = ticket(database, key, settings)
    assert upload.storage_key == f"uploads/{upload.id}/clip.mp4"
    assert (upload.kind, upload.content_type, upload.size, upload.stored_us) == (
        "video",
        "video/mp4",
        1000,
        None,
    )
    assert upload.expires_us - upload.created_us == 7 * 86_400_000_000
    with transaction(database) as conn:
        assert files.get(conn, upload.id) == files.by_storage_key(conn, upload.storage_key) == upload
        files.set_size(conn, upload.id, 900)
        assert files.mark_stored(conn, upload.id)
        assert not files.mark_stored(conn, upload.id)
        files.set_size(conn, upload.id, 5)
        stored = files.get(conn, upload.id)
        assert files.get(conn, "0" * 32) is None
    assert stored is not None and stored.stored_us is not None and stored.size == 900


@pytest.mark.parametrize(
    ("filename", "content_type", "name", "kind", "served_as"),
    [
        ("clip.mp4", "application/x-msdownload", "clip.mp4", "video", "video/mp4"),
        ("Über uns.MP4", None, "Uber-uns.mp4", "video", "video/mp4"),
        ("видео.mov", None, "file.mov", "video", "video/quicktime"),
        ("../../etc/passwd.wav", None, "passwd.wav", "audio", "audio/wav"),
        ("C:\\sounds\\a.b.mp3", None, "a-b.mp3", "audio", "audio/mpeg"),
        ("-rf.png", None, "rf.png", "image", "image/png"),
        ("voice.webm", "audio/webm;codecs=opus", "voice.webm", "audio", "audio/webm"),
        ("cam.webm", "video/webm", "cam.webm", "video", "video/webm"),
        ("blob", "video/mp4", "blob.mp4", "video", "video/mp4"),
        ("blob", "audio/mpeg; x=y", "blob.mp3", "audio", "audio/mpeg"),
        ("x" * 240 + ".wav", None, "x" * 100 + ".wav", "audio", "audio/wav"),
    ],
)
def test_names_and_types(
    database: sa.Engine,
    settings: Settings,
    filename: str,
    content_type: str | None,
    name: str,
    kind: str,
    served_as: str,
) -> None:
    upload = ticket(database, new_key(database), settings, filename, content_type=content_type)
    assert upload.storage_key == check_key(f"uploads/{upload.id}/{name}")
    assert (upload.kind, upload.content_type, upload.filename) == (kind, served_as, filename)


@pytest.mark.parametrize(
    ("filename", "size", "content_type", "error", "sentence"),
    [
        ("page.html", 1, None, InvalidParameterError, "'page.html' is not accepted"),
        ("page", 1, "text/html", InvalidParameterError, "is not accepted"),
        ("noname", 1, None, InvalidParameterError, "is not accepted"),
        ("", 1, None, InvalidParameterError, "filename must be"),
        ("a\0.mp4", 1, None, InvalidParameterError, "filename must be"),
        ("x" * 300 + ".mp4", 1, None, InvalidParameterError, "filename must be"),
        ("a.mp4", 0, None, InvalidParameterError, "size is 0"),
        ("a.mp4", -5, None, InvalidParameterError, "size is -5"),
        ("a.mp4", 2**60, None, TooLargeError, "pass a URL"),
    ],
)
def test_what_is_refused(
    database: sa.Engine,
    settings: Settings,
    filename: str,
    size: int,
    content_type: str | None,
    error: type[ServiceError],
    sentence: str,
) -> None:
    key = new_key(database)
    with pytest.raises(error, match=sentence):
        ticket(database, key, settings, filename, size, content_type)


def test_the_quota_counts_what_is_kept(database: sa.Engine) -> None:
    key, other = new_key(database), new_key(database)
    small = load_settings(upload_quota_bytes=2500)
    stored = ticket(database, key, small)
    with transaction(database) as conn:
        files.mark_stored(conn, stored.id)
    ticket(database, key, small)
    with pytest.raises(RateLimitError, match="Upload quota exceeded: 2000 of 2500 bytes"):
        ticket(database, key, small)
    ticket(database, other, small)
    with transaction(database) as conn:
        # An hour later the unused ticket counts no more.
        conn.execute(sa.text("UPDATE lw_files SET ticket_expires_us = 1 WHERE stored_us IS NULL"))
        assert files.held_bytes(conn, key.id) == 1000
        conn.execute(sa.text("UPDATE lw_files SET expires_us = 1"))
        assert files.held_bytes(conn, key.id) == 0


def test_nobody_has_no_ticket(database: sa.Engine, settings: Settings) -> None:
    with pytest.raises(NotFoundError), transaction(database) as conn:
        files.create_ticket(conn, "0" * 32, "a.mp4", 1, None, settings)


def test_whose_a_file_is(database: sa.Engine, settings: Settings) -> None:
    key = new_key(database)
    upload, job = ticket(database, key, settings), finished(database, key)
    with database.connect() as conn:
        assert files.owner(conn, upload.storage_key) == key.id
        assert files.owner(conn, files.output_key(job.id, "video.mp4")) == key.id
        for stranger in ("uploads/x/clip.mp4", "outputs/x/video.mp4", "else/x", "outputs", ""):
            assert files.owner(conn, stranger) is None


@pytest.mark.parametrize(
    ("key", "served_as"),
    [
        ("outputs/x/video.mp4", "video/mp4"),
        ("outputs/x/report.json", "application/json"),
        ("a/b.svg", "application/octet-stream"),
        ("a/b", "application/octet-stream"),
    ],
)
def test_what_files_are_served_as(key: str, served_as: str) -> None:
    assert files.content_type_of(key) == served_as
