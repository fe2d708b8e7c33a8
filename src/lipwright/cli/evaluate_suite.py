"""`lipwright evaluate suite`: a folder of pairs, several models, one table and one page."""

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.evaluate_clips import Json, SyncNet
from lipwright.cli.progress_bar import progress_listener
from lipwright.cli.table import print_json
from lipwright.errors import OptionError
from lipwright.options import DEFAULT_MODEL, SyncOptions
from lipwright.progress import Progress

SEED = 42  # as evaluation.pairs


def suite(
    pairs_at: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|LIST.csv", help="Videos and voices, paired by name or by seed; or a list of both."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where everything goes; a stopped run goes on."),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME|FOLDER", help="A model bundle; give it several times."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the pairing, where names do not pair.")] = SEED,
    syncnet: SyncNet = None,
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps; default: each model's.", show_default=False)
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Guidance; default: each model's.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to compute.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Drive all pairs with every model: one table, one page, and every failure counted."""
    options = SyncOptions(steps=steps, guidance=guidance)
    options.validate()
    if out.resolve().is_relative_to(pairs_at.resolve()):
        raise OptionError(
            f"{out} lies in the folder of the pairs, where its outputs would be taken for videos; choose "
            "another place."
        )
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.pairs import read_pairs
        from lipwright.evaluation.suite import Contestant, column_names, run_suite, table
        from lipwright.evaluation.sync_clips import sync_judge
        from lipwright.pipeline.engine import Engine
        from lipwright.weights.bundle import MODEL_FILE, checksum
        from lipwright.weights.find import find_bundle
        from lipwright.weights.load_faces import load_faces

        pairs, how = read_pairs(pairs_at, seed)
        contestants = {}
        for name, model in column_names(models or [DEFAULT_MODEL]).items():
            bundle = find_bundle(model)
            contestants[name] = Contestant(
                lambda model=model: Engine.load(model, device=device),  # type: ignore[misc]
                checksum(bundle.folder / MODEL_FILE),
            )
        judge = sync_judge(syncnet)
        told = run_suite(
            pairs, how, contestants, out, load_faces(), judge, options, Progress(listener, cancel)
        )
    if as_json:
        print_json(told)
    else:
        print(table(told), end="")
        print(f"\n{out / 'index.html'}")
