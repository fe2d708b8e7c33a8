"""`lipwright evaluate ...`: figures for models, and for clips (see evaluate_clips.py)."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli import evaluate_clips
from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.evaluate_suite import suite
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import OptionError, OutputError
from lipwright.options import DEFAULT_MODEL, SyncOptions
from lipwright.progress import Progress

evaluate = typer.Typer(help="Measure models and clips.", no_args_is_help=True)
EVALUATION_SEED = 1_000_000  # as presenter.texts, whose import would load numpy at every start


@evaluate.callback()
def group() -> None:
    """Measure models and clips."""


@evaluate.command()
def presenter(
    model: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="The model bundle to measure.")
    ] = DEFAULT_MODEL,
    clips: Annotated[int, typer.Option(help="How many fresh clips to render and drive.")] = 12,
    seed: Annotated[
        int, typer.Option(help=f"Seed of the first clip, from {EVALUATION_SEED} up.")
    ] = EVALUATION_SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a contact sheet (.png or .jpg).", show_default=False),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the clips there.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps; default: the model's.", show_default=False)
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Guidance; default: the model's.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to compute.", show_default=False)] = None,
) -> None:
    """Drive rendered people with other speech, file to file, and measure the mouths of the output."""
    if sheet is not None and sheet.suffix not in (".png", ".jpg"):
        raise OptionError(f"The sheet {sheet} must end in .png or .jpg.")
    if sheet is not None and not sheet.parent.is_dir():
        raise OutputError(f"The folder of the sheet {sheet} does not exist; create it first.")
    options = SyncOptions(steps=steps, guidance=guidance)
    options.validate()
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.presenter import Pictures, evaluate_presenter
        from lipwright.evaluation.sheet import contact_sheet, spread_over, write_picture
        from lipwright.pipeline.engine import Engine

        rows: list[tuple[str, Pictures]] = []

        def collect(index: int, source: Pictures, shown: Pictures, truth: Pictures) -> None:
            at = spread_over(min(len(source), len(shown), len(truth)), 9)
            for title, pictures in (("source", source), ("synced", shown), ("truth", truth)):
                rows.append((f"{title} {index}", [pictures[i] for i in at]))

        engine = Engine.load(model, device=device)
        progress = Progress(listener, cancel)
        collector = None if sheet is None else collect
        figures = evaluate_presenter(engine, clips, seed, options, progress, keep, collector)
        if sheet is not None:
            write_picture(contact_sheet(rows, 160), sheet)
    if as_json:
        print(json.dumps(figures, indent=1))
    else:
        for key, value in figures.items():
            if key != "per_clip":
                print(f"{key:24} {value}")


@evaluate.command()
def ears(
    clips: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CLIP...", help="Clips of people talking, seen and heard.", show_default=False
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--ears", metavar="FOLDER", help="Other ears than those shipped.", show_default=False),
    ] = None,
    speeches: Annotated[int, typer.Option(help="How many synthetic utterances.", min=1)] = 24,
    seed: Annotated[
        int, typer.Option(help=f"Seed of the first utterance, from {EVALUATION_SEED} up.")
    ] = EVALUATION_SEED,
) -> None:
    """Measure what is heard: against synthetic articulation, and against real mouths. Prints JSON."""
    from lipwright.evaluation.ears import evaluate_ears, held_out_speeches
    from lipwright.speech.mouth_track import listen
    from lipwright.weights.load_ears import load_ears
    from lipwright.weights.load_faces import load_faces

    network = load_ears(folder)
    reader = load_faces() if clips else None
    given = [] if clips is None else clips
    figures = evaluate_ears(
        lambda sound: listen(network, sound), held_out_speeches(speeches, seed), given, reader
    )
    print(json.dumps(figures, indent=1))


for command in (
    evaluate_clips.sync,
    evaluate_clips.quality,
    evaluate_clips.landmarks,
    evaluate_clips.fvd,
    evaluate_clips.leakage,
    suite,
):
    evaluate.command()(command)
