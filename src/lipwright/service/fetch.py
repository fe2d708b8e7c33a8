"""One file from a stranger's URL into a folder of ours, within limits of bytes and time."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2

from lipwright.service.arriving import arriving
from lipwright.service.errors import FetchError
from lipwright.service.guard import (
    Budget,
    ExchangeError,
    Policy,
    RefusedURL,
    exchange,
    never,
    parsed,
    shown,
)
from lipwright.service.sniff import HEAD_BYTES, media_name, not_media

_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class FetchLimits:
    """How much of a stranger's server is borne."""

    bytes: int
    """Most bytes of a file."""
    total_s: float = 120.0
    """Longest time in all: look-ups, redirects and the file."""
    stall_s: float = 20.0
    """Longest time without a byte."""
    redirects: int = 5


@dataclass(frozen=True)
class Fetched:
    """A file that arrived whole."""

    path: Path
    size: int
    """Bytes."""
    container: str
    """What the bytes begin like (`sniff.media_name`); "" when that says nothing."""
    sha256: str


def fetch(
    url: str,
    target: Path,
    limits: FetchLimits,
    policy: Policy,
    *,
    what: str = "file",
    cancelled: Callable[[], bool] = never,
) -> Fetched:
    """Fetch a URL into `target`, whose folder exists. It appears whole or not at all.

    `what` names the input in sentences ("video", "audio"). `cancelled` is asked at least every quarter of a
    second. Raises FetchError (what, from where, why), Cancelled, and OSError when our own disk fails.
    """
    budget = Budget(limits.total_s, limits.stall_s, cancelled)
    where = shown(url)
    try:
        at = parsed(url)
        for _ in range(limits.redirects + 1):
            where = shown(at)
            with exchange(policy, budget, "GET", at) as answer:
                if answer.status_code not in _REDIRECTS:
                    return _stored(answer, target, limits.bytes)
                at = _next(at, answer)  # the body of a redirect, however long, is never read
    except ExchangeError as error:
        raise FetchError(f"The {what} could not be fetched from {where}: {error}.") from error
    raise FetchError(
        f"The {what} could not be fetched from {shown(url)}: it redirects more than {limits.redirects} "
        "times; give the final URL."
    )


class _Unfit(ExchangeError):
    """The server answered, but not with a file that we take."""


def _next(at: httpx2.URL, answer: httpx2.Response) -> httpx2.URL:
    location = answer.headers.get("location", "")
    if not location:
        raise _Unfit("it redirects to nowhere; give the final URL")
    try:
        return at.join(parsed(location))
    except (httpx2.InvalidURL, ValueError) as error:
        raise RefusedURL("it redirects to something that is no URL; give the final URL") from error


def _stored(answer: httpx2.Response, target: Path, most: int) -> Fetched:
    if answer.status_code != 200:
        raise _Unfit(f"the server answered {answer.status_code}; check that the URL opens elsewhere")
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        # It was told that we take none; unpacking a stranger's bytes is how small answers become huge ones.
        raise _Unfit("the server sends it compressed, which was not asked for; serve the file as it is")
    stated = answer.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most:
        raise _Unfit(_too_large(most))
    with arriving(target) as file:
        size, digest, head = _copied(answer, file, most)
    return Fetched(target, size, media_name(head), digest)


def _copied(answer: httpx2.Response, file: BinaryIO, most: int) -> tuple[int, str, bytes]:
    """Copy the body; its length, its SHA-256 and its beginning."""
    size, digest, head = 0, hashlib.sha256(), b""
    judged = False
    for piece in answer.iter_raw():
        size += len(piece)
        if size > most:
            raise _Unfit(_too_large(most))
        digest.update(piece)
        file.write(piece)
        if not judged:
            head = (head + piece)[:HEAD_BYTES]
            judged = len(head) == HEAD_BYTES
            if judged:
                _judge(head)
    if not size:
        raise _Unfit("the file is empty (0 bytes); check the URL")
    _judge(head)
    return size, digest.hexdigest(), head


def _judge(head: bytes) -> None:
    """Refuse what surely is no media as soon as its beginning is here, whatever name and type it bears."""
    strange = not_media(head)
    if strange is not None:
        raise _Unfit(f"what came is {strange}; give the URL of the media file itself")


def _too_large(most: int) -> str:
    return f"it is larger than the {most:,} bytes allowed; shorten or compress it"
