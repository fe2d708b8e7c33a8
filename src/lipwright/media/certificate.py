"""Who signs content credentials: the user's certificate, or one that this machine makes for itself once."""

import datetime
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lipwright.errors import OptionError

CHAIN_VARIABLE = "LIPWRIGHT_CERTIFICATE"
KEY_VARIABLE = "LIPWRIGHT_CERTIFICATE_KEY"
FOLDER_VARIABLE = "LIPWRIGHT_CREDENTIALS"
_FILE = "signing.pem"  # the key, then the chain
_YEARS = 10
_ALGORITHMS = {256: "es256", 384: "es384", 521: "es512"}


@dataclass(frozen=True)
class Certificate:
    """What signs: `chain` (PEM, the signer's first), `key` (PEM, PKCS 8), C2PA's name of the algorithm."""

    chain: bytes
    key: bytes
    algorithm: str
    self_made: bool
    """Made by this machine: it proves that a file was not changed since, not who made it."""

    def __repr__(self) -> str:
        return f"Certificate(algorithm={self.algorithm!r}, self_made={self.self_made})"


def credentials_folder() -> Path:
    """Where the self-made certificate lies: $LIPWRIGHT_CREDENTIALS, else the user's data folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("lipwright", appauthor=False))


def find_certificate() -> Certificate:
    """The user's certificate if $LIPWRIGHT_CERTIFICATE and $LIPWRIGHT_CERTIFICATE_KEY name one, else this
    machine's own, made at first use.

    Where the folder cannot be written the certificate serves this process only. OptionError: one of the
    two variables is missing, or a file cannot be read or is no elliptic-curve key.
    """
    chain, key = os.environ.get(CHAIN_VARIABLE), os.environ.get(KEY_VARIABLE)
    if chain or key:
        if not chain or not key:
            missing = KEY_VARIABLE if chain else CHAIN_VARIABLE
            raise OptionError(f"{missing} is not set; a signing certificate needs the chain and its key.")
        return _read(Path(chain), Path(key), self_made=False)
    folder = credentials_folder()
    kept = folder / _FILE
    if not kept.exists():
        made = make_certificate()
        try:
            _keep(made, folder)
        except OSError:
            return made
    return _read(kept, kept, self_made=True)


def make_certificate() -> Certificate:
    """A new key, its certificate, and the authority of one that issued it (C2PA refuses self-signed ones)."""
    root, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("lipwright, this machine's own authority")
    chain = [
        _issue(_name("lipwright, on this machine"), issuer, signer, root, authority=False),
        _issue(issuer, issuer, root, root, authority=True),
    ]
    pem = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)
    key = signer.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(pem, key, "es256", self_made=True)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lipwright (self-made certificate)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _issue(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    """A certificate with the extensions that the C2PA specification's certificate profile asks for."""
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _keep(made: Certificate, folder: Path) -> None:
    """Write key and chain into one file for this user alone. Of processes doing so at once the first wins."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = folder / f".{secrets.token_hex(4)}.part"
    try:
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.key + made.chain)
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(private, folder / _FILE)
    finally:
        private.unlink(missing_ok=True)


def _read(chain: Path, key: Path, *, self_made: bool) -> Certificate:
    pair = []
    for path in (chain, key):
        try:
            pair.append(path.read_bytes())
        except OSError as error:
            raise OptionError(
                f"The signing certificate's file {path} cannot be read ({error.strerror}); check its path."
            ) from error
    try:
        certificates = x509.load_pem_x509_certificates(pair[0])
        private = serialization.load_pem_private_key(pair[1], password=None)
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{chain} and {key} are no signing certificate; give a PEM chain and an unencrypted PEM key."
        ) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.key_size not in _ALGORITHMS:
        raise OptionError(f"The key {key} is not of an elliptic curve; give one of P-256, P-384 or P-521.")
    normal = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
    return Certificate(whole, normal, _ALGORITHMS[private.key_size], self_made)
