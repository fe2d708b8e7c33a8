"""data: URIs: whole, broken, too large."""

import base64
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from lipwright.service.data_uri import decode, is_data_uri, largest
from lipwright.service.errors import InvalidParameterError, TooLargeError

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256)) * 3000


def _base64(data: bytes, header: str = "audio/wav;base64") -> str:
    return f"data:{header},{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("size", [16, 17, 18, 700_000, len(WAV)])
@pytest.mark.parametrize(
    "header", ["audio/wav;base64", ";base64", "AUDIO/WAV;BASE64", "audio/wav;codecs=1;base64"]
)
def test_base64_is_decoded(size: int, header: str, tmp_path: Path) -> None:
    decoded = decode(_base64(WAV[:size], header), tmp_path / "audio", 10**6)
    assert decoded.path.read_bytes() == WAV[:size]
    assert (decoded.size, decoded.container) == (size, "wav")


@pytest.mark.parametrize("size", [16, 100_000, len(WAV)])
def test_percent_escapes_are_decoded(size: int, tmp_path: Path) -> None:
    ref = "data:audio/wav," + quote_from_bytes(WAV[:size])
    assert decode(ref, tmp_path / "audio", 10**7).path.read_bytes() == WAV[:size]


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("data:", "well-formed"),
        ("data:video/mp4;base64", "well-formed"),
        ("data:" + "x" * 1000 + ",abc", "well-formed"),
        ("data:video;base64,AAAA", "well-formed"),
        ("data:video/mp4;base64,", "without bytes"),
        ("data:,", "without bytes"),
        ("data:video/mp4;base64,AAA", "broken base64"),
        ("data:video/mp4;base64,A===", "broken base64"),
        ("data:video/mp4;base64,AA==AAAA", "broken base64"),
        ("data:video/mp4;base64,AA\nAA", "broken base64"),
        ("data:video/mp4;base64,AAé=", "broken base64"),
        ("data:video/mp4;base64," + "AA==" * 100_000, "broken base64"),
        ("data:video/mp4,%zz", "broken escape"),
        ("data:video/mp4,abc%4", "broken escape"),
        (_base64(b"<html>"), "a web page"),
        (_base64(b"just a text"), "a text"),
    ],
)
def test_broken_ones_are_refused_and_leave_nothing(ref: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match=expected) as caught:
        decode(ref, tmp_path / "video", 10**6, what="video")
    assert str(caught.value).startswith("The video")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ref", [_base64(WAV), "data:audio/wav," + quote_from_bytes(WAV)])
def test_large_ones_are_refused(ref: str, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="10,000 bytes"):
        decode(ref, tmp_path / "audio", 10_000)
    assert list(tmp_path.iterdir()) == []


def test_the_limit_is_exact(tmp_path: Path) -> None:
    ref = _base64(WAV[:16])
    assert decode(ref, tmp_path / "a", 16).size == 16
    with pytest.raises(TooLargeError):
        decode(ref, tmp_path / "b", 15)


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"before")
    with pytest.raises(InvalidParameterError):
        decode("data:;base64,AAA", target, 10**6)
    assert target.read_bytes() == b"before"
    decode(_base64(WAV), target, 10**6)
    assert target.read_bytes() == WAV


def test_bounds_and_claims() -> None:
    assert is_data_uri("DATA:video/mp4;base64,AAAA")
    assert not is_data_uri("https://host/data:")
    assert largest(_base64(WAV)) >= len(WAV)
