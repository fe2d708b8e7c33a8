"""`lipwright demo`: the main job on the presenter and the voice that ship with lipwright."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import OutputError
from lipwright.options import DEFAULT_MODEL, SyncOptions
from lipwright.progress import Progress

CLIP, VOICE = "presenter.mp4", "voice.wav"
OUT = Path("demo.mp4")
SHOWN = 8  # pictures per row of the sheet


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The video to write.")] = OUT,
    model: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="The model bundle to use.")
    ] = DEFAULT_MODEL,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Lip-sync the bundled presenter to the bundled voice: OUT, and a contact sheet (.png) beside it."""
    sheet = out.with_suffix(".png")
    if sheet.exists() and not force:
        raise OutputError(f"The contact sheet {sheet} exists; use --force to replace it.")
    assets = Path(str(resources.files("lipwright"))) / "assets" / "demo"
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.sheet import contact_sheet, spread_over, write_picture
        from lipwright.media.frames import read_frames
        from lipwright.pipeline.engine import Engine

        done = Engine.load(model).sync(
            assets / CLIP, assets / VOICE, out, SyncOptions(force=force), Progress(listener, cancel)
        )
        chosen = set(spread_over(min(done.frames, done.source_frames_used), SHOWN))  # shown once in both
        rows = []
        for title, path in (("before", assets / CLIP), ("after", out)):
            frames = read_frames(path, stop=done.frames)
            rows.append((title, [frame.rgb() for frame in frames if frame.index in chosen]))
        write_picture(contact_sheet(rows), sheet)
    print(f"{out} ({done.frames} frames in {done.wall_s:.1f} s) and {sheet}")
