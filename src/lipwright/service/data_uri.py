"""`data:` URIs (RFC 2397): parsed strictly, decoded piece by piece into a file, within a limit of bytes."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from lipwright.service.arriving import arriving
from lipwright.service.errors import InvalidParameterError, TooLargeError
from lipwright.service.sniff import HEAD_BYTES, media_name, not_media

_HEADER = re.compile(
    r"data:(?P<type>[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)?(;[a-z0-9!#$&^_.+-]+=[^;,\"]*)*(?P<base64>;base64)?",
    re.IGNORECASE,
)
_LONGEST_HEADER = 300
_PIECE = 1 << 18  # characters; a multiple of 4, as base64 wants
_BROKEN_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True)
class Decoded:
    """A data: URI as a file."""

    path: Path
    size: int
    """Bytes."""
    container: str
    """What the bytes begin like (`sniff.media_name`); "" when that says nothing."""


def is_data_uri(ref: str) -> bool:
    """Whether a reference claims to be a data: URI."""
    return ref[:5].lower() == "data:"


def largest(ref: str) -> int:
    """A bound on the decoded bytes, from the length of the text alone."""
    payload = len(ref) - (ref.find(",", 0, _LONGEST_HEADER) + 1)
    return payload * 3 // 4 if _is_base64(ref) else payload


def decode(ref: str, target: Path, most: int, *, what: str = "file") -> Decoded:
    """Decode a data: URI into the file `target`; it appears whole or not at all.

    Raises InvalidParameterError (not well-formed, empty, surely no media) or TooLargeError (more than `most`
    bytes); `what` names the input in the sentences.
    """
    header, comma, _ = ref[:_LONGEST_HEADER].partition(",")
    if not comma or _HEADER.fullmatch(header) is None:
        raise InvalidParameterError(
            f"The {what} is not a well-formed data: URI; write data:video/mp4;base64, and then the bytes."
        )
    if largest(ref) - 2 > most:  # two bytes may be padding
        raise _too_large(what, most)
    pieces = _from_base64(ref, comma=len(header), what=what)
    if not _is_base64(ref):
        pieces = _from_percent(ref, len(header), what)
    with arriving(target) as file:
        size, head = _written(pieces, file, most, what)
    return Decoded(target, size, media_name(head))


def _written(pieces: Iterator[bytes], file: BinaryIO, most: int, what: str) -> tuple[int, bytes]:
    size, head = 0, b""
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise _too_large(what, most)
        file.write(piece)
        if len(head) < HEAD_BYTES:
            head = (head + piece)[:HEAD_BYTES]
    if not size:
        raise InvalidParameterError(
            f"The {what} is a data: URI without bytes; put the file's bytes after the comma."
        )
    strange = not_media(head)
    if strange is not None:
        raise InvalidParameterError(f"The {what} is a data: URI that holds {strange}; send a media file.")
    return size, head


def _is_base64(ref: str) -> bool:
    return ref[:_LONGEST_HEADER].partition(",")[0].lower().endswith(";base64")


def _from_base64(ref: str, comma: int, what: str) -> Iterator[bytes]:
    end = len(ref)
    for start in range(comma + 1, end, _PIECE):
        piece = ref[start : start + _PIECE]
        last = start + _PIECE >= end
        try:
            if not last and "=" in piece:
                raise binascii.Error("padding before the end")
            yield binascii.a2b_base64(piece.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError) as error:
            raise InvalidParameterError(
                f"The {what} is a data: URI with broken base64; encode the file again, without line breaks."
            ) from error


def _from_percent(ref: str, comma: int, what: str) -> Iterator[bytes]:
    start, end = comma + 1, len(ref)
    while start < end:
        stop = min(start + _PIECE, end)
        # An escape is not cut in two.
        tail = ref.rfind("%", max(start, stop - 2), stop)
        if stop < end and tail >= 0:
            stop = tail
            if stop == start:
                stop = min(start + 3, end)
        piece = ref[start:stop]
        if not piece.isascii() or _BROKEN_PERCENT.search(piece) is not None:
            raise InvalidParameterError(
                f"The {what} is a data: URI with a broken escape; encode the file as base64 instead."
            )
        yield unquote_to_bytes(piece)
        start = stop


def _too_large(what: str, most: int) -> TooLargeError:
    return TooLargeError(
        f"The {what} in the data: URI is larger than the {most:,} bytes allowed; upload it, or give a URL."
    )
