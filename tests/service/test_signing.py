"""Signed URLs: good for one method and key until they expire, and nothing else."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from lipwright.service.db import open_database
from lipwright.service.errors import ForbiddenError, InvalidParameterError
from lipwright.service.settings import Settings
from lipwright.service.signing import own_url, signed_url, url_secret, verify

BASE = "https://lips.example.com"
SECRET = b"s" * 32
KEY = "outputs/0123/video.mp4"


def parts(url: str) -> tuple[str, str, str]:
    found = own_url(url, (BASE,))
    assert found is not None
    return found.key, found.expires, found.signature


def test_a_url_is_good_until_it_expires() -> None:
    url = signed_url(BASE, SECRET, KEY, 1000)
    assert url.startswith(f"{BASE}/files/{KEY}?expires=1000&signature=")
    assert url.partition("?")[0].endswith(".mp4")
    for method in ("GET", "HEAD"):
        verify(SECRET, method, *parts(url), now_s=1000)
    with pytest.raises(ForbiddenError, match="has expired") as caught:
        verify(SECRET, "GET", *parts(url), now_s=1000.5)
    assert caught.value.error_code == "url_expired"


@pytest.mark.parametrize(
    "forge",
    [
        lambda method, key, expires, signature: ("PUT", key, expires, signature),
        lambda method, key, expires, signature: ("DELETE", key, expires, signature),
        lambda method, key, expires, signature: (method, "outputs/0124/video.mp4", expires, signature),
        lambda method, key, expires, signature: (method, key, "2000", signature),
        lambda method, key, expires, signature: (method, key, "01000", signature),
        lambda method, key, expires, signature: (method, key, "", signature),
        lambda method, key, expires, signature: (method, key, "9" * 30, signature),
        lambda method, key, expires, signature: (method, key, "١٠٠٠", signature),
        lambda method, key, expires, signature: (method, key, expires, signature.upper()),
        lambda method, key, expires, signature: (method, key, expires, signature[:-1]),
        lambda method, key, expires, signature: (method, key, expires, ""),
        lambda method, key, expires, signature: (method, key, expires, "é" * 64),
    ],
)
def test_anything_else_is_refused(forge: Callable[..., tuple[str, str, str, str]]) -> None:
    key, expires, signature = parts(signed_url(BASE, SECRET, KEY, 1000))
    with pytest.raises(ForbiddenError) as caught:
        verify(SECRET, *forge("GET", key, expires, signature), now_s=0)
    assert caught.value.error_code == "signature_invalid"


def test_a_put_url_does_not_read_and_another_server_does_not_sign() -> None:
    put = parts(signed_url(BASE, SECRET, KEY, 1000, "PUT"))
    verify(SECRET, "PUT", *put, now_s=0)
    for method, secret in (("GET", SECRET), ("PUT", b"t" * 32)):
        with pytest.raises(ForbiddenError):
            verify(secret, method, *put, now_s=0)


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.com/files/a/b.mp4",
        "https://lips.example.com.evil.example/files/a/b.mp4",
        "https://lips.example.com:8443/files/a/b.mp4",
        "https://lips.example.com/filesystem/a",
        "ftp://lips.example.com/files/a/b.mp4",
        "data:video/mp4;base64,AAAA",
        "nonsense",
    ],
)
def test_urls_of_others_are_not_ours(url: str) -> None:
    assert own_url(url, (BASE,)) is None


def test_a_proxy_may_end_tls() -> None:
    assert own_url("http://LIPS.example.com:80/files/a/b.mp4", (BASE,)) is not None
    assert own_url("http://127.0.0.1:8000/files/a/b.mp4", (BASE, "http://127.0.0.1:8000")) is not None


@pytest.mark.parametrize(
    "path",
    ["../secret", "a/../../b", "%2e%2e/secret", "a%2F..%2Fb", "a//b", "", ".hidden", "a/b%00", "a%0Ab"],
)
def test_path_tricks_are_refused(path: str) -> None:
    with pytest.raises(InvalidParameterError, match="not the name of a stored file"):
        own_url(f"{BASE}/files/{path}?expires=1&signature=2", (BASE,))


def test_the_secret_is_made_once(database: sa.Engine) -> None:
    secret = url_secret(database)
    assert len(secret) == 32
    assert url_secret(database) == secret


def test_processes_that_start_at_once_share_a_secret(settings: Settings, database: sa.Engine) -> None:
    """Each with an engine of its own, as processes have; the race is decided in the database."""
    together = Barrier(6)
    said: set[bytes] = set()

    def ask() -> None:
        engine = open_database(settings)
        together.wait()
        said.add(url_secret(engine))
        engine.dispose()

    asking = [Thread(target=ask) for _ in range(6)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert said == {url_secret(database)}
