"""`lipwright evaluate presenter`."""

import json
from collections.abc import Iterator

import pytest

from desk import Desk
from lipwright.cli import evaluate as command
from lipwright.evaluation import presenter
from lipwright.presenter.texts import EVALUATION_SEED

FLAGS = ("--clips", "1", "--steps", "1", "--guidance", "1", "--device", "cpu")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clips of half a second, small."""
    monkeypatch.setattr(presenter, "SECONDS", 0.5)
    monkeypatch.setattr(presenter, "SIZE", 128)
    yield


def test_the_figures_as_json_with_a_sheet(desk: Desk) -> None:
    sheet = desk.outputs / "sheet.jpg"
    flags = ("--json", "--sheet", sheet, "--keep", desk.outputs / "clips")
    code, said, told = desk.run("evaluate", "presenter", "--model", desk.model, *FLAGS, *flags)
    assert (code, [line for line in told if not line.startswith("evaluate clips")]) == (0, [])
    figures = json.loads("\n".join(said))
    assert figures["clips"] == 1 and figures["per_clip"][0]["seed"] == EVALUATION_SEED
    assert figures["ceiling_correlation"] == figures["per_clip"][0]["ceiling_correlation"]
    assert sheet.stat().st_size > 1000
    assert len(list((desk.outputs / "clips").iterdir())) == 5
    assert list(desk.temp.iterdir()) == []


def test_what_is_refused_before_any_work(desk: Desk) -> None:
    assert command.EVALUATION_SEED == EVALUATION_SEED
    for flags, words in [
        (("--seed", 999_999), ("999999", "1000000")),
        (("--clips", 0), ("clips is 0",)),
        (("--sheet", desk.outputs / "sheet.bmp"), (".png or .jpg",)),
        (("--sheet", desk.outputs / "none" / "sheet.png"), ("folder",)),
        (("--guidance", 0.5), ("guidance is 0.5",)),
        (("--model", "gigantic"), ("gigantic",)),
    ]:
        model = () if "--model" in flags else ("--model", desk.model)
        arguments = ("evaluate", "presenter", *model, *FLAGS, *flags)
        desk.refused(*words, run=lambda arguments=arguments: desk.run(*arguments))  # type: ignore[misc]
