"""Which voice goes on which video."""

from pathlib import Path

import pytest

from lipwright.errors import OptionError
from lipwright.evaluation.pairs import clips_of, read_pairs


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_by_name_where_every_video_has_its_voice(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a.mp4", "a.wav", "b.wav", "spare.wav", "notes.txt")
    pairs, how = read_pairs(tmp_path)
    assert how == "by name"
    assert [(p.name, p.video.name, p.audio.name) for p in pairs] == [
        ("a", "a.mp4", "a.wav"),
        ("b", "b.mp4", "b.wav"),
    ]


def test_by_seed_otherwise_and_always_the_same(tmp_path: Path) -> None:
    touch(tmp_path, *(f"v/{k}.mp4" for k in range(6)), *(f"s/voice{k}.wav" for k in range(4)))
    pairs, how = read_pairs(tmp_path, 7)
    assert how == "by seed 7" and len(pairs) == 6
    assert read_pairs(tmp_path, 7)[0] == pairs != read_pairs(tmp_path, 8)[0]
    assert {pair.audio.name for pair in pairs} == {f"voice{k}.wav" for k in range(4)}
    assert len({pair.name for pair in pairs}) == 6


def test_as_a_list_says(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a.mp4, x/one.wav\n\na.mp4,x/one.wav\n")
    pairs, how = read_pairs(tmp_path / "list.csv")
    assert how == "as listed in list.csv"
    assert [pair.name for pair in pairs] == ["a+one", "a+one~2"]
    assert pairs[0].audio == tmp_path / "x" / "one.wav"


def test_what_gives_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no file or folder"):
        read_pairs(tmp_path / "none")
    with pytest.raises(OptionError, match="holds no videos"):
        read_pairs(tmp_path)
    touch(tmp_path, "a.mp4")
    with pytest.raises(OptionError, match="holds no sounds"):
        read_pairs(tmp_path)
    (tmp_path / "list.csv").write_text("a.mp4\n")
    with pytest.raises(OptionError, match="no two columns in line 1"):
        read_pairs(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_text("")
    with pytest.raises(OptionError, match="is empty"):
        read_pairs(tmp_path / "list.csv")


def test_clips_of_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "b.mov", "a.mp4", "x.txt")
    assert [path.name for path in clips_of(tmp_path)] == ["a.mp4", "b.mov"]
    assert clips_of(tmp_path / "a.mp4") == [tmp_path / "a.mp4"]
    (tmp_path / "e").mkdir()
    with pytest.raises(OptionError, match="holds no videos"):
        clips_of(tmp_path / "e")
    with pytest.raises(OptionError, match="no file or folder"):
        clips_of(tmp_path / "f")
