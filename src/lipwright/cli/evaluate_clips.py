"""`lipwright evaluate sync|quality|landmarks|fvd|leakage`: figures for finished clips and for silence."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.cli.table import print_figures, print_json, print_table
from lipwright.errors import OptionError
from lipwright.options import DEFAULT_MODEL
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
        columns = ("confidence", "offset (frames)", "in sync", "faceless", "clip", "reason")
        rows = [
            (s.confidence, s.offset_frames, s.in_sync, s.faceless, Path(s.clip).name, s.reason)
            for s in scores
        ]
        print_table(columns, rows)
        print_figures(told)
    if not told["measured"]:
        raise OptionError(f"None of the {len(scores)} clips could be measured: {scores[0].reason}.")


Shorter = Annotated[
    bool, typer.Option("--shorter", help="Clips of different length: compare as many frames as both have.")
]


def quality(
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="The true clip, or a folder of them.")
    ],
    generated: Annotated[
        Path, typer.Argument(metavar="GENERATED", help="The generated clip, or a folder with equal names.")
    ],
    shorter: Shorter = False,
    inception: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="pt_inception-2015-12-05-6726825d.pth, for FID; default: the cache's (`inception-fid`).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """SSIM, PSNR, LPIPS, FID and sharpness, of whole frames and of the mouth. Compares pixel by pixel."""
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.pairs import VIDEOS
        from lipwright.evaluation.quality import evaluate_quality, find_judges, pairs_of
        from lipwright.weights.load_faces import load_faces

        pairs = pairs_of(reference, generated, VIDEOS)
        progress = Progress(listener, cancel)
        judges = find_judges(inception, progress)
        told = evaluate_quality(pairs, load_faces(), judges, shorter=shorter, progress=progress)
    _told(told, as_json)


def landmarks(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="The true clip.")],
    generated: Annotated[Path, typer.Argument(metavar="GENERATED", help="The generated clip.")],
    shorter: Shorter = False,
    as_json: Json = False,
) -> None:
    """LMD: how far the lips of a generated clip lie from those of the true one, after laying head on head."""
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.landmarks import evaluate_landmarks
        from lipwright.weights.load_faces import load_faces

        told = evaluate_landmarks(
            reference, generated, load_faces(), shorter=shorter, progress=Progress(listener, cancel)
        )
    _told(told, as_json)


def fvd(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="A folder of true clips, or one.")],
    generated: Annotated[
        Path, typer.Argument(metavar="GENERATED", help="A folder of generated clips, or one.")
    ],
    i3d: Annotated[
        Path | None,
        typer.Option(
            "--i3d", metavar="FILE", help="i3d_torchscript.pt, as FVD was defined.", show_default=False
        ),
    ] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run the program that the I3D file is.")
    ] = False,
    videomae: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="VideoMAE's released ViT-giant, or a folder of `lipwright train video-mae`.",
            show_default=False,
        ),
    ] = None,
    windows: Annotated[
        str, typer.Option(help="all: 16 frames, every 8; released: frames 20 to 35 of each clip.")
    ] = "all",
    as_json: Json = False,
) -> None:
    """FVD over I3D or VideoMAE features of the faces; the record says which."""
    if (i3d is None) == (videomae is None):
        raise OptionError(
            "FVD needs one network to look with: give --i3d FILE (`lipwright weights pull i3d-torchscript`) "
            "or --videomae FILE or FOLDER (`lipwright weights pull videomae-v2-g`, or one that you trained)."
        )
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.fvd import evaluate_fvd, i3d_judge, videomae_judge
        from lipwright.evaluation.pairs import clips_of
        from lipwright.weights.load_faces import load_faces

        clips = clips_of(reference), clips_of(generated)
        if i3d is not None:
            judge = i3d_judge(i3d, trusted=trust_code)
        else:
            assert videomae is not None, "one of both is given"
            judge = videomae_judge(videomae)
        told = evaluate_fvd(*clips, load_faces(), judge, windows=windows, progress=Progress(listener, cancel))
    _told(told, as_json)


def leakage(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="Somebody who talks.")],
    model: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="The model bundle to measure.")
    ] = DEFAULT_MODEL,
    seconds: Annotated[float, typer.Option(help="How much of the video is driven with silence.")] = 5.0,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the silent output there (.mp4).", show_default=False),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to compute.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Silence in, so the mouth must shut: what of the source's mouth leaks through a model."""
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.evaluation.leakage import evaluate_leakage
        from lipwright.pipeline.engine import Engine

        engine = Engine.load(model, device=device)
        told = evaluate_leakage(engine, video, seconds, progress=Progress(listener, cancel), keep=keep)
    _told(told, as_json)


def _told(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(figures)
    else:
        print_figures(figures)
