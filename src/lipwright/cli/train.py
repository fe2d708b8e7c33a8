"""`lipwright train ...`: models from nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

train = typer.Typer(help="Train models.", no_args_is_help=True)


@train.callback()
def group() -> None:
    """Train models."""


@train.command()
def tiny(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The bundle to write.")],
    work: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Material and states; a stopped run goes on there.")
    ],
    seed: Annotated[int, typer.Option(help="Seed of the run, below 1,000,000.")] = 1,
    toy: Annotated[bool, typer.Option("--toy", help="Toy size: seconds, teaches nothing.")] = False,
    serial: Annotated[bool, typer.Option("--serial", help="One process instead of two.")] = False,
) -> None:
    """Train the embedded model from rendered presenters and synthetic speech (CPU, two cores)."""
    from lipwright.training.config import TOY, TinyConfig
    from lipwright.training.train_tiny import train_tiny

    config = replace(TOY if toy else TinyConfig(), seed=seed)
    bundle = train_tiny(work, out, config, parallel=not serial, say=lambda line: print(line, flush=True))
    print(bundle.folder)


@train.command()
def ears(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the ears are written.")],
    work: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Material and states; a stopped run goes on there.")
    ],
    seed: Annotated[int, typer.Option(help="Seed of the run, below 1,000,000.")] = 1,
    toy: Annotated[bool, typer.Option("--toy", help="Toy size: seconds, teaches nothing.")] = False,
    processes: Annotated[int, typer.Option(help="Processes that synthesise speech.", min=1)] = 2,
) -> None:
    """Train the ears that hear real people, from the speech of several synthesisers (needs extra `ears`)."""
    from lipwright.training.ears_config import TOY, EarsConfig
    from lipwright.training.make_ears import make_ears

    config = replace(TOY if toy else EarsConfig(), seed=seed)
    make_ears(work, out, config, processes=processes, say=lambda line: print(line, flush=True))
    print(out)
