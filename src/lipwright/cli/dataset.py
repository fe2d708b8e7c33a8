"""`lipwright dataset ...`: clips to train on."""

from pathlib import Path
from typing import Annotated

import typer

from lipwright.errors import OptionError

dataset = typer.Typer(help="Make clips to train on.", no_args_is_help=True)


@dataset.callback()
def group() -> None:
    """Make clips to train on."""


@dataset.command()
def prepare(
    raw: Annotated[Path, typer.Argument(metavar="RAW_DIR", help="Folder of raw videos, at any depth.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT_DIR", help="Folder of clips; a stopped run goes on there.")
    ],
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="Settings as a TOML, YAML or JSON file.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, such as side=512; repeatable."),
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes that work side by side.", min=1)] = 1,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Only part I of N; afterwards the command without it joins the parts."
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Work on a Ray cluster ('auto', or an address), or 'local' (needs extra `ray`).",
        ),
    ] = None,
) -> None:
    """Turn raw videos into aligned clips in sync: one pass that can be stopped and started again."""
    from lipwright import settings
    from lipwright.dataset.config import Prepare
    from lipwright.dataset.prepare import prepare as run
    from lipwright.dataset.shards import Shard

    if ray is not None and shard is not None:
        raise OptionError(f"--ray {ray} spreads the work by itself; leave out --shard {shard}.")
    chosen = settings.load(Prepare, config, [] if changes is None else changes)
    runner = None
    if ray is not None:
        from lipwright.dataset.on_ray import runner_on

        runner = runner_on(ray, processes)
    done = run(
        raw,
        out,
        chosen,
        processes=processes,
        shard=Shard() if shard is None else Shard.parse(shard),
        say=lambda line: print(line, flush=True),
        runner=runner,
    )
    print(
        f"{done.kept} of {len(done.rows)} clips are kept; see {out / 'report.md' if shard is None else out}."
    )
    print(done.manifest)
