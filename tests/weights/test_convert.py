"""Official files into bundles, at toy size."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import official
from lipwright.errors import Cancelled, InputError, OutputError, WeightsError
from lipwright.faces.align import LATENTSYNC
from lipwright.faces.mask import RELEASED
from lipwright.progress import Progress
from lipwright.weights.bundle import Bundle, checksum, read_bundle
from lipwright.weights.catalog import OFFICIAL, HubFile, OfficialModel
from lipwright.weights.convert import check_official, convert, find_files, which_model
from lipwright.weights.manifest import TEMPORAL


def never(file: HubFile) -> Path:
    """Nothing may be fetched."""
    raise AssertionError(f"asked the hub for {file.title}")


def made(source: Path, folder: Path, model: OfficialModel = official.TOY_16, **settings: Any) -> Bundle:
    """A bundle of official files; nothing is fetched."""
    return convert(source, folder, model=model, fetch=never, **settings)[0]


def refusal(source: Path, folder: Path, model: OfficialModel = official.TOY_16) -> str:
    """The sentence for files that cannot be converted; nothing may stay."""
    with pytest.raises(InputError) as caught:
        made(source, folder, model)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert not folder.exists()
    assert not list(folder.parent.glob(".convert-*"))
    return str(caught.value)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy files of 1.6."""
    return official.write(tmp_path_factory.mktemp("official"))


@pytest.fixture
def copy(files: Path, tmp_path: Path) -> Path:
    """Toy files to spoil."""
    shutil.copytree(files, tmp_path / "copy")
    return tmp_path / "copy"


def test_the_bundle_says_everything_the_pipeline_needs(files: Path, tmp_path: Path) -> None:
    bundle = made(files, tmp_path / "bundle")
    assert (bundle.name, bundle.resolution, bundle.window, bundle.overlap) == ("latentsync-1.6", 64, 16, 4)
    assert bundle.mask == RELEASED
    assert bundle.template == LATENTSYNC(64)
    assert bundle.info["schedule"]["prediction_type"] == "epsilon"
    assert bundle.part("autoencoder")["scaling"] == 0.18215
    assert bundle.info["licence"] == "OpenRAIL++-M"
    assert not bundle.rendered_faces_only
    kinds = [bundle.part(name)["kind"] for name in ("unet", "speech", "autoencoder")]
    assert kinds == ["latentsync", "whisper", "sd-vae"]
    read_bundle(bundle.folder)  # checksums hold


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_there_and_back_is_bit_identical(tmp_path: Path, dtype: torch.dtype) -> None:
    source = official.write(tmp_path / "official", dtype=dtype)
    first = made(source, tmp_path / "first")
    again = made(official.write_back(first, tmp_path / "back"), tmp_path / "second")
    for part in ("unet", "speech", "autoencoder"):
        assert checksum(first.file(part)) == checksum(again.file(part))
    assert {value.dtype for value in load_file(first.file("unet")).values()} == {dtype}


def test_half_precision_on_request(files: Path, tmp_path: Path) -> None:
    bundle = made(files, tmp_path / "bundle", dtype=torch.float16)
    state, full = load_file(bundle.file("unet")), official.unet_state(official.TOY_16)
    assert all(torch.equal(state[key], full[key].half()) for key in state)


def test_names_of_1_0_and_of_wrapped_networks_are_changed(tmp_path: Path) -> None:
    state = official.unet_state(official.TOY_10)
    old = {
        "module."
        + key.replace("norm2.", "audio_cross_attn.norm.").replace("attn2.", "audio_cross_attn.attn.")
        if ".transformer_blocks." in key
        else "module." + key: value
        for key, value in state.items()
    }
    assert any("audio_cross_attn.attn.to_k" in key for key in old)
    source = official.write(tmp_path / "official", official.TOY_10, unet=old, ema_state_dict=state)
    bundle = made(source, tmp_path / "bundle", official.TOY_10)
    found = load_file(bundle.file("unet"))
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_a_1_0_file_declared_as_1_6_is_refused(tmp_path: Path) -> None:
    source = official.write(tmp_path / "official", official.TOY_10)
    assert "without temporal layers (LatentSync 1.0" in refusal(source, tmp_path / "bundle")
    state = official.unet_state(official.TOY_10)
    old = {key.replace("attn2.", "audio_cross_attn.attn."): value for key, value in state.items()}
    source = official.write(tmp_path / "old", official.TOY_10, unet=old)
    assert "looks like the U-Net of LatentSync 1.0" in refusal(source, tmp_path / "bundle")


def test_a_1_6_file_declared_as_1_0_is_refused(files: Path, tmp_path: Path) -> None:
    assert "1.5 or 1.6" in refusal(files, tmp_path / "bundle", official.TOY_10)


def test_a_syncnet_given_as_u_net_is_told(copy: Path, tmp_path: Path) -> None:
    state = {"visual_encoder.conv_in.weight": torch.zeros(1), "audio_encoder.conv_in.weight": torch.zeros(1)}
    torch.save({"state_dict": state}, copy / "latentsync_unet.pt")
    assert "looks like a SyncNet" in refusal(copy / "latentsync_unet.pt", tmp_path / "bundle")
    torch.save({"state_dict": state}, copy / "whisper" / "tiny.pt")
    official.write(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "latentsync_unet.pt", copy)
    assert "looks like a SyncNet" in refusal(copy, tmp_path / "bundle")


def test_missing_and_mis_shaped_tensors_are_listed(copy: Path, tmp_path: Path) -> None:
    state = official.unet_state(official.TOY_16)
    del state["conv_out.bias"]
    state["conv_in.bias"] = torch.zeros(7)
    torch.save({"state_dict": state}, copy / "latentsync_unet.pt")
    sentence = refusal(copy, tmp_path / "bundle")
    assert "1 missing (conv_out.bias), 1 of another shape (conv_in.bias is (7,), not (32,))" in sentence


@pytest.mark.parametrize("where", ["unet", "autoencoder"])
def test_nan_is_told(copy: Path, tmp_path: Path, where: str) -> None:
    if where == "unet":
        state = official.unet_state(official.TOY_16)
        state["conv_in.weight"][0, 0, 0, 0] = torch.nan
        torch.save({"state_dict": state}, copy / "latentsync_unet.pt")
    else:
        file = copy / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors"
        tensors = {key: value.clone() for key, value in load_file(file).items()}
        tensors["decoder.conv_in.bias"][0] = torch.nan
        save_file(tensors, file)
    assert "no numbers" in refusal(copy, tmp_path / "bundle")
    with pytest.raises(WeightsError, match="no numbers"):
        check_official(copy, official.TOY_16, never)


@pytest.mark.parametrize("name", ["latentsync_unet.pt", "whisper/tiny.pt"])
def test_a_truncated_file_is_told(copy: Path, tmp_path: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    assert "cut short" in refusal(copy, tmp_path / "bundle")


def test_another_position_table_is_told(copy: Path, tmp_path: Path) -> None:
    state = official.unet_state(official.TOY_16)
    key = next(key for key in state if key.endswith("pos_encoder.pe"))
    torch.save({"state_dict": {**state, key: state[key] * 2}}, copy / "latentsync_unet.pt")
    assert "position table" in refusal(copy, tmp_path / "bundle")


def test_a_whisper_of_another_width_is_told(files: Path, tmp_path: Path) -> None:
    wider = replace(official.TOY_16, unet={**official.UNET, "cross_attention_dim": 48})
    source = official.write(tmp_path / "official", wider)
    assert "listens with width 48" in refusal(source, tmp_path / "bundle", wider)


def test_parts_that_are_not_there_are_fetched(files: Path, copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "sd-vae-ft-mse")
    shutil.rmtree(copy / "whisper")
    asked: list[str] = []

    def fetch(file: HubFile) -> Path:
        asked.append(file.title)
        kind = {"speech": "whisper/tiny.pt", "config": "sd-vae-ft-mse/config.json"}
        return files / kind.get(file.role, "sd-vae-ft-mse/diffusion_pytorch_model.safetensors")

    convert(copy / "latentsync_unet.pt", tmp_path / "bundle", model=official.TOY_16, fetch=fetch)
    assert asked[0] == "ByteDance/LatentSync-1.6/whisper/tiny.pt"
    assert "stabilityai/sd-vae-ft-mse/config.json" in asked


def test_versions_with_equal_tensors_are_told_apart(tmp_path: Path) -> None:
    def told(file: Path, *names: str) -> tuple[str, bool]:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(b"")
        model, note = which_model(file, set(names))
        return model.name, note is not None

    temporal = "down_blocks.0.motion_modules.0.norm"
    assert TEMPORAL in temporal
    assert told(tmp_path / "a" / "u.pt", "conv_in.weight") == ("latentsync-1.0", False)
    assert told(tmp_path / "LatentSync-1.5" / "u.pt", temporal) == ("latentsync-1.5", False)
    assert told(tmp_path / "latentsync16" / "u.pt", temporal) == ("latentsync-1.6", False)
    assert told(tmp_path / "b" / "u.pt", temporal) == ("latentsync-1.6", True)
    (tmp_path / "b" / "config.json").write_text('{"Name": "LatentSync-1.5"}')
    assert told(tmp_path / "b" / "u.pt", temporal) == ("latentsync-1.5", False)
    size = OFFICIAL["latentsync-1.5"].unet_file.size
    assert size is not None
    with open(tmp_path / "large.pt", "wb") as file:
        file.truncate(size)
    assert told(tmp_path / "large.pt", temporal) == ("latentsync-1.5", False)


def test_a_folder_in_use_is_kept_unless_forced(files: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="--force"):
        made(files, tmp_path / "bundle")
    assert (tmp_path / "bundle" / "mine.txt").exists()
    made(files, tmp_path / "bundle", force=True)
    assert not (tmp_path / "bundle" / "mine.txt").exists()


def test_no_space_is_told_before_the_work(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1000))
    assert "No space left" in refusal(files, tmp_path / "bundle")


def test_a_folder_that_cannot_be_made_is_told(files: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        made(files, tmp_path / "file" / "bundle")


def test_a_folder_without_a_u_net_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"latentsync_unet\.pt"):
        find_files(tmp_path, None, never)


FILLS_UP = """
import resource, sys
from pathlib import Path
import official
from lipwright.errors import OutputError
from lipwright.weights.convert import convert
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    convert(Path(sys.argv[1]), Path(sys.argv[2]), model=official.TOY_16)
except OutputError as error:
    print(error)
"""


def test_a_disk_that_fills_up_leaves_nothing(files: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLS_UP, str(files), str(tmp_path / "bundle")]
    tests = str(Path(official.__file__).parent)
    environment = {**os.environ, "PYTHONPATH": tests}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "cannot be written (" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_cancelling_leaves_nothing(files: Path, tmp_path: Path) -> None:
    progress = Progress(lambda event: progress.cancel.set() if event.done == 1 else None)
    with pytest.raises(Cancelled):
        made(files, tmp_path / "bundle", progress=progress)
    assert list(tmp_path.iterdir()) == []
