"""One guarded exchange over HTTP with a host that a stranger named.

The name is resolved once, every address must be acceptable, and exactly that address is dialled, under the
name for TLS. This sits in the network backend, below the client, so that nothing goes around it: redirects,
kept connections, other clients of the same transport. Nothing of the environment is used: no proxies, no
netrc. Time is bounded in all, per wait, and by a callable that says "cancelled".
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import httpcore2
import httpx2

from lipwright.errors import Cancelled, LipwrightError
from lipwright.service.addresses import acceptable_host, all_acceptable
from lipwright.service.settings import Settings

Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) -> addresses as text; OSError when the name is unknown."""

Dialler = Callable[[str, int, float], httpcore2.NetworkStream]
"""(address, port, seconds) -> a connection; httpcore2.ConnectError or ConnectTimeout when there is none."""

_SLICE_S = 0.25  # how often a wait asks whether it was cancelled
_CONNECT_S = 10.0
_ADDRESSES_TRIED = 4
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_URL = 8192
_SOCKET_OPTION = httpcore2.SOCKET_OPTION


class ExchangeError(LipwrightError):
    """An exchange did not come about. The text is a clause to follow a colon: what happened; what to do."""


class RefusedURL(ExchangeError):
    """The URL leads where no stranger may send us, or is no URL that we use."""


class OutOfTime(ExchangeError):
    """The other side was too slow, in all or between two pieces."""


class BrokenExchange(ExchangeError):
    """The connection failed, broke off, or carried something that is not HTTP."""


def system_addresses(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives, without repetition. OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def system_dial(address: str, port: int, patience_s: float) -> httpcore2.NetworkStream:
    """A TCP connection to an address, which is a number and needs no look-up."""
    return httpcore2.SyncBackend().connect_tcp(address, port, timeout=patience_s)


@dataclass(frozen=True)
class Policy:
    """Where exchanges may go."""

    allow_private: bool = False
    """Loopback and private networks, too. Link-local and metadata addresses stay refused."""
    ports: tuple[int, ...] = (80, 443)
    """Ports that may be dialled; none named: all."""
    resolve: Resolver = system_addresses
    dial: Dialler = system_dial
    tls: ssl.SSLContext | None = None
    """Whom TLS trusts; None for the system's certificates."""

    def check(self, url: httpx2.URL) -> None:
        """RefusedURL unless the scheme, host, port and lack of credentials are as they must be."""
        if url.scheme not in _DEFAULT_PORTS:
            raise RefusedURL("only http and https URLs are used; give one of those")
        if url.userinfo:
            raise RefusedURL("a URL with a name or password inside is not used; give one without")
        if not acceptable_host(url.raw_host.decode("ascii", "replace").lower()):
            raise RefusedURL("its host is no plain name or address; write the host out")
        port = url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]
        if self.ports and port not in self.ports:
            allowed = " and ".join(str(p) for p in self.ports)
            raise RefusedURL(f"port {port} is not used here, only {allowed}; serve the file there")


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings state. Where private networks are allowed, so is every port."""
    return Policy(
        allow_private=settings.allow_private_urls,
        ports=() if settings.allow_private_urls else settings.url_ports,
    )


def never() -> bool:
    """The answer of those who cannot be cancelled."""
    return False


@dataclass(frozen=True)
class Budget:
    """The time of an exchange."""

    total_s: float
    stall_s: float
    """The longest wait for the next piece."""
    cancelled: Callable[[], bool] = never
    started_s: float = field(default_factory=time.monotonic)

    def left_s(self) -> float:
        """Seconds until the end. OutOfTime at the end, Cancelled when asked to stop."""
        if self.cancelled():
            raise Cancelled("Cancelled while a file was fetched; nothing was kept.")
        left = self.started_s + self.total_s - time.monotonic()
        if left <= 0:
            raise OutOfTime(f"it took longer than the {self.total_s:g} s allowed; use a faster server")
        return left


def parsed(url: str) -> httpx2.URL:
    """A URL from text. RefusedURL when it is none, or too long."""
    if len(url) > _MAX_URL:
        raise RefusedURL(f"the URL is longer than {_MAX_URL} characters; give a shorter one")
    try:
        return httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise RefusedURL("it is not a well-formed URL; check it") from error


def shown(url: str | httpx2.URL) -> str:
    """A URL for sentences and logs: no credentials, query or fragment, at most 200 characters."""
    try:
        known = httpx2.URL(url) if isinstance(url, str) else url
        text = str(known.copy_with(userinfo=b"", query=None, fragment=None)) if known.host else "the URL"
    except (httpx2.InvalidURL, ValueError):
        return "the URL"
    return text if len(text) <= 200 else text[:199] + "…"


@contextmanager
def exchange(
    policy: Policy,
    budget: Budget,
    method: str,
    url: httpx2.URL,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Iterator[httpx2.Response]:
    """One request and its answer, open for reading by `iter_raw`; redirects are answers, not followed.

    ExchangeError for all that goes wrong with the other side, inside the block as well.
    """
    sent = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "lipwright", "connection": "close"}
    try:
        with (
            httpx2.Client(
                transport=_Transport(policy, budget),
                headers={**sent, **(headers if headers is not None else {})},
                trust_env=False,
                follow_redirects=False,
                timeout=budget.stall_s,
            ) as client,
            client.stream(method, url, content=content) as response,
        ):
            yield response
    except httpcore2.TimeoutException as error:
        raise OutOfTime("the host could not be reached in time; try later or use another one") from error
    except httpcore2.ConnectError as error:
        raise BrokenExchange("the host refused the connection; check that the URL opens elsewhere") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpx2.HTTPError) as error:
        raise BrokenExchange(
            "the server broke off before the end or did not speak HTTP; check that the URL opens elsewhere"
        ) from error
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise RefusedURL("it is not a well-formed URL; check it") from error


@cache
def _system_tls() -> ssl.SSLContext:
    """The system's certificates; reading them takes a quarter of a second."""
    return httpx2.create_ssl_context(trust_env=False)


class _Transport(httpx2.BaseTransport):
    """Every request of a client through the guarded pool; there is no other way out."""

    def __init__(self, policy: Policy, budget: Budget) -> None:
        self._policy = policy
        tls = policy.tls if policy.tls is not None else _system_tls()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=_Backend(policy, budget),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._policy.check(request.url)
        assert isinstance(request.stream, httpx2.SyncByteStream)
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore2.NetworkBackend):
    """Dials only addresses that the policy accepts, by number, so that no second look-up can differ."""

    def __init__(self, policy: Policy, budget: Budget) -> None:
        self._policy = policy
        self._budget = budget

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception | None = None
        for address in self._addresses(host, port)[:_ADDRESSES_TRIED]:
            patience = min(self._budget.left_s(), _CONNECT_S)
            try:
                stream = self._policy.dial(address, port, patience)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            return _Stream(stream, self._budget)
        assert failure is not None
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[_SOCKET_OPTION] | None = None
    ) -> httpcore2.NetworkStream:
        raise RefusedURL("sockets of this machine are not reached")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        # One sentence for unknown names and for names of private hosts, so that nobody maps our network.
        refusal = "its host is unknown or not on the public internet; give a URL that anyone can open"
        try:
            found = _resolved(self._policy.resolve, host, port, self._budget)
        except (OSError, UnicodeError) as error:
            raise RefusedURL(refusal) from error
        if not all_acceptable(found, allow_private=self._policy.allow_private):
            raise RefusedURL(refusal)
        return found


def _resolved(resolve: Resolver, host: str, port: int, budget: Budget) -> Sequence[str]:
    """The resolver's answer within the budget. The system's resolver cannot be interrupted: it runs aside."""
    answers: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=min(budget.left_s(), _SLICE_S))
        except queue.Empty:
            continue
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Stream(httpcore2.NetworkStream):
    """A connection whose waits end with the budget, however slowly the other side drips."""

    def __init__(self, stream: httpcore2.NetworkStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = time.monotonic() + self._budget.stall_s
        while True:
            left = min(self._budget.left_s(), end - time.monotonic())
            if left <= 0:
                raise OutOfTime(
                    f"the server sent nothing for {self._budget.stall_s:g} s; try later or use another one"
                )
            try:
                return self._stream.read(max_bytes, min(left, _SLICE_S))
            except httpcore2.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, min(self._budget.left_s(), self._budget.stall_s))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        patience = min(self._budget.left_s(), _CONNECT_S)
        try:
            secure = self._stream.start_tls(ssl_context, server_hostname, patience)
        except httpcore2.ConnectError as error:
            raise BrokenExchange(
                "its TLS certificate or handshake failed; check that the URL opens elsewhere"
            ) from error
        return _Stream(secure, self._budget)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
