"""Whole folders: every kind recomputed, nothing skipped, perturbed sets found."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.device import choose_device
from lipwright.verify.check import FAILED, PASSED, SetResult
from lipwright.verify.record import RecordError
from lipwright.verify.run import KINDS, as_json, shipped_folder, verify

MORE = Path(__file__).parent.parent / "data" / "golden"
SETS = sorted([*shipped_folder().glob("*.json"), *MORE.glob("*.json")])

CPU = choose_device("cpu", "fp32")


def results(folder: Path, only: str = "*") -> dict[str, SetResult]:
    return {result.name: result for result in verify(folder, CPU, only=only)}


def copy_set(name: str, folder: Path, new: str, **changed: Any) -> None:
    """A shipped set under another name, with some arrays replaced."""
    shutil.copy(shipped_folder() / f"{name}.json", folder / f"{new}.json")
    with np.load(shipped_folder() / f"{name}.npz") as arrays:
        np.savez(folder / f"{new}.npz", **(dict(arrays) | changed))


def test_sets_may_have_any_name_and_a_wrong_value_is_found(tmp_path: Path) -> None:
    with np.load(shipped_folder() / "audio_chunk_tables.npz") as arrays:
        wrong = arrays["table"].copy()
    wrong[-1, -1] += 1
    copy_set("audio_chunk_tables", tmp_path, "fine")
    copy_set("audio_chunk_tables", tmp_path, "off", table=wrong)
    found = results(tmp_path)
    assert {name: result.status for name, result in found.items()} == {"fine": PASSED, "off": FAILED}
    assert found["off"].arrays["table"].max_abs_error == 1
    plain = as_json(list(found.values()))
    assert plain["failed"] == 1
    assert plain["sets"][0]["arrays"]["table"] == {"max_abs_error": 0.0, "tolerance": 0}


def test_unknown_and_broken_sets_fail_with_a_reason_and_hide_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"kind": "hair"}))
    np.savez(tmp_path / "a.npz", x=np.zeros(1))
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text(json.dumps({"kind": "syncnet", "model_config": {}}))
    np.savez(tmp_path / "c.npz", x=np.zeros((1, 2)))
    copy_set("audio_chunk_tables", tmp_path, "d")
    found = results(tmp_path)
    assert [found[name].status for name in "abcd"] == [FAILED, FAILED, FAILED, PASSED]
    assert "unknown kind 'hair'" in found["a"].reason
    assert "cannot be read" in found["b"].reason
    assert "cannot be recomputed" in found["c"].reason


def test_only_the_sets_that_match(tmp_path: Path) -> None:
    copy_set("audio_chunk_tables", tmp_path, "one")
    copy_set("audio_chunk_tables", tmp_path, "two")
    assert list(results(tmp_path, "t*")) == ["two"]
    with pytest.raises(RecordError, match="matches 'x\\*'; there are one, two"):
        results(tmp_path, "x*")


@pytest.mark.parametrize("path", SETS, ids=[path.stem for path in SETS])
def test_the_recorded_numbers_come_out(path: Path) -> None:
    (result,) = verify(path.parent, CPU, only=path.stem)
    assert result.reason == ""
    assert {name: row.max_abs_error for name, row in result.arrays.items() if not row.passed} == {}


def test_every_kind_is_among_the_sets() -> None:
    assert {json.loads(path.read_text())["kind"] for path in SETS} == set(KINDS)


def test_the_shipped_selection_is_small() -> None:
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) < 3_000_000


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("affine_points", "pbias1"),
        ("prepare_masks_64", "masked0"),
        ("syncnet_small", "loss_y0"),
        ("train_noise_x0", "x0"),
        ("warp_restore_256", "restored_f32"),
    ],
)
def test_a_perturbed_output_is_found(tmp_path: Path, name: str, array: str) -> None:
    for path in shipped_folder().iterdir():
        shutil.copy(path, tmp_path / path.name)
    with np.load(shipped_folder() / f"{name}.npz") as arrays:
        recorded = arrays[array]
    step = 3 if recorded.dtype == np.uint8 else 0.05 * np.abs(recorded).max()
    changed = recorded.copy()
    changed.flat[recorded.size // 2] += np.asarray(step, recorded.dtype)
    copy_set(name, tmp_path, name, **{array: changed})
    (result,) = verify(tmp_path, CPU, only=name)
    assert [key for key, row in result.arrays.items() if not row.passed] == [array]
