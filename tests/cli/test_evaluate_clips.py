"""`lipwright evaluate sync|quality|landmarks|fvd|leakage|suite`: what is said, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import tiny
from desk import Desk
from lipwright.cli import evaluate_suite
from lipwright.evaluation import pairs
from lipwright.media.write import save_clip


@pytest.fixture
def talk(desk: Desk) -> Path:
    """A second of a presenter with sound."""
    path = desk.inputs / "talk.mp4"
    save_clip(path, tiny.presenter(25), 25, tiny.voice(1.0), tiny.SAMPLE_RATE)
    return path


@pytest.fixture
def nobody(desk: Desk) -> Path:
    path = desk.inputs / "nobody.mp4"
    save_clip(path, tiny.backdrop(25), 25, tiny.voice(1.0), tiny.SAMPLE_RATE)
    return path


def told(lines: list[str]) -> list[str]:
    """Lines of stderr that are no progress."""
    return [line for line in lines if not re.match(r"[\w ]+: \d+/\d+", line)]


def test_sync_counts_what_it_cannot_measure(desk: Desk, talk: Path, nobody: Path) -> None:
    code, said, err = desk.run("evaluate", "sync", "--json", talk, nobody, talk)
    figures = json.loads("\n".join(said))
    assert figures["clips"] == 3 and figures["measured"] == 0 and figures["mean_confidence"] is None
    reasons = [clip["reason"] for clip in figures["per_clip"]]
    assert "of speech with a face" in reasons[0] and "shows no face" in reasons[1]
    assert code == 2 and len(told(err)) == 1 and "None of the 3 clips" in told(err)[0]


def test_landmarks_and_quality_as_tables(desk: Desk, talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(desk.temp / "hub"))
    code, said, _ = desk.run("evaluate", "landmarks", talk, talk)
    assert code == 0 and re.search(r"^lmd +0$", "\n".join(said), re.MULTILINE)
    code, said, _ = desk.run("evaluate", "quality", "--json", talk, talk)
    figures = json.loads("\n".join(said))
    assert code == 0 and figures["mouth"]["ssim"] == 1
    assert {"lpips", "fid"} >= set(figures["missing"])


def test_what_is_refused_in_one_sentence(desk: Desk, talk: Path, nobody: Path) -> None:
    silent, small = desk.inputs / "silent.mp4", desk.inputs / "small.mp4"
    save_clip(silent, tiny.presenter(25), 25, None, 16_000)
    save_clip(small, [np.zeros((64, 64, 3), np.uint8)] * 25, 25, None, 16_000)
    broken = desk.inputs / "broken.mp4"
    broken.write_bytes(b"this is no video")
    for arguments, words in [
        (("sync", nobody), ("nobody.mp4", "shows no face")),
        (("sync", silent), ("silent.mp4", "no audio")),
        (("sync", broken), ("broken.mp4",)),
        (("sync", desk.inputs / "none.mp4"), ("none.mp4",)),
        (("sync", talk, "--syncnet", broken), ("broken.mp4",)),
        (("sync", talk, "--syncnet", desk.inputs), ("holds no syncnet",)),
        (("quality", talk, small), ("192x192", "64x64")),
        (("quality", talk, desk.inputs), ("a folder and a file",)),
        (("quality", talk, talk, "--inception", broken), ("broken.mp4",)),
        (("landmarks", talk, nobody), ("nobody.mp4", "shows no face")),
        (("fvd", talk, talk), ("--i3d", "--videomae")),
        (("fvd", talk, talk, "--i3d", broken), ("--trust-code",)),
        (("fvd", talk, talk, "--videomae", desk.inputs), ("holds no videomae",)),
        (("leakage", nobody, "--model", desk.model), ("nobody.mp4", "no face")),
        (("leakage", talk, "--model", "gigantic"), ("gigantic",)),
        (("leakage", talk, "--model", desk.model, "--seconds", "0"), ("seconds is 0",)),
        (("suite", desk.inputs / "no", "-o", desk.outputs / "s"), ("no file or folder",)),
        (("suite", desk.inputs, "-o", desk.outputs / "s"), ("holds no sounds",)),
        (("suite", desk.inputs, "-o", desk.inputs / "s"), ("lies in the folder of the pairs",)),
    ]:
        before = desk.files()
        code, said, err = desk.run("evaluate", *arguments)
        (sentence,) = told(err)
        assert sentence.startswith("lipwright: ") and sentence.endswith("."), sentence
        assert "bug" not in sentence
        assert all(word in sentence for word in words), (arguments, sentence)
        assert code == 2 and said == [] and desk.files() == before


def test_a_suite_from_the_command_line(desk: Desk, talk: Path) -> None:
    assert evaluate_suite.SEED == pairs.SEED
    tiny.save_voice(desk.inputs / "talk.wav", tiny.voice(0.4))
    out = desk.outputs / "suite"
    flags = ("--model", desk.model, "--steps", 1, "--guidance", 1, "--device", "cpu")
    code, said, err = desk.run("evaluate", "suite", desk.inputs, "-o", out, *flags)
    assert (code, told(err)) == (0, [])
    assert said[0].startswith("1 pairs, by name") and said[-1] == str(out / "index.html")
    assert (out / "index.html").is_file() and (out / desk.model.name / "talk.mp4").is_file()
    assert list(desk.temp.iterdir()) == []
