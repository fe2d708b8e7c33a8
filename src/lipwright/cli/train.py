"""`lipwright train ...`: models from nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lipwright.errors import OptionError

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
    start: Annotated[
        str,
        typer.Option("--from", metavar="BUNDLE", help="Train this one further, with new people and speech."),
    ] = "",
) -> None:
    """Train the embedded model from rendered presenters and synthetic speech (CPU, two cores)."""
    from lipwright.training.config import TOY, TinyConfig
    from lipwright.training.train_tiny import train_tiny

    config = replace(TOY if toy else TinyConfig(), seed=seed, start=start)
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


Data = Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Prepared clips, with their manifest.")]
Work = Annotated[
    Path, typer.Option("--work", metavar="FOLDER", help="State, curves, result; a stopped run goes on there.")
]
Settings = Annotated[
    str | None,
    typer.Option("--config", metavar="NAME_OR_FILE", help="A recipe's name, or a TOML, YAML or JSON file."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Change one setting, such as fit.steps=500; repeatable."
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: the best one. Processes: see docs.")]


def _say(line: str) -> None:
    print(line, flush=True)


@train.command()
def recipes() -> None:
    """List the configurations that ship."""
    from lipwright.training.settings import recipes as known

    for name in known():
        print(name)


@train.command()
def presenters(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The folder of clips to fill.")],
    clips: Annotated[int, typer.Option(help="How many.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed, below 500,000.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each.")] = 3.2,
    side: Annotated[int, typer.Option(help="Side of the crops in px.")] = 128,
    processes: Annotated[int, typer.Option(help="Processes that render.")] = 1,
    paired: Annotated[
        bool, typer.Option("--paired", help="Each also with another speech: the pairs that tiny learns from.")
    ] = False,
    evaluation: Annotated[
        bool, typer.Option("--evaluation", help="People of the evaluation, never to be trained on.")
    ] = False,
) -> None:
    """Render presenters as prepared clips, to try training without any video."""
    from lipwright.training.presenter_clips import PresenterClips, make_presenters

    config = PresenterClips(clips, seed, seconds, side, render_px=max(256, 2 * side), paired=paired)
    make_presenters(out, config, processes, _say, evaluation=evaluation)


def _train_judge(
    kind: type[Any],
    trainer: Callable[..., object],
    name: str,
    data: Path,
    work: Path,
    config: str | None,
    changes: list[str] | None,
    device: str | None,
) -> None:
    """Train one of stage 2's judges and say where it lies, `work`/`name`."""
    from lipwright.dataset.manifest import read_dataset
    from lipwright.training import settings

    run = settings.load(kind, config, [] if changes is None else changes)
    trainer(run, read_dataset(data), work, device=device, say=_say)
    print(work / name)


@train.command()
def syncnet(
    data: Data, work: Work, config: Settings = None, changes: Changes = None, device: Device = None
) -> None:
    """Train a SyncNet: do picture and sound belong together?"""
    from lipwright.training.train_syncnet import SyncNetRun, train_syncnet

    _train_judge(SyncNetRun, train_syncnet, "syncnet", data, work, config, changes, device)


@train.command("video-mae")
def video_mae(
    data: Data, work: Work, config: Settings = None, changes: Changes = None, device: Device = None
) -> None:
    """Train a small video masked autoencoder: the judge of motion for TREPA."""
    from lipwright.training.train_video_mae import VideoMAERun, train_video_mae

    _train_judge(VideoMAERun, train_video_mae, "videomae", data, work, config, changes, device)


@train.command()
def glance(
    data: Data, work: Work, config: Settings = None, changes: Changes = None, device: Device = None
) -> None:
    """Train a small decoder through which the judges of stage 2 may look: seconds instead of minutes."""
    from lipwright.training.train_glance import GlanceRun, train_glance

    _train_judge(GlanceRun, train_glance, "glance", data, work, config, changes, device)


@train.command()
def unet(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FOLDER", help="Prepared clips, with their manifest.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", metavar="FOLDER", help="State, curves, result; a stopped run goes on there."),
    ] = None,
    config: Settings = None,
    stage: Annotated[
        int | None, typer.Option(help="1: noise prediction; 2: with the judges of pixels.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--from", metavar="BUNDLE", help="Model to start from: a name or a folder.")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="What is trained: motion, attn2, attentions, or pieces of names."),
    ] = None,
    lora: Annotated[
        int | None, typer.Option(metavar="RANK", help="Train small matrices beside the attention.")
    ] = None,
    changes: Changes = None,
    device: Device = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only count the memory that a step needs, and stop.")
    ] = False,
) -> None:
    """Train the U-Net, or train a model further: on a person, on a language."""
    from lipwright.training import settings
    from lipwright.training.unet_config import UNetRun

    given: list[str] = [] if changes is None else list(changes)
    given += [] if stage is None else [f"stage={stage}"]
    given += [] if base is None else [f'base="{base}"']
    given += [] if parts is None else [f'parts="{parts}"']
    given += [] if lora is None else [f"lora_rank={lora}"]
    run = settings.load(UNetRun, config, given)
    if estimate:
        from lipwright.training.estimate import estimate as count
        from lipwright.training.estimate import table

        print(table([count(run)]))
        return
    if data is None or work is None:
        raise OptionError("Training the U-Net needs --data and --work; give both, or say --estimate.")
    from lipwright.dataset.manifest import read_dataset
    from lipwright.training.train_unet import train_unet

    print(train_unet(run, read_dataset(data), work, device=device, say=_say))
