"""`lipwright weights` as a user types it, with a hub on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import official
from fake_hub import FakeHub, serving
from lipwright.weights.catalog import OFFICIAL

NAMES = ("tiny", "latentsync-1.0", "latentsync-1.5", "latentsync-1.6", "sd-vae-ft-mse", "faces")


def weights(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `lipwright weights` with caches below `home`."""
    command = [sys.executable, "-m", "lipwright", "weights", *arguments]
    own = {"LIPWRIGHT_CACHE": str(home / "cache"), "HF_HOME": str(home / "hub")}
    settings = {**os.environ, **own, **variables}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=settings, cwd=home
    )


def test_list_names_everything(tmp_path: Path) -> None:
    done = weights("list", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(NAMES)
    assert "5,482 MB" in done.stdout


@pytest.mark.parametrize("name", ["latentsync-1.0", "latentsync-1.6", "sd-vae-ft-mse", "faces"])
def test_show_tells_files_sums_and_terms(name: str, tmp_path: Path) -> None:
    done = weights("show", name, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "licence: " in done.stdout
    assert "SHA-256" in done.stdout
    assert "in the cache: no" in done.stdout
    if name in OFFICIAL:
        assert f"resolution: {OFFICIAL[name].resolution} px; window: 16" in done.stdout
    assert ("trust on first use" in done.stdout) == (name == "latentsync-1.0")


def test_what_is_not_here_has_no_path(tmp_path: Path) -> None:
    done = weights("path", "latentsync-1.5", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `lipwright weights pull latentsync-1.5`" in done.stderr


def test_without_network_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    done = weights("pull", "latentsync-1.6", home=tmp_path, HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert "on a machine with network run `lipwright weights pull`" in done.stderr.splitlines()[-1]


def test_missing_and_gated_repositories(tmp_path: Path) -> None:
    repo = OFFICIAL["latentsync-1.6"].unet_file.repo
    with serving(FakeHub({(repo, "latentsync_unet.pt"): b"x"}, gated={repo})) as hub:
        done = weights("pull", "latentsync-1.6", home=tmp_path, HF_ENDPOINT=hub.url)
        assert (done.returncode, "is gated" in done.stderr.splitlines()[-1]) == (2, True)
        done = weights("pull", "latentsync-1.5", home=tmp_path, HF_ENDPOINT=hub.url)
        assert (done.returncode, "no repository" in done.stderr.splitlines()[-1]) == (2, True)
        hub.gated.clear()
        done = weights("pull", "latentsync-1.6", home=tmp_path, HF_ENDPOINT=hub.url)
        assert (done.returncode, "wrong checksum" in done.stderr.splitlines()[-1]) == (2, True)
    assert not (tmp_path / "cache" / "latentsync-1.6").exists()


def test_convert_refuses_what_is_not_declared(tmp_path: Path) -> None:
    state = {"visual_encoder.conv_in.weight": torch.zeros(1)}
    source = official.write(tmp_path / "official", unet=state)
    done = weights("convert", str(source), "-o", "bundle", "--as", "latentsync-1.6", home=tmp_path)
    assert done.returncode == 2
    assert "it looks like a SyncNet" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "bundle").exists()
    done = weights("convert", str(source), "-o", "bundle", "--as", "latentsync-2", home=tmp_path)
    assert (done.returncode, "known are" in done.stderr) == (2, True)
