"""Fetching: real servers, every way to misbehave, one sentence each."""

import gzip
import socket
import time
from pathlib import Path

import pytest

from lipwright.errors import Cancelled
from lipwright.service.errors import FetchError
from lipwright.service.fetch import FetchLimits, fetch
from lipwright.service.guard import Policy
from service.hostile import Behaviour, answer, hostile_server, redirect
from service.internet import PUBLIC, Internet

LOCAL = Policy(allow_private=True, ports=())
LIMITS = FetchLimits(bytes=1_000_000, total_s=5, stall_s=2, redirects=3)
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 8


def _endless(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = MP4[:16] + b"\xff" * 65520
    while True:
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))


def _endless_redirect(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /good\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")


def _drip(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
    for byte in MP4:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def _stalled(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + MP4[:100])
    connection.recv(1)


def _until_closed(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + MP4)


def _chunked(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for start in range(0, len(MP4), 500):
        piece = MP4[start : start + 500]
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize(
    "behave", [answer(MP4), answer(MP4, headers=["Content-Type: text/html"]), _until_closed, _chunked]
)
def test_a_file_arrives_whole(behave: Behaviour, tmp_path: Path) -> None:
    target = tmp_path / "video"
    with hostile_server({"/clip.mp4": behave}) as server:
        fetched = fetch(server.url("/clip.mp4?x=1"), target, LIMITS, LOCAL, what="video")
    assert target.read_bytes() == MP4
    assert (fetched.path, fetched.size, fetched.container) == (target, len(MP4), "mp4")
    assert len(fetched.sha256) == 64
    assert list(tmp_path.iterdir()) == [target]


def test_redirects_are_followed(tmp_path: Path) -> None:
    behaviours = {
        "/a": redirect("/b"),
        "/b": redirect("c?x=y", "307 Temporary Redirect"),
        "/c": _endless_redirect,
        "/good": answer(MP4),
    }
    with hostile_server(behaviours) as server:
        assert fetch(server.url("/a"), tmp_path / "video", LIMITS, LOCAL).size == len(MP4)


BOMB = gzip.compress(bytes(50_000_000))

BAD: dict[str, tuple[Behaviour, str]] = {
    "not found": (answer(b"no", status="404 Not Found"), "answered 404"),
    "partial content": (answer(MP4, status="206 Partial Content"), "answered 206"),
    "no content": (answer(status="204 No Content"), "answered 204"),
    "empty": (answer(), "is empty"),
    "web page behind mp4": (
        answer(b"\n <!DOCTYPE html><html>hello", headers=["Content-Type: video/mp4"]),
        "a web page",
    ),
    "json": (answer(b'{"error": "no such file"}'), "a JSON text"),
    "playlist": (answer(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), "a playlist"),
    "concat script": (answer(b"ffconcat version 1.0\nfile /etc/passwd\n"), "a playlist"),
    "archive": (answer(b"PK\x03\x04" + bytes(2000)), "a ZIP archive"),
    "gzip file": (answer(BOMB), "a gzip archive"),
    "gzip bomb by encoding": (answer(BOMB, headers=["Content-Encoding: gzip"]), "compressed"),
    "unknown encoding": (answer(MP4, headers=["Content-Encoding: br"]), "compressed"),
    "stated too large": (answer(MP4, length=10**15), "larger than the 1,000,000 bytes"),
    "endless": (_endless, "larger than the 1,000,000 bytes"),
    "shorter than stated": (answer(MP4, length=len(MP4) + 100), "broke off"),
    "slow drip": (_drip, "longer than the 1 s allowed"),
    "stalled": (_stalled, "nothing for 0.3 s"),
    "redirect loop": (redirect("/clip.mp4"), "redirects more than 3 times"),
    "redirect to nowhere": (answer(status="302 Found"), "redirects to nowhere"),
    "redirect to metadata": (redirect("http://169.254.169.254/latest/"), "public internet"),
    "redirect to a file": (redirect("file:///etc/passwd"), "only http and https"),
    "redirect with a password": (redirect("http://a:b@127.0.0.1/"), "name or password"),
    "redirect to nonsense": (redirect("http://[bad/"), "no plain name"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_servers_give_a_sentence_and_leave_nothing(case: str, tmp_path: Path) -> None:
    behave, expected = BAD[case]
    limits = LIMITS
    if case == "slow drip":
        limits = FetchLimits(bytes=1_000_000, total_s=1, stall_s=2)
    if case == "stalled":
        limits = FetchLimits(bytes=1_000_000, total_s=10, stall_s=0.3)
    with hostile_server({"/clip.mp4": behave}) as server, pytest.raises(FetchError) as caught:
        fetch(server.url("/clip.mp4?secret=1"), tmp_path / "video", limits, LOCAL, what="video")
    sentence = str(caught.value)
    assert expected in sentence
    assert sentence.startswith("The video could not be fetched from ")
    assert sentence.endswith(".")
    assert "secret" not in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_to_a_private_address_is_never_requested(tmp_path: Path) -> None:
    """The first host is public (by name and wire), what it points at is not."""
    with hostile_server({"/secret": answer(MP4)}) as inside:
        with hostile_server({"/a": redirect(inside.url("/secret"))}) as outside:
            internet = Internet(outside.port, {"media.example": [[PUBLIC]]})
            policy = Policy(ports=(), resolve=internet.resolve, dial=internet.dial)
            with pytest.raises(FetchError, match="public internet"):
                fetch("http://media.example/a", tmp_path / "video", LIMITS, policy)
        assert len(outside.requests) == 1
    assert inside.requests == []
    assert internet.dialled == [PUBLIC]


def test_a_fetch_is_cancelled_between_pieces(tmp_path: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 20

    with hostile_server({"/a": _drip}) as server, pytest.raises(Cancelled):
        fetch(server.url("/a"), tmp_path / "video", LIMITS, LOCAL, cancelled=cancelled)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "video"
    target.write_bytes(b"before")
    with hostile_server({"/bad": answer(MP4, length=10_000), "/good": answer(MP4)}) as server:
        with pytest.raises(FetchError):
            fetch(server.url("/bad"), target, LIMITS, LOCAL)
        assert target.read_bytes() == b"before"
        fetch(server.url("/good"), target, LIMITS, LOCAL)
    assert target.read_bytes() == MP4
