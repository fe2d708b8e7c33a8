"""The `lipwright` command: thin doors to the library."""

import sys
from typing import Annotated

import typer

from lipwright import __version__
from lipwright.cli.adapt import adapt
from lipwright.cli.dataset import dataset
from lipwright.cli.demo import demo
from lipwright.cli.edge import run_to_exit_code
from lipwright.cli.evaluate import evaluate
from lipwright.cli.flags import with_options
from lipwright.cli.keys import keys
from lipwright.cli.presenter import presenter
from lipwright.cli.serve import serve
from lipwright.cli.sync import sync
from lipwright.cli.train import train
from lipwright.cli.verify import verify
from lipwright.cli.webhooks import webhooks
from lipwright.cli.weights import weights

app = typer.Typer(
    name="lipwright",
    help="A video and a voice in, a lip-synced video out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"lipwright {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A video and a voice in, a lip-synced video out."""


app.command()(with_options(sync))
app.command()(adapt)
app.command()(presenter)
app.command()(demo)
app.command()(verify)
app.command()(serve)
app.add_typer(dataset, name="dataset")
app.add_typer(evaluate, name="evaluate")
app.add_typer(keys, name="keys")
app.add_typer(train, name="train")
app.add_typer(weights, name="weights")
app.add_typer(webhooks, name="webhooks")


def run() -> None:
    """The entry point: run the command that the arguments name, and exit with its code."""
    sys.exit(run_to_exit_code(app))
