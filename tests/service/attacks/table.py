"""Attacks on the service, as data: what is tried, and the answer that must come. docs/service-security.md is
made of this table (document.py), and test_attacks.py tries every row.
"""

import base64
import gzip
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipwright.service.check import Kind
from service import hostile_media as made
from service.hostile import Behaviour, answer, redirect
from service.internet import PUBLIC

MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 8


@dataclass(frozen=True)
class UrlAttack:
    """A URL of an input. `media.example` is a public host, a server of the attacker."""

    attack: str
    url: str
    expected: str
    """In the sentence."""
    behave: Behaviour | None = None
    """What the attacker's server does with `/a`; None: nothing may reach any server at all."""
    addresses: tuple[tuple[str, ...], ...] = ((PUBLIC,),)
    """What the name resolves to, look-up by look-up."""


def _drip(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")
    while True:
        connection.sendall(b"\x00")
        time.sleep(0.02)


def _drip_head(connection: socket.socket, request: bytes) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.02)


def _hang(connection: socket.socket, request: bytes) -> None:
    connection.recv(1)


def _endless(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")


def _endless_redirect(connection: socket.socket, request: bytes) -> None:
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    while True:
        connection.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")


def _huge_head(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000)


_INSIDE = "unknown or not on the public internet"
_HOST = "no plain name or address"
_BOMB = gzip.compress(bytes(20_000_000))

URLS: tuple[UrlAttack, ...] = (
    UrlAttack("loopback", "http://127.0.0.1/a", _INSIDE),
    UrlAttack("loopback, another one", "http://127.7.7.7/a", _INSIDE),
    UrlAttack("loopback, IPv6", "http://[::1]/a", _INSIDE),
    UrlAttack("this host", "http://0.0.0.0/a", _INSIDE),
    UrlAttack("a name of loopback", "http://media.example/a", _INSIDE, addresses=(("127.0.0.1",),)),
    UrlAttack("private network", "http://10.0.0.1/a", _INSIDE),
    UrlAttack("private network", "http://192.168.0.1/a", _INSIDE),
    UrlAttack("private network, IPv6", "http://[fd00::1]/a", _INSIDE),
    UrlAttack("carrier's network", "http://100.64.0.1/a", _INSIDE),
    UrlAttack("cloud metadata", "http://169.254.169.254/latest/meta-data/", _INSIDE),
    UrlAttack("cloud metadata, IPv6", "http://[fd00:ec2::254]/", _INSIDE),
    UrlAttack("cloud metadata on a public address", "http://168.63.129.16/", _INSIDE),
    UrlAttack("link-local, IPv6 with a zone", "http://[fe80::1%25eth0]/a", _HOST),
    UrlAttack("multicast", "http://224.0.0.1/a", _INSIDE),
    UrlAttack("reserved", "http://240.0.0.1/a", _INSIDE),
    UrlAttack("IPv4 mapped into IPv6", "http://[::ffff:127.0.0.1]/a", _INSIDE),
    UrlAttack("IPv4 compatible IPv6", "http://[::127.0.0.1]/a", _INSIDE),
    UrlAttack("NAT64 of loopback", "http://[64:ff9b::7f00:1]/a", _INSIDE),
    UrlAttack("6to4 of loopback", "http://[2002:7f00:1::]/a", _INSIDE),
    UrlAttack("Teredo", "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/a", _INSIDE),
    UrlAttack("address as a decimal number", "http://2130706433/a", _HOST),
    UrlAttack("address as a hexadecimal number", "http://0x7f000001/a", _HOST),
    UrlAttack("address in octal", "http://0177.0.0.1/a", "well-formed"),
    UrlAttack("address in two parts", "http://127.1/a", _HOST),
    UrlAttack("address with ideographic dots", "http://127。0。0。1/a", _INSIDE),
    UrlAttack("escaped host", "http://127.0.0.%31/a", _HOST),
    UrlAttack("credentials that look like a host", "http://media.example@127.0.0.1/a", "name or password"),
    UrlAttack("backslash before the host", "http://media.example\\@127.0.0.1/a", "name or password"),
    UrlAttack("credentials", "http://user:pw@media.example/a", "name or password"),
    UrlAttack("SSH port", "http://media.example:22/a", "port 22"),
    UrlAttack("Redis port", "http://media.example:6379/a", "port 6379"),
    UrlAttack("local file", "file:///etc/passwd", "only http and https"),
    UrlAttack("gopher", "gopher://media.example:70/_x", "only http and https"),
    UrlAttack("line break in the URL", "http://media.example/a\r\nX: y", "well-formed"),
    UrlAttack(
        "one private address of two", "http://media.example/a", _INSIDE, addresses=((PUBLIC, "10.0.0.1"),)
    ),
    UrlAttack("redirect to loopback", "http://media.example/a", _INSIDE, redirect("http://127.0.0.1/")),
    UrlAttack(
        "redirect to metadata", "http://media.example/a", _INSIDE, redirect("http://169.254.169.254/latest/")
    ),
    UrlAttack(
        "redirect to a file", "http://media.example/a", "only http and https", redirect("file:///etc/passwd")
    ),
    UrlAttack(
        "redirect to another port", "http://media.example/a", "port 8080", redirect("//media.example:8080/")
    ),
    UrlAttack("redirect loop", "http://media.example/a", "redirects more than", redirect("/a")),
    UrlAttack("redirect with an endless body", "http://media.example/a", _INSIDE, _endless_redirect),
    UrlAttack(
        "DNS that points inside at the second look-up",
        "http://media.example/a",
        _INSIDE,
        redirect("http://media.example/b"),
        ((PUBLIC,), ("127.0.0.1",)),
    ),
    UrlAttack("slow drip of the body", "http://media.example/a", "longer than the 1 s allowed", _drip),
    UrlAttack(
        "slow drip of interim answers", "http://media.example/a", "longer than the 1 s allowed", _drip_head
    ),
    UrlAttack("server that hangs", "http://media.example/a", "sent nothing for 0.5 s", _hang),
    UrlAttack("endless body", "http://media.example/a", "larger than the 1,000,000 bytes", _endless),
    UrlAttack("endless header", "http://media.example/a", "did not speak HTTP", _huge_head),
    UrlAttack("immense stated length", "http://media.example/a", "larger than", answer(MP4, length=10**15)),
    UrlAttack("length that is too long", "http://media.example/a", "broke off", answer(MP4, length=9999)),
    UrlAttack(
        "gzip bomb as content encoding",
        "http://media.example/a",
        "compressed, which was not asked for",
        answer(_BOMB, headers=["Content-Encoding: gzip"]),
    ),
    UrlAttack("gzip bomb as a file", "http://media.example/a", "a gzip archive", answer(_BOMB)),
    UrlAttack(
        "web page called video/mp4",
        "http://media.example/a",
        "a web page",
        answer(b"<!doctype html><script>", headers=["Content-Type: video/mp4"]),
    ),
    UrlAttack(
        "playlist of our files",
        "http://media.example/a",
        "a playlist",
        answer(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", headers=["Content-Type: video/mp4"]),
    ),
)


@dataclass(frozen=True)
class MediaAttack:
    """A file that arrived."""

    attack: str
    kind: Kind
    make: Callable[[Path], Path]
    expected: str


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


MEDIA: tuple[MediaAttack, ...] = (
    MediaAttack(
        "video without frames", "video", lambda at: made.without_frames(at / "a.mp4"), "nothing that can be"
    ),
    MediaAttack(
        "pictures of 16,000 x 16,000 in 6 KB",
        "video",
        lambda at: made.huge_pictures(at / "a.avi", 16000, header_too=True),
        "16000x16000",
    ),
    MediaAttack(
        "1,000 frames per second", "video", lambda at: made.fast(at / "a.mkv", 1000), "frames per second"
    ),
    MediaAttack(
        "two frames a year apart", "video", lambda at: made.sparse(at / "a.mkv", 31_536_000), "longer than"
    ),
    MediaAttack(
        "mp4 cut short", "video", lambda at: made.cut(made.index_first(at / "a.mp4"), 0.6), "truncated"
    ),
    MediaAttack(
        "sound called a video", "video", lambda at: made.voice(at / "a.mp4", codec="alac"), "no video stream"
    ),
    MediaAttack(
        "silent video called a voice", "audio", lambda at: made.clip(at / "a.mp4"), "no audio stream"
    ),
    MediaAttack(
        "script that names our files",
        "video",
        lambda at: _written(at / "a.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        "cannot be read",
    ),
    MediaAttack(
        "random bytes", "video", lambda at: _written(at / "a.mp4", bytes(range(256)) * 999), "cannot be read"
    ),
    MediaAttack(
        "200 GB of sound on a few blocks", "audio", lambda at: made.endless(at / "a.wav"), "longer than"
    ),
    MediaAttack("a sample per second", "audio", lambda at: made.slow_samples(at / "a.wav"), "longer than"),
)


@dataclass(frozen=True)
class ApiAttack:
    """A submit to a running server with the default settings, by `video`."""

    attack: str
    video: Any
    expected: str
    """In the answer of the submit, or in `error` of the prediction."""
    status: int = 200
    """HTTP status of the submit; 200: accepted, and the prediction must fail and cost nothing."""


def _data(content: bytes, kind: str = "video/mp4") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


SUBMITS: tuple[ApiAttack, ...] = (
    ApiAttack("loopback service", "http://127.0.0.1/a.mp4", _INSIDE),
    ApiAttack("localhost by name", "http://localhost/a.mp4", _INSIDE),
    ApiAttack("cloud metadata", "http://169.254.169.254/latest/meta-data/", _INSIDE),
    ApiAttack("a port of this machine", "http://127.0.0.1:{canary}/a.mp4", "port"),
    ApiAttack("the server's own health page", "{base}/healthz", "port"),
    ApiAttack("local file", "file:///etc/passwd", "video is", 400),
    ApiAttack("path", "/etc/passwd", "video is", 400),
    ApiAttack("list of URLs", ["http://a.example"], "video", 400),
    ApiAttack("own file without a signature", "{base}/files/uploads/0/a.mp4", "signature", 400),
    ApiAttack(
        "own file with a made-up signature",
        "{base}/files/uploads/0/a.mp4?expires=9999999999&signature=0",
        "signature",
        400,
    ),
    ApiAttack(
        "path trick below /files", "{base}/files/../../etc/passwd", "not the name of a stored file", 400
    ),
    ApiAttack(
        "escaped path trick below /files",
        "{base}/files/%2e%2e/%2e%2e/etc/passwd",
        "not the name of a stored file",
        400,
    ),
    ApiAttack("data: URI of a web page", _data(b"<html><script>"), "a web page", 400),
    ApiAttack("data: URI of random bytes", _data(bytes(range(128, 256)) * 99), "cannot be read"),
    ApiAttack("data: URI with broken base64", "data:video/mp4;base64,AAA", "broken base64", 400),
)


@dataclass(frozen=True)
class UploadAttack:
    """An upload of 1,000 bytes: what is done with its ticket."""

    attack: str
    method: str
    url: str
    """With {upload}, {download} (URLs of a fresh ticket), {bare} (without query) and {base} filled in."""
    sent: bytes | None
    statuses: tuple[int, ...]
    """Any of these."""
    first: bool = False
    """Whether the ticket was used as it should be before."""


CONTENT = MP4[:1000]
UPLOADS: tuple[UploadAttack, ...] = (
    UploadAttack("PUT without a signature", "PUT", "{bare}", CONTENT, (403,)),
    UploadAttack("PUT under the signature of a GET", "PUT", "{download}", CONTENT, (403,)),
    UploadAttack("GET under the signature of a PUT", "GET", "{upload}", None, (403, 405), first=True),
    UploadAttack("DELETE under the signature of a PUT", "DELETE", "{upload}", None, (403, 404, 405)),
    UploadAttack("expiry moved into the future", "PUT", "{upload}&expires=9999999999", CONTENT, (400, 403)),
    UploadAttack(
        "signature for another path", "PUT", "{base}/files/uploads/0/x.mp4?{query}", CONTENT, (403, 404)
    ),
    UploadAttack("path trick", "PUT", "{base}/files/uploads/../../x.mp4?{query}", CONTENT, (400, 403, 404)),
    UploadAttack(
        "escaped path trick", "PUT", "{base}/files/%2e%2e%2fx.mp4?{query}", CONTENT, (400, 403, 404)
    ),
    UploadAttack(
        "output of a prediction", "PUT", "{base}/files/outputs/0/x.mp4?{query}", CONTENT, (403, 404)
    ),
    UploadAttack("more bytes than the ticket says", "PUT", "{upload}", CONTENT * 9, (400, 413)),
    UploadAttack("fewer bytes than the ticket says", "PUT", "{upload}", CONTENT[:10], (400,)),
    UploadAttack("a second upload over the first", "PUT", "{upload}", CONTENT[::-1], (409,), first=True),
    UploadAttack("GET without a signature", "GET", "{bare}", None, (403,), first=True),
    UploadAttack("GET of the database", "GET", "{base}/files/../lipwright.db?{query}", None, (400, 403, 404)),
)


@dataclass(frozen=True)
class TicketAttack:
    """A request for a ticket."""

    attack: str
    body: dict[str, Any]
    status: int


TICKETS: tuple[TicketAttack, ...] = (
    TicketAttack("a web page", {"filename": "page.html", "size": 10}, 400),
    TicketAttack("a program", {"filename": "run.exe", "size": 10}, 400),
    TicketAttack("no extension", {"filename": "clip", "size": 10}, 400),
    TicketAttack("a name with a NUL", {"filename": "clip\0.mp4", "size": 10}, 400),
    TicketAttack("a terabyte", {"filename": "clip.mp4", "size": 10**12}, 413),
    TicketAttack("a negative size", {"filename": "clip.mp4", "size": -1}, 400),
    TicketAttack("a size that is no number", {"filename": "clip.mp4", "size": "10"}, 400),
)
