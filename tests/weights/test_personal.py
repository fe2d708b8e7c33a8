"""Personal bundles on the disk."""

import json
from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import WeightsError
from lipwright.weights.bundle import MODEL_FILE
from lipwright.weights.find import find_bundle
from lipwright.weights.personal import (
    NUMBERS,
    PICTURES,
    is_personal,
    load_library,
    read_description,
    write_personal,
)
from person import Learned

INFO = {"name": "somebody", "base": "tiny", "material": {}}


@pytest.fixture
def folder(talk: Learned, tmp_path: Path) -> Path:
    write_personal(tmp_path, talk.library, INFO)
    return tmp_path


def test_what_is_written_is_read_again(talk: Learned, folder: Path) -> None:
    bundle = find_bundle(folder)
    assert (bundle.name, bundle.personal) == ("somebody", folder)
    assert not bundle.rendered_faces_only
    again = load_library(folder)
    np.testing.assert_array_equal(again.points, talk.library.points)
    np.testing.assert_array_equal(again.frames, talk.library.frames)
    error = again.crops.astype(float) - talk.library.crops
    assert 10 * np.log10(255**2 / (error**2).mean()) > 38
    assert sum(file.stat().st_size for file in folder.iterdir()) < 4_000_000
    assert {file.name for file in folder.iterdir()} == {MODEL_FILE, PICTURES, NUMBERS}


def test_other_folders_are_not_personal(tmp_path: Path, tiny_bundle: Path) -> None:
    assert not is_personal(tmp_path) and not is_personal(tiny_bundle)


@pytest.mark.parametrize("name", [PICTURES, NUMBERS])
def test_a_changed_or_missing_file_is_refused(folder: Path, name: str) -> None:
    file = folder / name
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="checksum"):
        find_bundle(folder)
    file.unlink()
    with pytest.raises(WeightsError, match="lacks"):
        find_bundle(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 9},
        {"files": {"../escape": "00"}},
        {"base": 3},
        {"material": None},
        {"name": None, "files": []},
    ],
)
def test_a_description_that_lies_is_refused(folder: Path, change: dict[str, object]) -> None:
    file = folder / MODEL_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(WeightsError):
        read_description(folder)


def test_an_unknown_base_is_named(folder: Path) -> None:
    file = folder / MODEL_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), "base": "giant"}))
    with pytest.raises(WeightsError, match="giant"):
        find_bundle(folder)


def test_numbers_that_do_not_fit_the_pictures_are_refused(talk: Learned, folder: Path) -> None:
    from dataclasses import replace

    from safetensors.numpy import save_file

    short = replace(talk.library, frames=talk.library.frames[:-1])
    save_file(short.to_arrays(), folder / NUMBERS)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_library(folder)
