"""URLs of our own files: signed, expiring, checked without the database.

`{base}/files/{storage key}?expires=UNIX&signature=HEX`, where the signature is HMAC-SHA256 over method, key
and expiry with a secret of this server. A GET signature serves HEAD, too; a PUT signature is an upload
ticket. Whoever holds such a URL may use it until it expires, which is what clients and webhook receivers
need: they send no key.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lipwright.service import tables as t
from lipwright.service.db import is_sqlite, now_us, transaction
from lipwright.service.errors import ForbiddenError, InvalidParameterError
from lipwright.service.storage import check_key

PATH = "/files/"
SECRET_NAME = "urls"
SECRET_BYTES = 32
METHODS = {"GET": "GET", "HEAD": "GET", "PUT": "PUT"}
"""HTTP methods that signatures exist for, each with the one that is signed."""


@dataclass(frozen=True)
class OwnUrl:
    """A URL below /files/, taken apart; nothing about it is checked but the key's form."""

    key: str
    expires: str
    signature: str


def url_secret(engine: sa.Engine) -> bytes:
    """The secret that signs URLs, made at the first call; all processes of one database get the same."""
    insert = sqlite.insert if is_sqlite(engine) else postgresql.insert
    find = sa.select(t.secrets.c.value).where(t.secrets.c.name == SECRET_NAME)
    with engine.connect() as conn:
        value = conn.execute(find).scalar_one_or_none()
    if value is None:
        fresh = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        with transaction(engine) as conn:
            conn.execute(
                insert(t.secrets)
                .values(name=SECRET_NAME, value=fresh, created_us=now_us())
                .on_conflict_do_nothing()
            )
            value = conn.execute(find).scalar_one()
    return base64.b64decode(value)


def signed_url(base_url: str, secret: bytes, key: str, expires: int, method: str = "GET") -> str:
    """The URL of a stored file for one method, good until `expires` (Unix seconds)."""
    signature = _signature(secret, METHODS[method], key, str(expires))
    return f"{base_url}{PATH}{quote(key)}?expires={expires}&signature={signature}"


def verify(secret: bytes, method: str, key: str, expires: str, signature: str, now_s: float) -> None:
    """Raise ForbiddenError unless the signature is ours, for this method and key, and not expired."""
    signed = METHODS.get(method)
    if (
        signed is None
        or not (expires.isascii() and expires.isdigit() and len(expires) <= 12)
        or not signature.isascii()
        or not hmac.compare_digest(_signature(secret, signed, key, expires), signature)
    ):
        raise ForbiddenError("The signature of this file URL is wrong.", error_code="signature_invalid")
    if int(expires) < now_s:
        raise ForbiddenError("This file URL has expired; ask for a new one.", error_code="url_expired")


def own_url(url: str, bases: tuple[str, ...]) -> OwnUrl | None:
    """The parts of a URL below /files/ of one of `bases` (scheme and host); None for any other URL.

    Schemes http and https count as the same host, since a proxy may end TLS before us. Raises
    InvalidParameterError for a URL of ours whose path is no storage key.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.path.startswith(PATH):
        return None
    if _place(url) not in {_place(base) for base in bases}:
        return None
    key = unquote(parts.path.removeprefix(PATH))
    check_key(key)
    query = parse_qs(parts.query)
    return OwnUrl(key, query.get("expires", [""])[0], query.get("signature", [""])[0])


def _place(url: str) -> tuple[str | None, int | None]:
    """Host and port, the port None where the scheme's own is meant."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidParameterError(f"The port in the URL {url!r} is no number from 0 to 65535.") from error
    return parts.hostname, None if port in (80, 443) else port


def _signature(secret: bytes, method: str, key: str, expires: str) -> str:
    # None of the three holds a line break (check_key, digits), so the text cannot be cut in another way.
    text = "\n".join((method, key, expires)).encode()
    return hmac.new(secret, text, hashlib.sha256).hexdigest()
