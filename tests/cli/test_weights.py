"""`lipwright weights` as a user types it, with a hub on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import official
import tiny
from fake_hub import FakeHub, serving
from lipwright.cli.main import app
from lipwright.media.write import save_clip
from lipwright.weights.catalog import OFFICIAL
from lipwright.weights.convert import convert

NAMES = (
    *("tiny", "latentsync-1.0", "latentsync-1.5", "latentsync-1.6"),
    *("sd-vae-ft-mse", "vgg16", "videomae-v2-g", "syncnet-v2", "i3d-torchscript", "nsfw-vit"),
    *("faces", "lpips", "inception-fid"),
)


def weights(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `lipwright weights` with caches below `home`."""
    command = [sys.executable, "-m", "lipwright", "weights", *arguments]
    own = {"LIPWRIGHT_CACHE": str(home / "cache"), "HF_HOME": str(home / "hub")}
    settings = {**os.environ, **own, **variables}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=settings, cwd=home
    )


def told(*arguments: str, home: Path) -> str:
    """What a command prints, run in this process: these need no network and no torch."""
    variables = {"LIPWRIGHT_CACHE": str(home / "cache")}
    done = CliRunner().invoke(app, ["weights", *arguments], env=variables, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_list_names_everything(tmp_path: Path) -> None:
    lines = told("list", home=tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES)
    assert "5,482 MB" in lines[3]


@pytest.mark.parametrize("name", ["latentsync-1.0", "latentsync-1.6", "sd-vae-ft-mse", "faces"])
def test_show_tells_files_sums_and_terms(name: str, tmp_path: Path) -> None:
    shown = told("show", name, home=tmp_path)
    assert "licence: " in shown
    assert "SHA-256" in shown
    assert name == "sd-vae-ft-mse" or "in the cache: no" in shown
    if name in OFFICIAL:
        assert f"resolution: {OFFICIAL[name].resolution} px; window: 16" in shown
    assert ("trust on first use" in shown) == (name == "latentsync-1.0")


def test_what_is_not_here_has_no_path(tmp_path: Path) -> None:
    done = weights("path", "latentsync-1.5", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `lipwright weights pull latentsync-1.5`" in done.stderr


def test_what_lies_on_no_hub_is_fetched_by_hand(tmp_path: Path) -> None:
    assert "from the releases of" in told("show", "inception-fid", home=tmp_path)
    done = weights("pull", "inception-fid", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    place = tmp_path / "cache" / "inception-fid" / "pt_inception-2015-12-05-6726825d.pth"
    assert f"put it at {place}." in done.stderr


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


def test_a_converted_bundle_is_verified_and_run(tmp_path: Path) -> None:
    source = official.write(tmp_path / "official", dtype=torch.float16)
    convert(source, tmp_path / "bundle", model=official.TOY_16)
    done = weights("verify", "bundle", "--as", "latentsync-1.6", home=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "bundle: latentsync-1.6, 64 px; checksums and all tensors are as they should be\n",
    )
    samples = tiny.voice(0.2)
    save_clip(tmp_path / "clip.mp4", iter(tiny.presenter(5)), tiny.RATE, samples, tiny.SAMPLE_RATE)
    names = ["clip.mp4", "clip.mp4", "-o", "out.mp4", "--report", "report.json", "--model", "bundle"]
    command = [sys.executable, "-m", "lipwright", "sync", *names, "--device", "cpu"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300)
    assert run.returncode == 0, run.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["model"], report["frames"], report["untouched_frames"]) == ("latentsync-1.6", 5, 0)
    assert (tmp_path / "out.mp4").stat().st_size > 1000
