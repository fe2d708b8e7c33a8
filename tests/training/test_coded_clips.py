"""What is kept of clips: made once, also across runs, and refused in a sentence when it cannot be written."""

from pathlib import Path

import pytest
import torch

from lipwright.dataset.manifest import read_dataset
from lipwright.device import DeviceChoice
from lipwright.errors import OutputError
from lipwright.training.clip_shelf import ClipShelf, to_pixels
from lipwright.training.coded_clips import CodedClips, Kept, kept_place
from lipwright.weights.find import find_bundle
from lipwright.weights.load import load_codec
from training import toy_clips

CPU = torch.device("cpu")


def test_values_are_made_once_and_the_oldest_leaves() -> None:
    made: list[str] = []

    def maker(name: str) -> torch.Tensor:
        made.append(name)
        return torch.zeros(1)

    kept = Kept(2)
    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, lambda name=name: maker(name))  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


def test_a_folder_keeps_them_for_the_next_run(tmp_path: Path) -> None:
    first = Kept(folder=tmp_path / "kept").get("a/b", lambda: torch.arange(3.0))
    again = Kept(folder=tmp_path / "kept").get("a/b", lambda: pytest.fail("made twice"))
    assert torch.equal(first, again)
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["a_b.npy"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="make room, or leave kept_at out"):
        Kept(folder=tmp_path / "file").get("a", lambda: torch.zeros(1))


def test_latents_are_those_of_the_codec(tiny_bundle: Path, tmp_path: Path) -> None:
    data = read_dataset(toy_clips.dataset(tmp_path, clips=1, frames=20))
    shelf = ClipShelf(data.folder, data.clips, 64)
    bundle = find_bundle(str(tiny_bundle))
    codec = load_codec(bundle, DeviceChoice(CPU, torch.float32))
    mask = torch.ones(64, 64)
    mask[32:] = 0
    coded = CodedClips(shelf, codec, CPU, mask)
    pixels = to_pixels(shelf.frames(0, 3, 5))
    torch.testing.assert_close(coded.whole(0, 3, 5), codec.encode(pixels, None), rtol=1e-4, atol=1e-5)
    wanted = codec.encode(pixels * mask, None)
    torch.testing.assert_close(coded.masked(0, 3, 5), wanted, rtol=1e-4, atol=1e-5)


def test_places_differ_for_other_clips_and_sizes(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = find_bundle(str(tiny_bundle))
    places = {
        kept_place("kept", bundle, side, tmp_path / name) for side in (64, 128) for name in ("one", "two")
    }
    assert len(places) == 4
