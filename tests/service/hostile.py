"""Servers on this machine that behave as badly as the internet: raw sockets, real TLS, a thread per call."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[[socket.socket, bytes], None]
"""Gets the connection and the request's bytes (head and body), and writes what it likes."""


@dataclass
class Hostile:
    """A running server."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    """Head and body of every request that arrived."""
    server_names: list[str | None] = field(default_factory=list)
    """The names that TLS clients asked for."""
    stop: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def answer(
    body: bytes = b"", *, status: str = "200 OK", headers: Sequence[str] = (), length: int | None = None
) -> Behaviour:
    """A plain answer; `length` states another Content-Length than the true one."""
    stated = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {stated}", "Connection: close", *headers, "", ""]

    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)

    return behave


def redirect(location: str, status: str = "302 Found") -> Behaviour:
    return answer(status=status, headers=[f"Location: {location}"])


@contextmanager
def hostile_server(
    behaviours: dict[str, Behaviour], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Hostile]:
    """Serve paths by their behaviours until the block ends; unknown paths get a 404."""
    listener = socket.create_server((host, 0))
    listener.settimeout(0.1)
    server = Hostile(listener.getsockname()[1])
    if tls is not None:

        def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
            server.server_names.append(name)

        tls.sni_callback = note
    threads: list[threading.Thread] = []

    def accept() -> None:
        while not server.stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=_serve, args=(connection, behaviours, server, tls))
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        server.stop.set()
        accepting.join()
        listener.close()
        for thread in threads:
            thread.join()


def _serve(
    connection: socket.socket, behaviours: dict[str, Behaviour], server: Hostile, tls: ssl.SSLContext | None
) -> None:
    # A client that hangs up in the middle is what these tests are about.
    with contextlib.suppress(OSError), connection:
        connection.settimeout(5)
        if tls is not None:
            with tls.wrap_socket(connection, server_side=True) as wrapped:
                _answer(wrapped, behaviours, server)
        else:
            _answer(connection, behaviours, server)


def _answer(connection: socket.socket, behaviours: dict[str, Behaviour], server: Hostile) -> None:
    request = _request(connection)
    if not request:
        return
    server.requests.append(request)
    path = request.split(b" ", 2)[1].decode("latin-1").partition("?")[0]
    behaviours.get(path, answer(b"no such page", status="404 Not Found"))(connection, request)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < wanted:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Certificates:
    """TLS of a made-up authority."""

    server: Callable[[], ssl.SSLContext]
    trusting: ssl.SSLContext
    """A client's context that trusts only this authority."""


def certificates(folder: Path, names: Sequence[str]) -> Certificates:
    """An authority, and a server's certificate for names and addresses."""
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _certificate("authority", authority_key.public_key(), "authority", authority_key, None)
    leaf = _certificate("server", server_key.public_key(), "authority", authority_key, names)
    chain, key = folder / "server.pem", folder / "server.key"
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )

    def server() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        return context

    trusting = ssl.create_default_context(
        cadata=authority.public_bytes(serialization.Encoding.PEM).decode("ascii")
    )
    return Certificates(server, trusting)


def _certificate(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: Sequence[str] | None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
    )
    if names is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
