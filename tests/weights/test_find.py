"""Names and folders to bundles; pulling a model from a hub; toy sizes throughout."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

import official
import tiny
from fake_hub import FakeHub, serving
from lipwright.errors import WeightsError
from lipwright.weights import convert, find
from lipwright.weights.catalog import SD_VAE, HubPart, OfficialModel
from lipwright.weights.find import find_bundle, known_models, pull, verify

MODEL = replace(
    official.TOY_16,
    unet_file=replace(official.TOY_16.unet_file, size=None, sha256=None),
    speech_file=replace(official.TOY_16.speech_file, size=None, sha256=None),
    syncnet_file=replace(official.TOY_16.syncnet_file, size=None, sha256=None),
)
VAE: HubPart = replace(SD_VAE, files=tuple(replace(file, size=None, sha256=None) for file in SD_VAE.files))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights cache, and a catalogue with one model at toy size."""
    models: Mapping[str, OfficialModel] = {MODEL.name: MODEL}
    monkeypatch.setattr(convert, "OFFICIAL", models)
    monkeypatch.setattr(convert, "SD_VAE", VAE)
    monkeypatch.setattr(find, "OFFICIAL", models)
    monkeypatch.setenv("LIPWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with the toy model, the client pointed at it."""
    made = official.write(tmp_path / "source")
    repo = MODEL.unet_file.repo
    names = ("latentsync_unet.pt", "whisper/tiny.pt")
    files = {(repo, name): (made / name).read_bytes() for name in names}
    files[repo, "stable_syncnet.pt"] = b"a SyncNet"
    for file in VAE.files:
        files[file.repo, file.path] = (made / "sd-vae-ft-mse" / file.path).read_bytes()
    shutil.rmtree(made)
    with serving(FakeHub(files)) as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield running
        huggingface_hub.close_session()


def test_a_model_is_pulled_once_and_works_offline_afterwards(
    hub: FakeHub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match=r"lipwright weights pull latentsync-1\.6"):
        find_bundle(MODEL.name)
    folder = pull(MODEL)
    assert folder == cache / MODEL.name
    assert sorted(path.name for path in cache.iterdir()) == [MODEL.name, "sums.json"]
    hub.files.clear()
    shutil.rmtree(tmp_path / "hub")
    assert pull(MODEL) == folder
    bundle = find_bundle(MODEL.name)
    assert (bundle.name, bundle.resolution) == (MODEL.name, official.RESOLUTION)


def test_the_syncnet_comes_on_request(hub: FakeHub, tmp_path: Path) -> None:
    pull(MODEL)
    assert not list((tmp_path / "hub").rglob("stable_syncnet.pt"))
    pull(MODEL, syncnet=True)
    assert len(list((tmp_path / "hub").rglob("stable_syncnet.pt"))) == 1


def test_a_file_that_is_no_u_net_leaves_no_bundle(hub: FakeHub, cache: Path) -> None:
    hub.files[MODEL.unet_file.repo, MODEL.unet_file.path] = b"<html>not found</html>"
    with pytest.raises(WeightsError, match="no readable checkpoint"):
        pull(MODEL)
    assert [path.name for path in cache.iterdir()] == ["sums.json"]


@pytest.mark.usefixtures("hub")
def test_a_damaged_bundle_is_told(cache: Path) -> None:
    file = pull(MODEL) / "unet.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeightsError, match="wrong checksum"):
        find_bundle(MODEL.name)
    shutil.rmtree(cache / MODEL.name)
    assert verify(pull(MODEL)).startswith("latentsync-1.6, 64 px")


def test_a_folder_with_official_files_is_converted_once(tmp_path: Path, cache: Path) -> None:
    source = official.write(tmp_path / "LatentSync-1.6")
    first = find_bundle(source)
    assert first.folder.parent == cache / "converted"
    stamp = first.file("unet").stat().st_mtime_ns
    again = find_bundle(str(source))
    assert again.folder == first.folder
    assert again.file("unet").stat().st_mtime_ns == stamp
    official.write(source, global_step=2)
    assert find_bundle(source).folder != first.folder


def test_verify_reads_official_files_and_bundles(tmp_path: Path) -> None:
    source = official.write(tmp_path / "LatentSync-1.6")
    assert "official files of latentsync-1.6" in verify(source, MODEL)
    folder = tiny.build(tmp_path / "tiny")
    assert verify(folder).startswith("toy, 64 px")
    with pytest.raises(WeightsError, match=r"is toy, not latentsync-1\.6"):
        verify(folder, MODEL)


def test_other_things_are_told_with_the_known_names(tmp_path: Path) -> None:
    assert MODEL.name in known_models()
    with pytest.raises(WeightsError, match=r"unknown model 'nobody'.*latentsync-1\.6"):
        find_bundle("nobody")
    with pytest.raises(WeightsError, match=r"no model\.json"):
        find_bundle(tmp_path)
