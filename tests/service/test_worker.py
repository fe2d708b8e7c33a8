"""Inside a render worker: loaded models, and what errors become."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lipwright.adapt.resume import Work
from lipwright.errors import (
    LipwrightError,
    MaterialError,
    MediaError,
    NoFaceError,
    OptionError,
    OutputError,
    WeightsError,
)
from lipwright.service import worker
from lipwright.service.channel import RenderJob
from lipwright.service.errors import CODE_EXECUTION, CODE_FETCH, CODE_INTERNAL, CODE_INVALID
from lipwright.service.worker import Engines, describe
from lipwright.weights.fetch import CACHE_VARIABLE
from lipwright.weights.personal import write_personal
from person import Learned

JOB = RenderJob(
    "a" * 32, "tiny", "/w/a/video", "/w/a/audio", "/w/a/try/video.mp4", "/w/a/try/report.json", {}
)


class Loads:
    """A loader that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, bundle: str, *, device: str | None) -> Any:
        self.asked.append((bundle, device))
        return bundle.upper()


def test_a_model_is_loaded_once() -> None:
    """On the slot's device."""
    loads = Loads()
    engines = Engines(1, "cuda:1", loads)
    assert engines.get("a") is engines.get("a")
    assert loads.asked == [("a", "cuda:1")]


def test_the_model_that_was_not_used_the_longest_makes_room() -> None:
    """Two are kept."""
    loads = Loads()
    engines = Engines(2, None, loads)
    for bundle in "abacab":
        engines.get(bundle)
    assert [bundle for bundle, _ in loads.asked] == ["a", "b", "c", "b"]


@pytest.mark.parametrize(
    "error, code, sentence",
    [
        (NoFaceError("/w/a/video shows no face."), CODE_EXECUTION, "The video shows no face."),
        (MediaError("/w/a/audio is not media."), CODE_FETCH, "The audio is not media."),
        (
            OptionError("steps is 0, but must be 1 or more."),
            CODE_INVALID,
            "Steps is 0, but must be 1 or more.",
        ),
        (OutputError("/w/a/try/video.mp4: disk full."), CODE_INTERNAL, worker.INTERNAL_SENTENCE),
        (WeightsError("/models/x is broken."), CODE_INTERNAL, worker.INTERNAL_SENTENCE),
    ],
)
def test_errors_of_the_pipeline_are_told_to_clients(error: LipwrightError, code: int, sentence: str) -> None:
    """Theirs with the sentence, ours without; never with a path."""
    assert describe(error, JOB) == (code, sentence)


class Model:
    """A loaded model on which people are put."""

    def __init__(self) -> None:
        self.people: list[str] = []

    def adapted(self, _library: object, _voice: object, name: str) -> object:
        """As Engine.adapted."""
        self.people.append(name)
        return [name]


class Models(Loads):
    """A loader of such models."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Model] = []

    def __call__(self, bundle: str, *, device: str | None) -> Any:
        super().__call__(bundle, device=device)
        self.made.append(Model())
        return self.made[-1]


def bundle_of(talk: Learned, folder: Path, name: str) -> Path:
    """The folder of a personal bundle."""
    folder.mkdir()
    write_personal(folder, talk.library, {"name": name, "base": "tiny", "material": {}, "findings": []})
    return folder


def test_people_stand_on_a_model_that_is_loaded_once(talk: Learned, tmp_path: Path) -> None:
    """Known by their ids: the folder is another one in every job. They go when their model goes."""
    loads = Models()
    engines = Engines(1, None, loads)
    ann, bob = (bundle_of(talk, tmp_path / name, name) for name in ("ann", "bob"))
    again = ann.rename(tmp_path / "elsewhere")
    first = engines.get("a" * 32, str(again))
    assert engines.get("a" * 32, str(again)) is first
    engines.get("b" * 32, str(bob))
    engines.get("a" * 32, str(again))
    assert [loads.asked, loads.made[0].people] == [[("tiny", None)], ["ann", "bob", "ann"]]
    engines.get("other")
    engines.get("a" * 32, str(again))
    assert loads.made[2].people == ["ann"]


def test_a_bundle_that_was_tampered_with_is_refused(talk: Learned, tmp_path: Path) -> None:
    """Before anything of it is decoded."""
    folder = bundle_of(talk, tmp_path / "ann", "ann")
    numbers = folder / "person.safetensors"
    numbers.write_bytes(numbers.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="wrong checksum"):
        Engines(1, None, Models()).get("a" * 32, str(folder))


def test_errors_of_an_adapt_job_name_its_inputs() -> None:
    """There is no audio, and no command line."""
    job = replace(JOB, adapt=True, audio="", out="/w/a/try/bundle")
    error = MaterialError("/w/a/video shows 2 people; say with --face which one to learn.")
    sentence = "The video shows 2 people; say with the input `face` which one to learn."
    assert describe(error, job) == (CODE_EXECUTION, sentence)


def test_a_told_end_leaves_nothing_to_resume_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talk: Learned
) -> None:
    """The followed face of a clip that was refused is not kept."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    Work.of(talk.footage.info, None).save(talk.footage)
    assert list(tmp_path.rglob("*.npz"))
    worker.forget_unfinished(talk.clip, None)
    assert not list(tmp_path.rglob("*.npz"))
