"""The guarded exchange, against real servers on this machine that it takes for the internet."""

import socket
import time
from pathlib import Path

import httpx2
import pytest

from lipwright.errors import Cancelled
from lipwright.service.guard import (
    BrokenExchange,
    Budget,
    ExchangeError,
    OutOfTime,
    Policy,
    RefusedURL,
    exchange,
    parsed,
    policy_of,
    shown,
)
from lipwright.service.settings import Settings
from service.hostile import Behaviour, answer, certificates, hostile_server, redirect
from service.internet import PUBLIC, Internet


def get(policy: Policy, url: str, budget: Budget | None = None) -> tuple[int, bytes]:
    budget = budget if budget is not None else Budget(10, 5)
    with exchange(policy, budget, "GET", parsed(url)) as response:
        return response.status_code, b"".join(response.iter_raw())


LOCAL = Policy(allow_private=True, ports=())


def test_an_ordinary_exchange() -> None:
    with hostile_server({"/a": answer(b"hello")}) as server:
        internet = Internet(server.port, {"media.example": [[PUBLIC]]})
        assert get(internet.policy, "http://media.example/a?token=x") == (200, b"hello")
    assert internet.dialled == [PUBLIC]
    (request,) = server.requests
    assert request.startswith(b"GET /a?token=x HTTP/1.1\r\n")
    assert b"\r\nhost: media.example\r\n" in request.lower()
    assert b"\r\naccept-encoding: identity\r\n" in request.lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a",
        "http://localhost/a",
        "http://[::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://[64:ff9b::7f00:1]/a",
        "http://[2002:7f00:1::]/a",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/a",
        "http://100.64.0.1/a",
        "http://0.0.0.0/a",
        "http://224.0.0.1/a",
        "http://2130706433/a",
        "http://0x7f000001/a",
        "http://0177.0.0.1/a",
        "http://127.1/a",
        "http://127。0。0。1/a",
        "http://two-faced.example/a",
        "http://user:secret@media.example/a",
        "http://user@media.example/a",
        "http://media.example:22/a",
        "http://media.example:8080/a",
        "https://media.example:6379/a",
        "ftp://media.example/a",
        "file:///etc/passwd",
        "gopher://media.example/a",
        "unix:///var/run/docker.sock",
        "http:///a",
        "http://exa%6dple.com/a",
        "//media.example/a",
        "/a",
        "media.example/a",
        "http://media.example:99999999/a",
        "http://[fe80::1%25eth0]/a",
        "http://me\ndia.example/a",
        "http://media.example/" + "a" * 9000,
    ],
)
def test_urls_that_lead_elsewhere_are_refused_before_a_connection_is_made(url: str) -> None:
    with hostile_server({"/a": answer(b"secret")}) as server:
        names = {
            "media.example": [[PUBLIC]],
            "localhost": [["127.0.0.1"]],
            "two-faced.example": [[PUBLIC, "127.0.0.1"]],
        }
        internet = Internet(server.port, names)
        with pytest.raises(RefusedURL):
            get(internet.policy, url)
    assert internet.dialled == []
    assert server.requests == []


def test_a_name_is_looked_up_once_and_that_address_is_dialled() -> None:
    """A second answer that points inside (DNS rebinding) is never asked for."""
    with hostile_server({"/a": answer(b"hello")}) as server:
        internet = Internet(server.port, {"rebinding.example": [[PUBLIC], ["127.0.0.1"]]})
        assert get(internet.policy, "http://rebinding.example/a")[0] == 200
    assert internet.asked == ["rebinding.example"]
    assert internet.dialled == [PUBLIC]


def test_a_name_that_points_inside_at_its_second_exchange_is_refused() -> None:
    with hostile_server({"/a": answer(b"hello")}) as server:
        internet = Internet(server.port, {"rebinding.example": [[PUBLIC], ["127.0.0.1"]]})
        get(internet.policy, "http://rebinding.example/a")
        with pytest.raises(RefusedURL):
            get(internet.policy, "http://rebinding.example/a")
    assert internet.dialled == [PUBLIC]


def test_unknown_and_private_names_get_the_same_sentence() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    sentences = []
    for resolve in (unknown, lambda host, port: ["10.0.0.1"]):
        with pytest.raises(RefusedURL) as caught:
            get(Policy(resolve=resolve), "http://intranet.example/")
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
    assert "10.0.0.1" not in sentences[1]


def test_redirects_are_answers() -> None:
    with hostile_server({"/a": redirect("http://127.0.0.1/secret")}) as server:
        internet = Internet(server.port, {"media.example": [[PUBLIC]]})
        assert get(internet.policy, "http://media.example/a")[0] == 302
    assert len(server.requests) == 1


def test_closed_networks_are_reached_when_allowed_but_metadata_never() -> None:
    with hostile_server({"/a": answer(b"hello")}) as server:
        assert get(LOCAL, server.url("/a")) == (200, b"hello")
    with pytest.raises(RefusedURL):
        get(LOCAL, "http://169.254.169.254/latest/meta-data/")


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy and no netrc: both would be ways around the guard."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine media.example login somebody password secret\n")
    with hostile_server({}) as proxy, hostile_server({"/a": answer(b"hello")}) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.setenv("NETRC", str(netrc))
        internet = Internet(server.port, {"media.example": [[PUBLIC]]})
        assert get(internet.policy, "http://media.example/a") == (200, b"hello")
    assert proxy.requests == []
    assert b"authorization" not in server.requests[0].lower()


def test_tls_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    made = certificates(tmp_path, ["media.example"])
    with hostile_server({"/a": answer(b"hello")}, tls=made.server()) as server:
        internet = Internet(server.port, {"media.example": [[PUBLIC]], "other.example": [[PUBLIC]]})
        policy = Policy(resolve=internet.resolve, dial=internet.dial, tls=made.trusting)
        assert get(policy, "https://media.example/a") == (200, b"hello")
        with pytest.raises(BrokenExchange, match="TLS"):
            get(policy, "https://other.example/a")
        with pytest.raises(BrokenExchange, match="TLS"):  # an authority that the system does not know
            get(internet.policy, "https://media.example/a")
    assert server.server_names == ["media.example", "other.example", "media.example"]
    assert len(server.requests) == 1


def _hang(connection: socket.socket, request: bytes) -> None:
    connection.recv(1)  # until the client gives up


def _drip_head(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Slow: 1\r\n")
        time.sleep(0.02)


def _drip_body(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def _endless_interim(connection: socket.socket, request: bytes) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.005)


@pytest.mark.parametrize("behave", [_hang, _drip_head, _drip_body, _endless_interim])
@pytest.mark.parametrize("secure", [False, True])
def test_slow_servers_run_into_the_total_time(behave: Behaviour, secure: bool, tmp_path: Path) -> None:
    made = certificates(tmp_path, ["127.0.0.1"])
    with hostile_server({"/a": behave}, tls=made.server() if secure else None) as server:
        policy = Policy(allow_private=True, ports=(), tls=made.trusting)
        with pytest.raises(OutOfTime, match=r"0\.6 s allowed"):
            get(policy, server.url("/a", scheme="https" if secure else "http"), Budget(0.6, 30))


def test_a_silent_server_runs_into_the_stall_limit() -> None:
    with hostile_server({"/a": _hang}) as server, pytest.raises(OutOfTime, match=r"nothing for 0\.3 s"):
        get(LOCAL, server.url("/a"), Budget(30, 0.3))


def test_a_waiting_exchange_can_be_cancelled() -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with hostile_server({"/a": _hang}) as server, pytest.raises(Cancelled):
        get(LOCAL, server.url("/a"), Budget(60, 60, cancelled))


def test_a_slow_resolver_runs_into_the_total_time() -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(1.5)
        return [PUBLIC]

    with pytest.raises(OutOfTime):
        get(Policy(resolve=slow), "http://media.example/", Budget(0.3, 30))


def _raw(data: bytes) -> Behaviour:
    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall(data)

    return behave


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300_000 + b"\r\n\r\n",
    ],
    ids=[
        "nothing",
        "ssh",
        "two lengths",
        "negative length",
        "shorter than stated",
        "broken chunk",
        "no last chunk",
        "huge head",
    ],
)
def test_what_is_not_http_is_a_broken_exchange(data: bytes) -> None:
    with hostile_server({"/a": _raw(data)}) as server, pytest.raises(BrokenExchange):
        get(LOCAL, server.url("/a"))


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BrokenExchange, match="refused the connection"):
        get(LOCAL, f"http://127.0.0.1:{port}/")


def test_all_failures_are_clauses_of_one_kind() -> None:
    assert all(issubclass(kind, ExchangeError) for kind in (RefusedURL, OutOfTime, BrokenExchange))


def test_the_policy_comes_from_the_settings() -> None:
    strict = policy_of(Settings())
    assert (strict.allow_private, strict.ports) == (False, (80, 443))
    assert policy_of(Settings(allow_private_urls=True)).ports == ()


def test_shown_urls_hold_no_secrets() -> None:
    assert shown("https://user:pw@host.example/a/b.mp4?signature=abc#x") == "https://host.example/a/b.mp4"
    assert shown("not a url\n") == "the URL"
    assert shown("https://host.example/" + "a" * 500).endswith("…")
    assert shown(httpx2.URL("http://[::1]/x?y")) == "http://[::1]/x"
