"""URLs: the ones that we give to clients, and the ones among clients' inputs that are ours."""

import re
import time
from urllib.parse import unquote_plus

from fastapi import Request

from lipwright.service import files, predictions
from lipwright.service.api.state import Service
from lipwright.service.errors import ForbiddenError, InvalidParameterError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction
from lipwright.service.signing import OwnUrl, own_url, signed_url, verify
from lipwright.service.wire import bundle_ids

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_WEBHOOK = re.compile(r"(?:^|&)webhook=")


def base_url(service: Service, request: Request) -> str:
    """Scheme and host of the URLs that the client is given: as set, else as it reached us.

    Raises InvalidParameterError for a Host header that is none, because it would end up inside of URLs.
    """
    public = service.settings.public_url
    if public is not None:
        return public.rstrip("/")
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        raise InvalidParameterError("The header Host is no host name.")
    return f"{request.url.scheme}://{host}"


def output_urls(service: Service, prediction: Prediction) -> list[str]:
    """Signed URLs of the outputs: the same at every call, good as long as the files are kept. Of an adapt job
    the id of its bundle, which has no URL.
    """
    if prediction.kind == predictions.ADAPT:
        return bundle_ids(prediction)
    if prediction.finished_us is None:
        return []
    expires = (prediction.finished_us + service.settings.retention_us) // 1_000_000
    return [signed_url(prediction.base_url, service.url_secret, key, expires) for key in prediction.outputs]


def upload_url(service: Service, base: str, upload: files.Upload) -> str:
    """Signed URL of an upload, to be used as an input."""
    return signed_url(base, service.url_secret, upload.storage_key, upload.expires_us // 1_000_000)


def raw_webhook(request: Request) -> str | None:
    """The query's `webhook`, percent-encoded or raw.

    A raw one, as an old client sends, holds "://" unescaped; all that follows is then part of it, because its
    own query cannot be told from ours, which has nothing else.
    """
    found = _WEBHOOK.search(request.url.query)
    if found is None:
        return None
    rest = request.url.query[found.end() :]
    if "://" in rest.partition("&")[0]:
        return rest
    return unquote_plus(rest.partition("&")[0])


def ours(url: str, base: str) -> OwnUrl | None:
    """The parts of a URL of a file that this server keeps; None for any other."""
    try:
        return own_url(url, (base,))
    except ValueError as error:  # urlsplit's, for brackets that do not match
        raise InvalidParameterError(f"{url[:100]!r} is no URL: {error}.") from error


def check_allowed(service: Service, key: Key, found: OwnUrl, name: str) -> None:
    """Raise InvalidParameterError unless the file is there and the key may use it: signed, or its own."""
    try:
        verify(service.url_secret, "GET", found.key, found.expires, found.signature, time.time())
    except ForbiddenError as error:
        with service.engine.connect() as conn:
            if files.owner(conn, found.key) != key.id:
                raise InvalidParameterError(f"{name}: {error}") from error
    if service.storage.size(found.key) is None:
        raise InvalidParameterError(
            f"{name} is a file of this server that is not there: upload it first, or again if it has expired."
        )
