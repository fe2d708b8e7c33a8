"""`lipwright sync`: give a video another voice."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import OutputError
from lipwright.options import DEFAULT_MODEL, SyncOptions
from lipwright.progress import Progress

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine
    from lipwright.pipeline.followed import Followed


def sync(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video that shows a face.")],
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="The voice: any file with sound.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The video to write.")],
    options: SyncOptions,
    model: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="The model bundle to use.")
    ] = DEFAULT_MODEL,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="First learn the person from VIDEO itself: for real faces.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was done as JSON.", show_default=False)
    ] = None,
) -> None:
    """Move the lips in VIDEO to the voice in AUDIO; everything but the mouth stays as it was."""
    if report is not None:
        check_report_place(report, (video, audio, out), force=options.force)
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.media.output import check_output
        from lipwright.media.probe import probe_audio
        from lipwright.pipeline.engine import Engine

        engine = Engine.load(model, device=options.device, dtype=options.dtype)
        progress = Progress(listener, cancel)
        wishes: list[str] = []
        followed = None
        if adapt:
            check_output(out, force=options.force)
            probe_audio(audio)
            engine, wishes, followed = _adapted(engine, video, options, progress)
        done = engine.sync(video, audio, out, options, progress, followed=followed)
        done.warnings[:0] = wishes
    for warning in done.warnings:
        print(f"lipwright: {warning}", file=sys.stderr)
    if report is not None:
        write_report(done.to_json() + "\n", report, force=options.force)
    print(out)


def _adapted(
    engine: "Engine", video: Path, options: SyncOptions, progress: Progress
) -> tuple["Engine", list[str], "Followed"]:
    """The engine with the person of the video, what the material lacks, and their face in it."""
    from lipwright.adapt.learn import learn_person
    from lipwright.adapt.options import AdaptOptions

    learned, told = learn_person(engine, video, AdaptOptions(face=options.face), progress)
    missing = [finding.sentence for finding in told.findings if not finding.good]
    adapted = engine.adapted(learned.library, learned.voice, told.name)
    return adapted, [*told.warnings, *missing], learned.followed


def write_report(text: str, place: Path, *, force: bool) -> None:
    from lipwright.media.output import private_file, write_errors

    with private_file(place, force=force) as file, write_errors(place):
        left = memoryview(text.encode())
        while left:  # a disk that fills up takes a part first
            left = left[file.write(left) :]


def check_report_place(report: Path, others: tuple[Path, ...], *, force: bool) -> None:
    """Raise OutputError, before any work is done, when the report cannot go to `report`."""
    if report.resolve() in {other.resolve() for other in others}:
        raise OutputError(f"The report cannot have the name of another file of this job: {report}.")
    if not report.parent.is_dir():
        raise OutputError(f"The folder of the report is missing: {report.parent}; create it first.")
    if report.is_dir() or (report.exists() and not force):
        raise OutputError(f"The report exists: {report}; give --force to replace it, or another name.")
