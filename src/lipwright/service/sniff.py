"""What bytes are, by their beginning. Names and stated types of files are a stranger's word."""

HEAD_BYTES = 1024
"""How much of a file the functions here want to see."""

_MAGIC = (
    (b"\x1a\x45\xdf\xa3", 0, "matroska"),
    (b"OggS", 0, "ogg"),
    (b"fLaC", 0, "flac"),
    (b"ID3", 0, "mp3"),
    (b"FLV\x01", 0, "flv"),
    (b"\x00\x00\x01\xba", 0, "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, "asf"),
    (b"caff", 0, "caf"),
    (b"FORM", 0, "aiff"),
    (b"#!AMR", 0, "amr"),
    (b".snd", 0, "au"),
    (b"GIF8", 0, "gif"),
    (b"\x89PNG", 0, "png"),
    (b"\xff\xd8\xff", 0, "jpeg"),
    (b"WAVE", 8, "wav"),
    (b"AVI ", 8, "avi"),
    (b"WEBP", 8, "webp"),
    (b"ftyp", 4, "mp4"),
    (b"moov", 4, "mp4"),
    (b"mdat", 4, "mp4"),
    (b"wide", 4, "mp4"),
    (b"free", 4, "mp4"),
    (b"skip", 4, "mp4"),
)
# What people send in the place of media, and what to call it in a sentence.
_NOT_MEDIA = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<!--", b"<svg", b"<?xml")
_ALLOWED_CONTROLS = b"\t\n\r\x0c\x1b"


def media_name(head: bytes) -> str:
    """The family of container that the beginning shows (`mp4`, `matroska`, `wav`, `mp3` ...); "" for none."""
    for magic, at, name in _MAGIC:
        if head.startswith(magic, at):
            return name
    if len(head) > 188 and head[0] == 0x47 and head[188] == 0x47:
        return "mpegts"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0x06 == 0 else "mp3"
    return ""


def not_media(head: bytes) -> str | None:
    """What the bytes are when they surely are no media ("a web page", "a ZIP archive"); None otherwise."""
    for magic, name in _NOT_MEDIA:
        if head.startswith(magic):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_MARKUP):
        return "a web page"
    if text.startswith((b"#extm3u", b"ffconcat", b"v=0\r\n", b"v=0\n")):
        return "a playlist, not a file that holds its own media"
    if text.startswith((b"{", b"[")) and _is_text(head):
        return "a JSON text"
    if head and not head.startswith((b"#!AMR", b"YUV4MPEG2")) and _is_text(head):
        return "a text"
    return None


def _is_text(head: bytes) -> bool:
    if any(byte < 0x20 and byte not in _ALLOWED_CONTROLS for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start > len(head) - 4
    return True
