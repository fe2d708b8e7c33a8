"""`lipwright evaluate sync|quality|landmarks|fvd|leakage`: figures for finished clips and for silence."""

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.cli.table import print_figures, print_json, print_table
from lipwright.errors import OptionError
from lipwright.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
SyncNet = Annotated[
    Path | None,
    typer.Option(
        "--syncnet",
        metavar="FILE|FOLDER",
        help="A SyncNet to judge with: a folder of `lipwright train syncnet`, a released stable_syncnet.pt, "
        "or the classic syncnet_v2.model; default: our own measure, which needs no download.",
        show_default=False,
    ),
]


def sync(
    clips: Annotated[
        list[Path], typer.Argument(metavar="VIDEO...", help="Clips of people talking.", show_default=False)
    ],
    syncnet: SyncNet = None,
    as_json: Json = False,
) -> None:
    """How well lips and sound belong together, and by how many frames they are apart."""
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.sync_clips import sync_judge, sync_scores
        from lipwright.evaluation.sync_score import summary
        from lipwright.weights.load_faces import load_faces

        name, judge = sync_judge(syncnet)
        scores = sync_scores(clips, load_faces(), name, judge, Progress(listener, cancel))
    told = {"measure": name, **summary(scores)}
    if as_json:
        print_json({**told, "per_clip": [score.to_json() for score in scores]})
    else:
        columns = ("confidence", "offset (frames)", "in sync", "faceless", "clip", "")
        rows = [
            (s.confidence, s.offset_frames, s.in_sync, s.faceless, Path(s.clip).name, s.reason)
            for s in scores
        ]
        print_table(columns, rows)
        print_figures(told)
    if not told["measured"]:
        raise OptionError(f"None of the {len(scores)} clips could be measured: {scores[0].reason}.")
