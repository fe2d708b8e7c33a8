"""Whether a file is as long as its own header says."""

from pathlib import Path

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_HEADER = 1 << 16


def cut_short(path: Path) -> bool:
    """Whether bytes are missing at the end, by the header of a Matroska, AVI or WAV file; else False."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    size = path.stat().st_size
    if head.startswith(b"RIFF") and len(head) >= 8:
        stated = int.from_bytes(head[4:8], "little")
        return (
            0 < stated < 0xFFFFFFFF and stated + 8 > size + 1
        )  # a writer may leave off the last padding byte
    if head.startswith(_EBML):
        end = _segment_end(head)
        return end is not None and end > size
    return False


def _segment_end(head: bytes) -> int | None:
    """Where the segment of a Matroska file ends; None when the header does not say (a live recording)."""
    length, start = _number(head, len(_EBML))
    if length is None or not head.startswith(_SEGMENT, start + length):
        return None
    size, body = _number(head, start + length + len(_SEGMENT))
    return None if size is None else body + size


def _number(data: bytes, at: int) -> tuple[int | None, int]:
    """An EBML number and where it ends; None when it is missing or says "unknown" (all ones)."""
    if at >= len(data) or not data[at]:
        return None, at
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), at + width
