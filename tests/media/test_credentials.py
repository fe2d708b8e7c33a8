"""Content credentials: written, read back, broken by any change."""

from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import OutputError
from lipwright.media.certificate import Certificate, make_certificate
from lipwright.media.credentials import Statement, can_carry, read_credentials, seal
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip


def _clip(path: Path) -> Path:
    pictures = np.random.default_rng(1).integers(0, 255, (6, 48, 64, 3), dtype=np.uint8)
    save_clip(path, list(pictures), 25, None, 16000)
    return path


def _statement(film: Path) -> Statement:
    return Statement("lipwright", "1.2.3", "tiny", film, Path("somewhere/voice.wav"))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_sealed_file_says_what_was_done_and_plays(tmp_path: Path, suffix: str) -> None:
    film, out = _clip(tmp_path / f"film{suffix}"), tmp_path / f"out{suffix}"
    seal(film, out, _statement(film), make_certificate())
    found = read_credentials(out)
    assert found is not None and found["validation_state"] == "Valid"
    actions = next(a for a in found["assertions"] if a["label"].startswith("c2pa.actions"))["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert {i["title"] for i in found["ingredients"]} == {film.name, "voice.wav"}
    old, new = ([frame.rgb() for frame in read_frames(path)] for path in (film, out))
    assert len(old) == len(new) == 6
    assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_a_changed_file_no_longer_validates(tmp_path: Path) -> None:
    film, out = _clip(tmp_path / "film.mp4"), tmp_path / "out.mp4"
    seal(film, out, _statement(film), make_certificate())
    content = bytearray(out.read_bytes())
    content[content.rindex(b"mdat") + 40] ^= 1
    out.write_bytes(content)
    found = read_credentials(out)
    assert found is not None and found["validation_state"] == "Invalid"


def test_credentials_of_the_source_are_kept(tmp_path: Path) -> None:
    film, once, twice = _clip(tmp_path / "film.mp4"), tmp_path / "once.mp4", tmp_path / "twice.mp4"
    seal(film, once, _statement(film), make_certificate())
    seal(film, twice, _statement(once), make_certificate())
    found = read_credentials(twice)
    assert found is not None
    (parent,) = (i for i in found["ingredients"] if i["relationship"] == "parentOf")
    assert parent["title"] == "once.mp4" and "active_manifest" in parent


def test_a_source_that_cannot_carry_any_is_named_all_the_same(tmp_path: Path) -> None:
    film, out = _clip(tmp_path / "film.mp4"), tmp_path / "out.mp4"
    seal(film, out, _statement(Path("film.mkv")), make_certificate())
    found = read_credentials(out)
    assert found is not None and {i["title"] for i in found["ingredients"]} == {"film.mkv", "voice.wav"}


def test_a_certificate_that_cannot_sign_is_an_error(tmp_path: Path) -> None:
    film = _clip(tmp_path / "film.mp4")
    useless = Certificate(b"no", b"no", "es256", self_made=False)
    with pytest.raises(OutputError, match=r"could not be added to out\.mp4"):
        seal(film, tmp_path / "out.mp4", _statement(film), useless)


def test_files_without_credentials_and_which_files_carry_them(tmp_path: Path) -> None:
    assert read_credentials(_clip(tmp_path / "film.mp4")) is None
    assert can_carry(Path("a.MP4")) and not can_carry(Path("a.mkv"))
