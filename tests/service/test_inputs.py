"""Bringing inputs: our own URLs from the store, others through the guard, data: URIs decoded."""

import base64
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from lipwright.service import files, signing
from lipwright.service.check import Kind
from lipwright.service.db import transaction
from lipwright.service.errors import BadMediaError, FetchError, InvalidParameterError, ServiceError
from lipwright.service.guard import Policy
from lipwright.service.inputs import Inputs
from lipwright.service.keys import Key
from lipwright.service.settings import Settings, load_settings
from lipwright.service.storage import LocalStorage, Storage
from service.accounts import draft, finished, new_key
from service.hostile import answer, hostile_server

MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 8
BASE = "http://localhost:8000"
LOCAL = Policy(allow_private=True, ports=())


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return LocalStorage(settings.stored)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def never() -> bool:
    return False


def upload(engine: sa.Engine, storage: Storage, key: Key, settings: Settings, tmp_path: Path) -> str:
    """The storage key of an upload."""
    with transaction(engine) as conn:
        ticket = files.create_ticket(conn, key.id, "clip.mp4", len(MP4), "video/mp4", settings)
    source = tmp_path / "source"
    source.write_bytes(MP4)
    storage.publish(source, ticket.storage_key, "video/mp4")
    return ticket.storage_key


def own(engine: sa.Engine, key: str, *, expires_in: int = 100, base: str = BASE) -> str:
    return signing.signed_url(base, signing.url_secret(engine), key, int(time.time()) + expires_in)


def bring(
    inputs: Inputs, key: Key, ref: str, folder: Path, kind: Kind = "video", base_url: str = BASE
) -> Path:
    target = folder / kind
    inputs(draft(key, input={"video": ref, "audio": ref}, base_url=base_url), kind, target, never)
    return target


def test_an_upload_is_read_from_the_store(
    database: sa.Engine, settings: Settings, storage: Storage, tmp_path: Path, folder: Path
) -> None:
    """Nobody listens at the base URL: a request there would fail."""
    key = new_key(database)
    url = own(database, upload(database, storage, key, settings, tmp_path))
    assert bring(Inputs(database, settings, storage), key, url, folder).read_bytes() == MP4
    assert [path.name for path in folder.iterdir()] == ["video"]


def test_a_signed_url_serves_everyone_until_it_expires(
    database: sa.Engine, settings: Settings, storage: Storage, tmp_path: Path, folder: Path
) -> None:
    owner, other = new_key(database), new_key(database)
    stored = upload(database, storage, owner, settings, tmp_path)
    inputs = Inputs(database, settings, storage)
    assert bring(inputs, other, own(database, stored), folder).read_bytes() == MP4
    expired = own(database, stored, expires_in=-10)
    assert bring(inputs, owner, expired, folder).read_bytes() == MP4  # its own file
    for url in (expired, f"{BASE}/files/{stored}", own(database, stored)[:-4] + "0000"):
        with pytest.raises(InvalidParameterError, match="The video cannot be used"):
            bring(inputs, other, url, folder)


def test_an_earlier_output_is_an_input_too(
    database: sa.Engine, settings: Settings, storage: Storage, tmp_path: Path, folder: Path
) -> None:
    key = new_key(database)
    done = finished(database, key)
    source = tmp_path / "source"
    source.write_bytes(MP4)
    stored = files.output_key(done.id, "video.mp4")
    storage.publish(source, stored, "video/mp4")
    inputs = Inputs(database, settings, storage)
    assert bring(inputs, key, f"{BASE}/files/{stored}", folder).read_bytes() == MP4
    with pytest.raises(InvalidParameterError):
        bring(inputs, new_key(database), f"{BASE}/files/{stored}", folder)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "uploads/../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "uploads%00/x",
        "",
        "uploads/" + "a" * 600,
        "work/secret",
    ],
)
def test_tricks_with_paths_are_refused(
    path: str, database: sa.Engine, settings: Settings, storage: Storage, folder: Path
) -> None:
    with pytest.raises(ServiceError):
        bring(Inputs(database, settings, storage), new_key(database), f"{BASE}/files/{path}", folder)
    assert list(folder.iterdir()) == []


def test_a_file_that_is_gone_is_a_sentence(
    database: sa.Engine, settings: Settings, storage: Storage, folder: Path
) -> None:
    url = own(database, "uploads/0/clip.mp4")
    with pytest.raises(FetchError, match="no longer there; upload it again"):
        bring(Inputs(database, settings, storage), new_key(database), url, folder)


def test_a_stored_file_may_be_too_large_as_an_input(
    database: sa.Engine, settings: Settings, storage: Storage, tmp_path: Path, folder: Path
) -> None:
    key = new_key(database)
    url = own(database, upload(database, storage, key, settings, tmp_path))
    small = load_settings(**settings.model_dump() | {"max_input_bytes": 1000})
    with pytest.raises(BadMediaError, match="larger than the 1,000 bytes"):
        bring(Inputs(database, small, storage), key, url, folder)


def test_other_urls_go_through_the_guard(
    database: sa.Engine, settings: Settings, storage: Storage, folder: Path
) -> None:
    key = new_key(database)
    with hostile_server({"/clip.mp4": answer(MP4)}) as server:
        url = server.url("/clip.mp4")
        with pytest.raises(FetchError, match="port"):
            bring(Inputs(database, settings, storage), key, url, folder)
        with pytest.raises(FetchError, match="public internet"):
            bring(Inputs(database, settings, storage), key, "http://127.0.0.1/clip.mp4", folder)
        assert server.requests == []
        inputs = Inputs(database, settings, storage, LOCAL)
        assert bring(inputs, key, url, folder).read_bytes() == MP4


def test_data_uris_are_decoded(
    database: sa.Engine, settings: Settings, storage: Storage, folder: Path
) -> None:
    ref = "data:video/mp4;base64," + base64.b64encode(MP4).decode()
    key = new_key(database)
    assert bring(Inputs(database, settings, storage), key, ref, folder).read_bytes() == MP4


@pytest.mark.parametrize("ref", ["", "clip.mp4", "/etc/passwd", "file:///etc/passwd", "s3://b/k", "http://["])
def test_anything_else_is_refused(
    ref: str, database: sa.Engine, settings: Settings, storage: Storage, folder: Path
) -> None:
    with pytest.raises((FetchError, InvalidParameterError), match="The audio"):
        bring(Inputs(database, settings, storage), new_key(database), ref, folder, kind="audio")
