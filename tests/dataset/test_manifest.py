"""The folder of prepared clips: read as written, and refused in one sentence."""

import json
from pathlib import Path

import pytest

from lipwright.dataset import manifest
from lipwright.dataset.manifest import ClipRow, DatasetError


def row(number: int, **changes: object) -> ClipRow:
    values: dict[str, object] = {
        "name": f"c{number}",
        "video": f"clips/c{number}.mp4",
        "sound": f"clips/c{number}.wav",
        "frames": 80,
        "source": f"film{number // 2}",
    }
    return ClipRow(**{**values, **changes})  # type: ignore[arg-type]


def folder_of(folder: Path, rows: list[ClipRow]) -> Path:
    manifest.write_about(folder, 128, {"points": []})
    manifest.append_rows(folder / "manifest.jsonl", rows)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [row(0, steps={"cut": 3}), row(1), row(2, verdict="dropped", reason="no face", video="", frames=0)]
    folder_of(tmp_path, rows[:2])
    manifest.append_rows(tmp_path / "manifest-1-of-2.jsonl", rows[2:])
    found = manifest.read_dataset(tmp_path)
    assert found.clips == tuple(rows[:2]) and found.dropped == 1
    assert (found.side, found.template) == (128, {"points": []})


def test_a_source_lies_on_one_side(tmp_path: Path) -> None:
    found = manifest.read_dataset(folder_of(tmp_path, [row(n) for n in range(40)]))
    train, held = found.split(0.2)
    assert len(train) + len(held) == 40 and len(held) == 8
    assert {r.source for r in train}.isdisjoint({r.source for r in held})
    assert found.split(0.2) == (train, held)
    assert found.split(0.0) == (found.clips, ())


def test_stated_splits_count(tmp_path: Path) -> None:
    found = manifest.read_dataset(folder_of(tmp_path, [row(0), row(1, split="held"), row(2, split="train")]))
    train, held = found.split()
    assert [r.name for r in held] == ["c1"] and [r.name for r in train] == ["c0", "c2"]


def test_a_half_line_after_a_kill_is_forgiven_when_asked(tmp_path: Path) -> None:
    folder_of(tmp_path, [row(0), row(1)])
    file = tmp_path / "manifest.jsonl"
    file.write_text(file.read_text()[:-20])
    assert manifest.read_rows(file, forgive_last=True) == [row(0)]
    with pytest.raises(DatasetError, match="Line 2 of the manifest"):
        manifest.read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("nothing", "There is no folder"),
        ("empty", r"holds no prepared clips: it has no dataset\.json"),
        ("no manifest", r"has no manifest\.jsonl"),
        ("binary", "cannot be read"),
        ("unknown", "Line 1 .*unknown fields colour"),
        ("none kept", "No clip of .* was kept"),
        ("outside", "lies outside the folder"),
        ("format", "is of format, rate and sample rate"),
        ("broken about", r"dataset\.json cannot be read"),
    ],
)
def test_bad_folders_are_one_sentence_each(tmp_path: Path, spoil: str, says: str) -> None:
    folder = tmp_path / "data"
    if spoil != "nothing":
        folder.mkdir()
    if spoil not in ("nothing", "empty"):
        manifest.write_about(folder, 128, {})
    file = folder / "manifest.jsonl"
    if spoil == "binary":
        file.write_bytes(b"\xff\xfe\x00")
    elif spoil == "unknown":
        file.write_text(json.dumps({"name": "a", "colour": 1}) + "\n")
    elif spoil == "none kept":
        manifest.append_rows(file, [row(0, verdict="dropped")])
    elif spoil == "outside":
        manifest.append_rows(file, [row(0, video="../../x.mp4")])
    elif spoil == "format":
        manifest.append_rows(file, [row(0)])
        about = json.loads((folder / "dataset.json").read_text())
        (folder / "dataset.json").write_text(json.dumps({**about, "rate": 30}))
    elif spoil == "broken about":
        (folder / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match=says) as caught:
        manifest.read_dataset(folder)
    assert "\n" not in str(caught.value)
