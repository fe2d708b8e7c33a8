"""Bundles: read back as written, and refused in one sentence when they are not whole."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny
from lipwright.errors import WeightsError
from lipwright.faces.align import TINY_TEMPLATE
from lipwright.faces.mask import TINY_MASK
from lipwright.pipeline.engine import Engine
from lipwright.weights.bundle import Bundle, checksum, embedded_folder, read_bundle, write_description
from lipwright.weights.find import find_bundle

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle to break."""
    copy = tmp_path / "model"
    shutil.copytree(tiny_bundle, copy)
    return copy


def rewrite(folder: Path, change: Change) -> None:
    file = folder / "model.json"
    info = json.loads(file.read_text())
    change(info)
    file.write_text(json.dumps(info))


def refusal(folder: Path, load: Callable[[Path], object] = read_bundle) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(WeightsError) as refused:
        load(folder)
    sentence = str(refused.value)
    assert "\n" not in sentence and sentence.endswith(".")
    assert str(folder) in sentence
    return sentence


def test_a_bundle_says_what_the_pipeline_asks(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    assert (bundle.name, bundle.resolution, bundle.window, bundle.overlap) == ("toy", 64, 8, 0)
    assert bundle.template.resolution == 64 and bundle.template.points == TINY_TEMPLATE.points
    assert bundle.mask == TINY_MASK
    assert bundle.rendered_faces_only and bundle.steady == 0
    assert bundle.part("unet")["kind"] == "latentsync"
    assert bundle.file("unet") == tiny_bundle / "unet.safetensors"
    assert bundle.info["files"]["unet.safetensors"] == checksum(bundle.file("unet"))


def test_a_description_is_written_and_read_back(folder: Path) -> None:
    info = {key: value for key, value in read_bundle(folder).info.items() if key not in ("format", "files")}
    (folder / "model.json").unlink()
    again = write_description(folder, {**info, "name": "again"})
    assert again.name == "again" and dict(read_bundle(folder).info) == dict(again.info)
    assert {path.name for path in folder.iterdir()} == {
        "model.json",
        *(f"{part}.safetensors" for part in ("autoencoder", "speech", "unet")),
    }


def test_a_bundle_is_found_by_its_folder(folder: Path) -> None:
    assert find_bundle(folder).folder == folder
    assert find_bundle(str(folder)).name == "toy"


@pytest.mark.parametrize("name", ["gigantic", "", "no/such/folder", "TINY"])
def test_unknown_models(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError):
        find_bundle(name)


def test_a_folder_without_a_description(tmp_path: Path) -> None:
    assert "no model.json" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1, 2", '"text"', "[]", "3", "null", "\x00\x01"])
def test_a_description_that_is_no_object(text: str, folder: Path) -> None:
    (folder / "model.json").write_text(text)
    refusal(folder)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00bad", bytes(range(256))])
def test_a_description_that_is_no_text(data: bytes, folder: Path) -> None:
    (folder / "model.json").write_bytes(data)
    refusal(folder)


NEEDED = (
    "format",
    "name",
    "resolution",
    "window",
    "overlap",
    "template",
    "mask",
    "schedule",
    "defaults",
    "parts",
    "files",
)


@pytest.mark.parametrize("key", NEEDED)
def test_a_missing_field_is_named(key: str, folder: Path) -> None:
    rewrite(folder, lambda info: info.pop(key))
    assert key in refusal(folder)


@pytest.mark.parametrize("part", ["autoencoder", "speech", "unet"])
@pytest.mark.parametrize("key", [None, "file"])
def test_a_missing_part_is_named(part: str, key: str | None, folder: Path) -> None:
    rewrite(folder, lambda info: info["parts"].pop(part) if key is None else info["parts"][part].pop(key))
    assert (part if key is None else key) in refusal(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("resolution", "wide"), ("window", None), ("mask", 3), ("parts", []), ("steady", 0.5), ("steady", "a")],
)
def test_fields_of_the_wrong_kind(key: str, value: object, folder: Path) -> None:
    rewrite(folder, lambda info: info.update({key: value}))
    refusal(folder)


def test_another_format_is_not_guessed_at(folder: Path) -> None:
    rewrite(folder, lambda info: info.update(format=2))
    assert "format 2" in refusal(folder)


@pytest.mark.parametrize("name", ["../unet.safetensors", "/etc/passwd", "sub/unet.safetensors"])
def test_files_outside_the_folder_are_refused(name: str, folder: Path) -> None:
    """A description from elsewhere must not make us read other files."""
    (folder.parent / "unet.safetensors").write_bytes(b"somebody else's")

    def escape(info: dict[str, Any]) -> None:
        info["parts"]["unet"]["file"] = name
        info["files"][name] = info["files"]["unet.safetensors"]

    rewrite(folder, escape)
    assert "outside its folder" in refusal(folder)


def test_a_file_without_a_checksum_is_refused(folder: Path) -> None:
    rewrite(folder, lambda info: info["files"].pop("speech.safetensors"))
    assert "no checksum for speech.safetensors" in refusal(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "speech.safetensors").unlink()
    assert "speech.safetensors" in refusal(folder)


@pytest.mark.parametrize("at", [0, 1000, -1])
def test_one_changed_byte_is_noticed(at: int, folder: Path) -> None:
    data = bytearray((folder / "unet.safetensors").read_bytes())
    data[at] ^= 1
    (folder / "unet.safetensors").write_bytes(data)
    sentence = refusal(folder)
    assert "wrong checksum" in sentence and "unet.safetensors" in sentence


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["parts"]["unet"]["config"].update(block_out_channels="many"),
        lambda info: info["parts"]["speech"]["config"].pop("width"),
        lambda info: info["parts"]["speech"].pop("window_s"),
        lambda info: info["parts"]["autoencoder"]["config"].update(colour="blue"),
        lambda info: info["parts"]["autoencoder"].pop("scaling"),
        lambda info: info["schedule"].update(prediction_type="astrology"),
        lambda info: info["parts"]["unet"].update(kind="transformer"),
    ],
)
def test_a_part_that_cannot_be_built(change: Change, folder: Path) -> None:
    rewrite(folder, change)
    with pytest.raises(WeightsError) as refused:
        Engine.load(folder, device="cpu")
    assert "\n" not in str(refused.value)


def test_weights_that_fit_another_shape_are_listed(folder: Path) -> None:
    """The checksums are right, but the description is of a larger network."""
    rewrite(folder, lambda info: info["parts"]["speech"]["config"].update(width=32))
    sentence = refusal(folder, lambda path: Engine.load(path, device="cpu"))
    assert "speech.safetensors" in sentence and "(16" in sentence and "more" in sentence


def test_bundles_that_ship_lie_in_the_package() -> None:
    assert embedded_folder("tiny").parts[-3:] == ("lipwright", "bundles", "tiny")


def test_equal_seeds_make_equal_bundles(tmp_path: Path) -> None:
    def files(bundle: Bundle) -> dict[str, str]:
        found: dict[str, str] = bundle.info["files"]
        return found

    one, same, other = (
        files(read_bundle(tiny.build(tmp_path / str(index), seed=seed)))
        for index, seed in enumerate((5, 5, 6))
    )
    assert one == same
    assert one["unet.safetensors"] != other["unet.safetensors"]
