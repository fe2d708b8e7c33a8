"""Who signs: the environment's certificate, or one made once."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lipwright.errors import OptionError
from lipwright.media.certificate import (
    CHAIN_VARIABLE,
    FOLDER_VARIABLE,
    KEY_VARIABLE,
    find_certificate,
    make_certificate,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "credentials"))
    monkeypatch.delenv(CHAIN_VARIABLE, raising=False)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return tmp_path / "credentials"


def _given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain: bytes, key: bytes) -> None:
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    monkeypatch.setenv(CHAIN_VARIABLE, str(tmp_path / "chain.pem"))
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key.pem"))


def test_made_once_and_kept_for_this_user_alone(folder: Path) -> None:
    first, second = find_certificate(), find_certificate()
    assert first == second and first.self_made
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_chain_is_signed_by_an_authority_that_is_not_the_signer() -> None:
    signer, authority = x509.load_pem_x509_certificates(make_certificate().chain)
    signer.verify_directly_issued_by(authority)
    assert signer.subject != signer.issuer
    assert not signer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_folder_that_cannot_be_written_gives_a_certificate_for_this_process(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    assert find_certificate().self_made


def test_the_key_is_not_shown() -> None:
    made = make_certificate()
    assert "PRIVATE" not in repr(made)


def test_the_users_certificate_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_certificate()
    _given(tmp_path, monkeypatch, made.chain, made.key)
    found = find_certificate()
    assert (found.chain, found.key, found.self_made) == (made.chain, made.key, False)


def test_half_a_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHAIN_VARIABLE, str(tmp_path / "chain.pem"))
    with pytest.raises(OptionError, match=f"{KEY_VARIABLE} is not set"):
        find_certificate()


def test_files_that_are_no_certificate_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _given(tmp_path, monkeypatch, b"no", b"no")
    with pytest.raises(OptionError, match="no signing certificate"):
        find_certificate()


@pytest.mark.parametrize("kind", ["rsa", "curve"])
def test_other_keys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP224R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _given(tmp_path, monkeypatch, make_certificate().chain, pem)
    with pytest.raises(OptionError, match="not of an elliptic curve"):
        find_certificate()
