"""Inputs that are, or become, files of this server: URLs that it gave out, and data: URIs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lipwright.errors import Cancelled
from lipwright.service import data_uri, files
from lipwright.service.api import links
from lipwright.service.api.state import Service
from lipwright.service.check import Kind, check, limits_of
from lipwright.service.db import transaction
from lipwright.service.errors import InvalidParameterError, TaskError
from lipwright.service.keys import Key
from lipwright.service.signing import OwnUrl

INCOMING = "incoming"
"""Folder below `data` for files that are on their way into the store."""
_EXTENSIONS = {"matroska": "mkv", "asf": "wmv"}
"""Of containers whose usual extension is not their name."""
_OTHERWISE = {"video": "mp4", "audio": "wav"}


@contextmanager
def incoming_folder(service: Service) -> Iterator[Path]:
    """A folder of one request's own, on the disk of the store."""
    root = service.settings.data / INCOMING
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=root) as folder:
        yield Path(folder)


def clear_incoming(service: Service) -> None:
    """Remove what a killed process left on its way; to be called before requests are served."""
    shutil.rmtree(service.settings.data / INCOMING, ignore_errors=True)


def adopt(service: Service, key: Key, base_url: str, urls: dict[str, str]) -> dict[str, str]:
    """The inputs, by name, with data: URIs replaced by URLs of uploads. Blocks.

    Raises InvalidParameterError for a file of ours that the key may not use or that is gone, for a broken
    data: URI, TooLargeError, and RateLimitError when the key would hold too much.
    """
    return {name: _adopted(service, key, base_url, name, url) for name, url in urls.items()}


def keep(service: Service, key: Key, path: Path, filename: str, content_type: str | None) -> files.Upload:
    """Make a file an upload of a key; it is taken from where it lies. Blocks. Raises as `create_ticket`."""
    with transaction(service.engine) as conn:
        upload = files.create_ticket(
            conn, key.id, filename, path.stat().st_size, content_type, service.settings
        )
    service.storage.publish(path, upload.storage_key, upload.content_type, exclusive=True, keep=False)
    with transaction(service.engine) as conn:
        files.mark_stored(conn, upload.id)
    return upload


def stored_seconds(service: Service, key: Key, found: OwnUrl, kind: Kind) -> float:
    """Length of an input that this server keeps. Blocks. Raises InvalidParameterError if it has none."""
    links.check_allowed(service, key, found, kind)
    with incoming_folder(service) as folder:
        path = service.storage.local_path(found.key)
        if path is None:
            path = folder / kind
            service.storage.fetch(found.key, path)
        settings = service.settings
        try:
            return check(path, kind, limits_of(settings, kind), timeout_s=settings.probe_timeout_s).seconds
        except (TaskError, Cancelled) as error:
            raise InvalidParameterError(str(error)) from error


def _adopted(service: Service, key: Key, base_url: str, name: str, url: str) -> str:
    if data_uri.is_data_uri(url):
        return _decoded(service, key, base_url, name, url)
    found = links.ours(url, base_url)
    if found is not None:
        links.check_allowed(service, key, found, name)
    return url


def _decoded(service: Service, key: Key, base_url: str, name: str, uri: str) -> str:
    with incoming_folder(service) as folder:
        decoded = data_uri.decode(uri, folder / name, service.settings.max_upload_bytes, what=name)
        extension = _EXTENSIONS.get(decoded.container, decoded.container)
        if extension not in files.CONTENT_TYPES:
            extension = _OTHERWISE[name]
        upload = keep(service, key, decoded.path, f"{name}.{extension}", None)
    return links.upload_url(service, base_url, upload)
