"""`lipwright evaluate ...`: figures for a model."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import OptionError
from lipwright.options import DEFAULT_MODEL, SyncOptions
from lipwright.progress import Progress

evaluate = typer.Typer(help="Measure a model.", no_args_is_help=True)
EVALUATION_SEED = 1_000_000  # seeds below may have been trained on


@evaluate.callback()
def group() -> None:
    """Measure a model."""


@evaluate.command()
def presenter(
    model: Annotated[str, typer.Option(metavar="NAME|FOLDER", help="The model bundle to measure.")] = DEFAULT_MODEL,
    clips: Annotated[int, typer.Option(help="How many fresh clips to render and drive.")] = 12,
    seed: Annotated[int, typer.Option(help=f"Seed of the first clip, from {EVALUATION_SEED} up.")] = EVALUATION_SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a contact sheet (.png or .jpg).", show_default=False)
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the clips there.", show_default=False)
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps; default: the model's.", show_default=False)] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance; default: the model's.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="Where to compute.", show_default=False)] = None,
) -> None:
    """Drive rendered people with other speech, file to file, and measure the mouths of the output."""
    if sheet is not None and sheet.suffix not in (".png", ".jpg"):
        raise OptionError(f"the sheet {sheet} must end in .png or .jpg.")
    options = SyncOptions(steps=steps, guidance=guidance)
    options.validate()
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.presenter import evaluate_presenter
        from lipwright.evaluation.sheet import contact_sheet, spread_over, write_picture
        from lipwright.pipeline.engine import Engine

        rows = []

        def collect(index, source, shown, truth) -> None:  # type: ignore[no-untyped-def]
            at = spread_over(len(shown), 9)
            for title, pictures in (("source", source), ("synced", shown), ("truth", truth)):
                rows.append((f"{title} {index}", [pictures[i] for i in at]))

        engine = Engine.load(model, device=device)
        progress = Progress(listener, cancel)
        figures = evaluate_presenter(engine, clips, seed, options, progress, keep, collect if sheet else None)
        if sheet is not None:
            write_picture(contact_sheet(rows, 160), sheet)
    if as_json:
        print(json.dumps(figures, indent=1))
    else:
        for key, value in figures.items():
            if key != "per_clip":
                print(f"{key:24} {value}")
