"""Folders of recorded sets: what is read, and what is refused with a sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.verify.record import RecordError, Shelf
from lipwright.weights.deterministic import test_input


def put(folder: Path, name: str, settings: Any, **arrays: Any) -> None:
    (folder / f"{name}.json").write_text(json.dumps(settings))
    np.savez(folder / f"{name}.npz", **arrays)


def test_arrays_and_settings_come_back_and_what_was_not_asked_for_is_known(tmp_path: Path) -> None:
    put(tmp_path, "a", {"kind": "vae", "n": 3}, x=np.arange(3), extra=np.zeros(1))
    record = Shelf(tmp_path).read("a")
    assert (record.kind, record.setting("n"), record["x"].tolist()) == ("vae", 3, [0, 1, 2])
    assert record.unused() == ["extra"]
    with pytest.raises(RecordError, match="no array 'y'"):
        record["y"]
    with pytest.raises(RecordError, match="no setting 'm'"):
        record.setting("m")


def test_inputs_that_are_not_stored_are_drawn_by_their_name(tmp_path: Path) -> None:
    put(tmp_path, "a", {"kind": "pipeline", "note": "by input rule 'elsewhere/audio', shape [2, 3]"})
    put(tmp_path, "b", {"kind": "pipeline"})
    shelf = Shelf(tmp_path)
    first = shelf.read("a").stored_or_drawn("audio", (2, 3), 0.5)
    np.testing.assert_array_equal(first, np.float32(0.5) * test_input("elsewhere/audio", (2, 3)))
    np.testing.assert_array_equal(shelf.read("b").stored_or_drawn("audio", (2,)), test_input("b/audio", (2,)))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("no npz", "a.npz is missing"),
        ("no json", "a.json is missing"),
        ("broken json", "cannot be read"),
        ("broken npz", "cannot be read"),
        ("empty npz", "cannot be read"),
        ("list", "not a mapping"),
    ],
)
def test_a_broken_set_is_named_in_one_sentence(tmp_path: Path, damage: str, said: str) -> None:
    put(tmp_path, "a", [] if damage == "list" else {"kind": "vae"}, x=np.zeros(1))
    if damage.startswith("no "):
        (tmp_path / f"a.{damage[3:]}").unlink()
    elif damage == "broken json":
        (tmp_path / "a.json").write_text("{")
    elif damage == "broken npz":
        (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    elif damage == "empty npz":
        (tmp_path / "a.npz").write_bytes(b"")
    shelf = Shelf(tmp_path)
    assert shelf.names() == ["a"]
    with pytest.raises(RecordError, match="set a ") as refusal:
        shelf.read("a")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="holds no recorded sets"):
        Shelf(tmp_path).names()
    with pytest.raises(RecordError, match="is not a folder"):
        Shelf(tmp_path / "missing").names()


def test_inputs_may_be_those_of_another_set_even_when_it_was_renamed(tmp_path: Path) -> None:
    put(tmp_path, "a", {"kind": "sampler", "resolution": 8, "inputs": "same as b"}, y=np.zeros(1))
    with pytest.raises(RecordError, match="takes its inputs from b, which is not in the folder"):
        Shelf(tmp_path).read("a")["faces"]
    put(tmp_path, "other", {"kind": "sampler", "resolution": 9}, faces=np.ones(1))
    put(tmp_path, "renamed", {"kind": "sampler", "resolution": 8}, faces=np.full(1, 2))
    assert Shelf(tmp_path).read("a")["faces"].tolist() == [2]
    put(tmp_path, "b", {"kind": "sampler", "resolution": 8}, faces=np.full(1, 3))
    assert Shelf(tmp_path).read("a")["faces"].tolist() == [3]
