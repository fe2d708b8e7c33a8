"""Inside a render worker: loaded models, and what errors become."""

from typing import Any

import pytest

from lipwright.errors import LipwrightError, MediaError, NoFaceError, OptionError, OutputError, WeightsError
from lipwright.service import worker
from lipwright.service.channel import RenderJob
from lipwright.service.errors import CODE_EXECUTION, CODE_FETCH, CODE_INTERNAL, CODE_INVALID
from lipwright.service.worker import Engines, describe

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
