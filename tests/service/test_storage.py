"""Stores: what every store does, on the local folder and on S3; and what only the local folder does."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer

from lipwright.service.errors import ConflictError, InvalidParameterError, SettingsError, StorageError
from lipwright.service.settings import load_settings
from lipwright.service.storage import HIDDEN, LocalStorage, Storage, open_storage

KEY = "outputs/0123456789abcdef0123456789abcdef/video.mp4"
CONTENT = bytes(range(256)) * 2000  # 512 kB: more than one piece


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """URL of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, tmp_path: Path) -> Storage:
    """A folder of a fresh bucket."""
    bucket = tmp_path.name.replace("_", "-").lower()[:50].strip("-")
    urlopen(Request(f"{s3_server}/{bucket}", method="PUT")).close()
    return open_storage(
        load_settings(
            storage="s3",
            s3_bucket=bucket,
            s3_prefix="team/",
            s3_endpoint=s3_server,
            s3_access_key_id="key",
            s3_secret_access_key="secret",
        )
    )


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    """A folder."""
    storage = open_storage(load_settings(data=tmp_path / "data"))
    assert isinstance(storage, LocalStorage)
    return storage


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> Storage:
    """Each store in turn."""
    found: Storage = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to store."""
    path = tmp_path / "made.mp4"
    path.write_bytes(CONTENT)
    return path


def content(store: Storage, key: str = KEY, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(store.open_range(key, start, end))


def test_what_is_published_is_there(store: Storage, source: Path, tmp_path: Path) -> None:
    assert store.size(KEY) is None
    store.publish(source, KEY, "video/mp4")
    assert (store.size(KEY), content(store), source.exists()) == (len(CONTENT), CONTENT, True)
    store.fetch(KEY, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == CONTENT
    store.check()


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (5, 6), (100, None), (len(CONTENT) - 3, None), (300_000, 400_000), (7, 7)]
)
def test_ranges(store: Storage, source: Path, start: int, end: int | None) -> None:
    store.publish(source, KEY, "video/mp4")
    assert content(store, KEY, start, end) == CONTENT[start:end]


def test_publishing_again_replaces(store: Storage, source: Path) -> None:
    store.publish(source, KEY, "video/mp4")
    source.write_bytes(b"again")
    store.publish(source, KEY, "video/mp4", keep=False)
    assert (content(store), source.exists()) == (b"again", False)


def test_an_exclusive_name_is_given_once(store: Storage, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    store.publish(source, KEY, "video/mp4", exclusive=True, keep=False)
    with pytest.raises(ConflictError, match="stored before"):
        store.publish(other, KEY, "video/mp4", exclusive=True)
    assert (content(store), other.exists(), source.exists()) == (CONTENT, True, False)


def test_a_large_file_goes_up_in_parts(s3: Storage, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(17 * 2**20)
    s3.publish(large, KEY, "video/mp4")
    assert s3.size(KEY) == 17 * 2**20


def test_deleting_and_listing(store: Storage, source: Path) -> None:
    names = ["outputs/a/x.mp4", "outputs/a/y.json", "outputs/ab/x.mp4", "uploads/a/x.mp4"]
    for name in names:
        store.publish(source, name, "video/mp4")
    assert sorted(each.key for each in store.list()) == names
    assert sorted(each.key for each in store.list("outputs/a")) == names[:2]
    assert {each.size for each in store.list("uploads")} == {len(CONTENT)}
    assert all(each.modified_us > 1_600_000_000_000_000 for each in store.list())
    for name in names[:2]:
        store.delete(name)
        store.delete(name)
    assert sorted(each.key for each in store.list()) == names[2:]
    assert list(store.list("nothing")) == []


ODD_NAMES = (
    *("", "/etc/passwd", "../x", "a/../b", "a/..", "a//b", "a/", ".hidden", "a/.part-x"),
    *("a\\b", "a b", "ü", "a\0", "a\n", "-rf", "x" * 201, "/".join("abc" * 200)),
)


@pytest.mark.parametrize("key", ODD_NAMES)
def test_odd_names_are_refused(store: Storage, source: Path, key: str, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.publish(source, key, "video/mp4"),
        lambda: store.size(key),
        lambda: store.local_path(key),
        lambda: store.presigned_url(key, 1),
        lambda: content(store, key),
        lambda: store.fetch(key, tmp_path / "fetched"),
        lambda: store.delete(key),
    ]
    for call in calls:
        with pytest.raises(InvalidParameterError, match="not the name of a stored file"):
            call()


def test_what_is_not_there_is_told(store: Storage, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"{KEY} cannot be read: "):
        content(store)
    with pytest.raises(StorageError):
        store.fetch(KEY, tmp_path / "fetched")


def test_clients_read_s3_by_themselves(s3: Storage, source: Path) -> None:
    s3.publish(source, KEY, "video/mp4")
    url = s3.presigned_url(KEY, 60)
    assert url is not None and s3.local_path(KEY) is None
    with urlopen(Request(url, headers={"Range": "bytes=1-3"})) as answer:
        assert (answer.status, answer.read(), answer.headers["Content-Type"]) == (
            206,
            CONTENT[1:4],
            "video/mp4",
        )


def test_a_bucket_that_is_not_there_is_told(s3_server: str, source: Path) -> None:
    store = open_storage(
        load_settings(
            storage="s3",
            s3_bucket="nowhere",
            s3_endpoint=s3_server,
            s3_access_key_id="key",
            s3_secret_access_key="hush",
        )
    )
    for call in (store.check, lambda: store.publish(source, KEY, "video/mp4")):
        with pytest.raises(StorageError, match="Storage: ") as caught:
            call()
        assert "\n" not in str(caught.value) and "hush" not in str(caught.value)


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lipwright.service.storage_s3", None)
    with pytest.raises(SettingsError, match=r"pip install 'lipwright\[s3\]'"):
        open_storage(load_settings(storage="s3", s3_bucket="b"))


def test_local_files_are_served_from_their_path(local: LocalStorage, source: Path) -> None:
    assert local.local_path(KEY) is None
    local.publish(source, KEY, "video/mp4")
    path = local.local_path(KEY)
    assert path is not None and path.read_bytes() == CONTENT
    assert local.presigned_url(KEY, 60) is None
    assert local.local_path("outputs") is None


def test_publishing_flushes_the_file_before_its_name_and_the_folder_after(
    local: LocalStorage, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of system calls is what survives a power cut; it cannot be seen from the result."""
    events: list[str] = []
    flush, replace = os.fsync, Path.replace

    def noted_flush(handle: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{handle}")).name
        events.append("flush part" if name.startswith(HIDDEN) else f"flush {name}")
        flush(handle)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_flush)
    monkeypatch.setattr(Path, "replace", noted_replace)
    local.publish(source, "outputs/a/x.mp4", "video/mp4")
    assert events[-3:] == ["flush part", "rename", "flush a"]
    assert {"flush outputs", "flush files", "flush data"} <= set(events)


def test_a_failed_publish_leaves_nothing(local: LocalStorage, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be stored: No such file"):
        local.publish(tmp_path / "missing", KEY, "video/mp4")
    assert [path for path in local.root.rglob("*") if path.is_file()] == []


def test_a_store_that_is_no_folder_is_told(local: LocalStorage, source: Path) -> None:
    local.root.parent.mkdir(parents=True)
    local.root.write_text("in the way")
    with pytest.raises(StorageError, match="cannot be stored: "):
        local.publish(source, KEY, "video/mp4")
    with pytest.raises(StorageError, match="cannot be used: "):
        local.check()


def test_unfinished_files_are_hidden_and_removed_when_old(local: LocalStorage, source: Path) -> None:
    local.publish(source, KEY, "video/mp4")
    part = local.root / "outputs" / f"{HIDDEN}x"
    part.write_bytes(b"half")
    assert [each.key for each in local.list()] == [KEY]
    now = part.stat().st_mtime_ns // 1000
    assert local.remove_unfinished(now) == 0
    assert local.remove_unfinished(now + 1) == 1
    assert not part.exists() and local.size(KEY) == len(CONTENT)


def test_what_others_put_there_is_not_listed(local: LocalStorage, source: Path) -> None:
    local.publish(source, KEY, "video/mp4")
    (local.root / "outputs" / ".DS_Store").write_bytes(b"x")
    (local.root / "a note.txt").write_bytes(b"x")
    assert [each.key for each in local.list()] == [KEY]


def test_empty_folders_go_with_the_last_file(local: LocalStorage, source: Path) -> None:
    for name in ("outputs/a/x.mp4", "outputs/a/y.mp4"):
        local.publish(source, name, "video/mp4")
    local.delete("outputs/a/x.mp4")
    assert (local.root / "outputs" / "a").is_dir()
    local.delete("outputs/a/y.mp4")
    assert list((local.root / "outputs").iterdir()) == []
