"""`lipwright presenter`: a talking clip of a rendered person, with its articulation as ground truth."""

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import OptionError
from lipwright.progress import Progress


def presenter(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The clip to write.")],
    text: Annotated[str | None, typer.Option(help="What to say.", show_default=False)] = None,
    audio: Annotated[Path | None, typer.Option(help="Or: a file with a voice.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of person, voice and motion.")] = 0,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the true articulation per frame.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Render a person who says TEXT, or who speaks with the voice in AUDIO."""
    if (text is None) == (audio is None):
        raise OptionError("Give either --text or --audio, so that the presenter has one thing to say.")
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.presenter.clip import make_clip

        make_clip(
            out,
            text=text,
            audio=audio,
            seed=seed,
            truth=truth,
            force=force,
            progress=Progress(listener, cancel),
        )
    print(out)
