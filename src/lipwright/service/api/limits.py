"""Request bodies: counted while they arrive, so that an endless one costs no more than its limit."""

import json
import re
from typing import Any, NoReturn

from fastapi import Request

from lipwright.service.errors import InvalidParameterError, TooLargeError

_NOT_JSON = ("multipart/", "image/", "audio/", "video/", "text/html", "text/xml", "application/xml")
_NUL_OR_SURROGATE = re.compile("[\x00\ud800-\udfff]")


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLargeError as soon as `limit` bytes are passed."""
    check_length(request, limit)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            too_large(limit)
        parts.append(part)
    return b"".join(parts)


def check_length(request: Request, limit: int) -> int | None:
    """What Content-Length announces, in bytes; None without it. Raises TooLargeError if that is too much."""
    announced = request.headers.get("content-length")
    if announced is None or not announced.isascii() or not announced.isdigit():
        return None
    if int(announced) > limit:
        too_large(limit)
    return int(announced)


def too_large(limit: int) -> NoReturn:
    """Raise TooLargeError that names the limit, in bytes."""
    raise TooLargeError(f"The request's body is larger than {limit} bytes, which is the limit here.")


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object.

    Any content type will do except those that are certainly something else: clients differ in what they send.
    Raises InvalidParameterError, TooLargeError.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(
        ("multipart/", "image/", "audio/", "video/", "text/html", "text/xml", "application/xml")
    ):
        raise InvalidParameterError(f"The body's type is {kind[:100]}, but must be application/json.")
    return parse_object(await read_body(request, limit))


def refuse_media(request: Request) -> None:
    """Raise InvalidParameterError when the content type says that the body is certainly no JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(_NOT_JSON):
        raise InvalidParameterError(f"The body's type is {kind[:100]!r}, but must be application/json.")


def parse_object(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object. Raises InvalidParameterError."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode(), parse_constant=_constant)
    except RecursionError:
        raise InvalidParameterError("The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise InvalidParameterError("The body is not JSON: it is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidParameterError(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except ValueError:  # a number of thousands of digits
        raise InvalidParameterError("The body holds a number with too many digits.") from None
    if not isinstance(value, dict):
        raise InvalidParameterError("The body must be a JSON object, such as {}.")
    # Only escapes can bring these characters in, and no database takes them.
    if b"\\u" in body and _holds_unstorable(value):
        raise InvalidParameterError(
            "The body holds a NUL or half a surrogate pair in a text; send whole characters."
        )
    return value


def check_text(name: str, value: str) -> str:
    """`value`, of the query or a header. Raises InvalidParameterError when no database could take it."""
    if _NUL_OR_SURROGATE.search(value):
        raise InvalidParameterError(f"{name} holds a NUL or half a surrogate pair; send whole characters.")
    return value


def _constant(name: str) -> NoReturn:
    raise InvalidParameterError(f"The body is not JSON: {name} is no number there.")


def _holds_unstorable(value: object) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _NUL_OR_SURROGATE.search(item):
                return True
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return False
