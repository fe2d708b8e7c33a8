"""A suite: every pair with every model, failures counted, and a stopped run goes on."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import tiny
from lipwright.errors import Cancelled, OptionError
from lipwright.evaluation.pairs import Pair
from lipwright.evaluation.suite import FIGURES, Contestant, column_names, run_suite
from lipwright.evaluation.sync_clips import Judge, sync_judge
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.progress import Progress
from lipwright.weights.load_faces import load_faces

OPTIONS = SyncOptions(steps=1, guidance=1.0, preset="ultrafast")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    home = tmp_path_factory.mktemp("inputs")
    save_clip(home / "a.mp4", tiny.presenter(12), 25, None, 16_000)
    save_clip(home / "empty.mp4", tiny.backdrop(12), 25, None, 16_000)
    tiny.save_voice(home / "v.wav", tiny.voice(0.4))
    return [Pair("a", home / "a.mp4", home / "v.wav"), Pair("<b>", home / "empty.mp4", home / "v.wav")]


@pytest.fixture(scope="module")
def judge() -> tuple[str, Judge]:
    return sync_judge(None)


def run(pairs: list[Pair], engine: Engine, out: Path, judge: Any, loads: list[str]) -> dict[str, Any]:
    def load() -> Engine:
        loads.append("loaded")
        return engine

    models = {name: Contestant(load, "sum of toy") for name in ("one", "two")}
    return run_suite(pairs, "by name", models, out, load_faces(), judge, OPTIONS)


@pytest.fixture(scope="module")
def done(
    pairs: list[Pair], engine: Engine, judge: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("suite") / "out"
    return run(pairs, engine, out, judge, []), out


def test_failures_are_counted_and_named(done: tuple[dict[str, Any], Path]) -> None:
    told, out = done
    for name in ("one", "two"):
        means = told["models"][name]
        assert means["failed"] == 1
        assert means["sharpness_ratio"]["measured"] == 1 and means["sharpness_ratio"]["of"] == 2
        assert means["sync_confidence"] == {"mean": None, "measured": 0, "of": 2}
        assert "shows no face" in told["per_pair"]["<b>"][name]["failed"]
    good = told["per_pair"]["a"]["one"]
    assert set(good["figures"]) == set(FIGURES) and good["failed"] is None
    assert "of speech" in good["reasons"]["sync_confidence"]
    assert json.loads((out / "results.json").read_text()) == told


def test_the_table_and_the_page_show_all(done: tuple[dict[str, Any], Path]) -> None:
    _, out = done
    text = (out / "table.md").read_text()
    assert "| failed | 1 of 2 | 1 of 2 |" in text and "(1 of 2)" in text
    assert re.search(r"\* two, <b>: .*shows no face", text)
    html = (out / "index.html").read_text()
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert 'src="pictures/a.jpg"' in html and (out / "pictures" / "a.jpg").stat().st_size > 1000
    assert 'src="one/a.mp4"' in html
    assert not re.search(r"https?://", html)


def test_what_is_done_is_not_done_again(
    done: tuple[dict[str, Any], Path], pairs: list[Pair], engine: Engine, judge: Any
) -> None:
    told, out = done
    before = (out / "one" / "a.mp4").stat().st_mtime_ns
    loads: list[str] = []
    again = run(pairs, engine, out, judge, loads)
    assert (out / "one" / "a.mp4").stat().st_mtime_ns == before
    assert loads == ["loaded"] * 2  # once for each model: the pair that failed is tried again
    assert again["models"] == told["models"]
    loads.clear()
    run(pairs[:1], engine, out, judge, loads)
    assert loads == []


def test_a_cancelled_run_goes_on(pairs: list[Pair], engine: Engine, judge: Any, tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        models = {"one": Contestant(lambda: engine, "sum")}
        run_suite(pairs, "by name", models, tmp_path, load_faces(), judge, OPTIONS, progress)
    assert not (tmp_path / "results.json").exists()


def test_models_get_columns_of_their_own() -> None:
    assert column_names(["tiny", "x/tiny", "x/person"]) == {
        "tiny": "tiny",
        "tiny-2": "x/tiny",
        "person": "x/person",
    }
    with pytest.raises(OptionError, match="named twice"):
        column_names(["tiny", "tiny"])
