"""`lipwright adapt`: learn one person from their own clip."""

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.cli.sync import check_report_place, write_report
from lipwright.options import DEFAULT_MODEL
from lipwright.progress import Progress


def adapt(
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO", help="A clip of the person talking, 5 s to 10 min.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="BUNDLE", help="The folder to write.")],
    name: Annotated[
        str | None,
        typer.Option(help="What reports call the bundle. Default: the clip's name.", show_default=False),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="How long to read material at most; what comes later is left out.")
    ] = 5.0,
    face: Annotated[
        int | None,
        typer.Option(metavar="N", help="Which of several people, counted from the left.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="The model whose ears listen.")] = DEFAULT_MODEL,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was learned as JSON.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:N or mps.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing personal bundle.")] = False,
) -> None:
    """Learn the person in VIDEO, to be used with `lipwright sync --model BUNDLE`.

    Says what is good about the clip and what is missing. Adapt only to people who agreed to it.
    """
    if report is not None:
        check_report_place(report, (video, out), force=force)
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.adapt.learn import adapt_person, check_place
        from lipwright.adapt.options import AdaptOptions
        from lipwright.pipeline.engine import Engine

        options = AdaptOptions(name=name, face=face, minutes=minutes, force=force)
        options.validate()
        check_place(out, video, force=force)
        engine = Engine.load(model, device=device)
        done = adapt_person(engine, video, out, options, Progress(listener, cancel))
    for finding in done.findings:
        print(f"{'good:   ' if finding.good else 'missing:'} {finding.sentence}")
    for sentence in (*done.warnings, done.method, done.consent):
        print(sentence)
    if report is not None:
        write_report(done.to_json() + "\n", report, force=force)
    print(out)
