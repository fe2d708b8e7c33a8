"""The store in an S3-compatible bucket, through obstore (the only file that imports it)."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from lipwright.service.errors import ConflictError, StorageError
from lipwright.service.settings import Settings
from lipwright.service.storage import CHUNK_BYTES, HIDDEN, Stored, check_key, is_key

if TYPE_CHECKING:
    from obstore import GetOptions  # only type checkers see these
    from obstore.store import ClientConfig, S3Config

CONNECT_TIMEOUT = timedelta(seconds=10)
READ_TIMEOUT = timedelta(seconds=60)


class S3Storage:
    """A bucket, or a folder of one. See Storage for what the methods promise."""

    def __init__(self, settings: Settings) -> None:
        assert settings.s3_bucket is not None
        self.bucket = settings.s3_bucket
        endpoint = settings.s3_endpoint
        client: ClientConfig = {
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": READ_TIMEOUT,
        }
        place: S3Config = {
            "region": settings.s3_region,
            # Servers of one's own are reached by one name; the bucket goes into the path.
            "virtual_hosted_style_request": endpoint is None,
        }
        if endpoint is not None:
            place["endpoint"] = endpoint
        if settings.s3_access_key_id is not None and settings.s3_secret_access_key is not None:
            place["access_key_id"] = settings.s3_access_key_id
            place["secret_access_key"] = settings.s3_secret_access_key
        prefix = settings.s3_prefix.strip("/")
        self._store = S3Store(
            settings.s3_bucket, prefix=prefix if prefix else None, config=place, client_options=client
        )

    def publish(
        self, source: Path, key: str, content_type: str, *, exclusive: bool = False, keep: bool = True
    ) -> None:
        """See Storage. S3 shows an object when it is complete; large files go up in parts."""
        check_key(key)
        kind = {"Content-Type": content_type}
        with _failures(f"{key} cannot be stored"):
            if not exclusive:
                obstore.put(self._store, key, source, attributes=kind)
            else:
                # Creation on condition is one request; the file is mapped, not read into memory.
                with (
                    source.open("rb") as file,
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
                ):
                    obstore.put(
                        self._store, key, content, mode="create", use_multipart=False, attributes=kind
                    )
            if not keep:
                source.unlink()

    def size(self, key: str) -> int | None:
        """See Storage."""
        check_key(key)
        try:
            with _failures(f"{key} cannot be looked up"):
                return int(obstore.head(self._store, key)["size"])
        except _Missing:
            return None

    def local_path(self, key: str) -> Path | None:
        """See Storage: there is none."""
        check_key(key)
        return None

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        """See Storage."""
        with _failures(f"{key} cannot be signed"):
            return obstore.sign(self._store, "GET", check_key(key), timedelta(seconds=expires_s))

    def open_range(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        check_key(key)
        if end is not None and end <= start:
            return
        with _failures(f"{key} cannot be read"):
            wanted: GetOptions = {"range": {"offset": start} if end is None else (start, end)}
            found = obstore.get(self._store, key, options=wanted)
            for piece in found.stream(CHUNK_BYTES):
                yield bytes(piece)

    def fetch(self, key: str, target: Path) -> None:
        """See Storage."""
        with target.open("wb") as file:
            for piece in self.open_range(key):
                file.write(piece)

    def delete(self, key: str) -> None:
        """See Storage."""
        try:
            with _failures(f"{key} cannot be removed"):
                obstore.delete(self._store, check_key(key))
        except _Missing:
            return  # S3 itself says nothing about a missing object; some compatible servers do

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See Storage."""
        if prefix:
            check_key(prefix)
        with _failures("the bucket cannot be listed"):
            for page in obstore.list(self._store, prefix or None):
                for item in page:
                    if not is_key(item["path"]):
                        continue
                    yield Stored(
                        item["path"], item["size"], round(item["last_modified"].timestamp() * 1_000_000)
                    )

    def check(self) -> None:
        """See Storage."""
        probe = f"{HIDDEN}{uuid4().hex}"
        with _failures(f"the bucket {self.bucket} cannot be used"):
            obstore.put(self._store, probe, b"x")
            obstore.delete(self._store, probe)


class _Missing(StorageError):
    """There is no such object."""


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Turn what obstore says into our errors that start with `what`."""
    try:
        yield
    except FileNotFoundError as error:
        raise _Missing(f"Storage: {what}: there is no such file.") from error
    except AlreadyExistsError as error:
        raise ConflictError(f"Storage: {what}: it was stored before and is not replaced.") from error
    except (BaseError, OSError) as error:
        # The first line says what happened; the rest repeats the response and the client's insides.
        reason = str(error).partition("\n")[0].rstrip(" .:")
        raise StorageError(f"Storage: {what}: {reason}.") from error
