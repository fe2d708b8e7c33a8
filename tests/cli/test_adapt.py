"""`lipwright adapt` and what follows it, on the command line."""

import json
from pathlib import Path

import pytest

from desk import Desk
from lipwright.weights.fetch import CACHE_VARIABLE
from lipwright.weights.personal import is_personal
from person import Learned


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talk: Learned) -> None:
    """Unfinished work goes to a place of its own; the face networks are found where they are."""
    from lipwright.weights.fetch import cache_folder

    place = tmp_path / "cache"
    place.mkdir()
    for path in cache_folder().iterdir():
        if path.name != "adapt":
            (place / path.name).symlink_to(path)
    monkeypatch.setenv(CACHE_VARIABLE, str(place))


def test_learn_then_speak(desk: Desk, talk: Learned, voice: Path) -> None:
    bundle, report = desk.outputs / "somebody", desk.outputs / "learned.json"
    code, said, told = desk.run("adapt", talk.clip, "-o", bundle, "--report", report, "--device", "cpu")
    assert code == 0 and [line for line in told if "mouths:" not in line] == []
    assert said[-1] == str(bundle) and is_personal(bundle)
    assert any(line.startswith("good:") for line in said) and any("agreed" in line for line in said)
    assert json.loads(report.read_text())["name"] == "talk"
    code, said, told = desk.sync(talk.clip, voice, "--model", bundle)
    assert code == 0, told
    done = json.loads((desk.outputs / "report.json").read_text())
    assert done["model"] == "talk" and "own frames" in done["method"]


def test_both_in_one_go(desk: Desk, talk: Learned, voice: Path) -> None:
    code, said, told = desk.sync(talk.clip, voice, "--adapt", "--model", "tiny")
    assert code == 0 and said == [str(desk.out)]
    assert not any("rendered" in line for line in told)
    assert {path.name for path in desk.outputs.iterdir()} == {"out.mp4", "report.json"}


def test_a_place_that_is_taken(desk: Desk, talk: Learned) -> None:
    taken = desk.outputs / "taken"
    taken.mkdir()
    desk.refused(str(taken), "--force", run=lambda: desk.run("adapt", talk.clip, "-o", taken))
    desk.refused("no personal bundle", run=lambda: desk.run("adapt", talk.clip, "-o", taken, "--force"))


def test_what_is_no_clip(desk: Desk, voice: Path) -> None:
    out = desk.outputs / "b"
    desk.refused("no video stream", run=lambda: desk.run("adapt", voice, "-o", out))
    missing = desk.inputs / "missing.mp4"
    desk.refused("does not exist", run=lambda: desk.run("adapt", missing, "-o", out))
    desk.refused("minutes", run=lambda: desk.run("adapt", voice, "-o", out, "--minutes", "0"))


def test_a_damaged_bundle(desk: Desk, talk: Learned, voice: Path) -> None:
    bundle = desk.inputs / "b"
    bundle.mkdir()
    (bundle / "model.json").write_text('{"kind": "personal"}')
    desk.refused("complete description", run=lambda: desk.sync(talk.clip, voice, "--model", bundle))
