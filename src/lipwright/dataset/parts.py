"""What a run leaves behind for the next: one part per raw video, written when all of its clips are whole.

```text
prepare.json       the settings; a folder is prepared with one set of them
parts/NAME.json    the raw video's content, its rows, what their duplicates are known by
work/NAME/         clips of a video that is being prepared; removed when a run comes across them
work/lock, work/lock-I-of-N
```
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import KEPT, ClipRow, DatasetError, write_about
from lipwright.dataset.raw import Clip
from lipwright.dataset.shards import Shard
from lipwright.dataset.steps.prints import Prints
from lipwright.errors import OptionError
from lipwright.media.output import save_bytes, write_errors
from lipwright.settings import to_json

CONFIG_FILE = "prepare.json"
PARTS, WORK, CLIPS = "parts", "work", "clips"
FORMAT = 1


def begin(out: Path, config: Prepare) -> None:
    """Make the folder, or check that it was prepared with the same settings.

    Raises OutputError when it cannot be written, OptionError for other settings.
    """
    file = out / CONFIG_FILE
    wanted = {"format": FORMAT, **to_json(config)}
    if file.exists():
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{file} cannot be read ({error}); prepare into another folder, or remove this one."
            ) from error
        if differs := _difference(found, wanted):
            raise OptionError(
                f"{out} was prepared with other settings ({differs}); give the same ones, or another folder."
            )
    else:
        with write_errors(file):
            out.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(wanted, indent=1) + "\n")
    with write_errors(out):
        for name in (PARTS, WORK, CLIPS):
            (out / name).mkdir(exist_ok=True)
    write_about(out, config.side, config.template.to_dict())


def _difference(found: Any, wanted: Any, name: str = "") -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            where = f"{name}.{key}" if name else key
            if inner := _difference(found.get(key), wanted.get(key), where):
                return inner
        return ""
    return "" if found == wanted else f"{name}: {found!r} there, {wanted!r} now"


@contextmanager
def alone(out: Path, shard: Shard) -> Iterator[None]:
    """No two runs at the same videos: shards side by side, but the whole only alone.

    Raises OptionError when somebody else is at it. The lock goes with the process, however it ends.
    """
    wanted = [("lock", fcntl.LOCK_EX if shard.whole else fcntl.LOCK_SH)]
    if not shard.whole:
        wanted.append((f"lock-{shard.number}-of-{shard.of}", fcntl.LOCK_EX))
    with ExitStack() as held:
        for name, kind in wanted:
            file = held.enter_context(open(out / WORK / name, "a"))
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OptionError(
                    f"{out} is being prepared by another run; wait for it, or give every run a --shard of "
                    "its own."
                ) from error
        yield


def write_part(out: Path, name: str, content: str, clips: list[Clip]) -> None:
    """Raises OutputError, also when the disk is full."""
    record = {
        "format": FORMAT,
        "content": content,
        "clips": [
            {"row": asdict(clip.row), "prints": clip.prints.to_json() if clip.prints is not None else None}
            for clip in clips
        ],
    }
    write_text(out / PARTS / f"{name}.json", json.dumps(record) + "\n")


def read_part(out: Path, name: str, content: str) -> list[Clip] | None:
    """None when there is none, or of another content. Raises DatasetError for one that is damaged."""
    file = out / PARTS / f"{name}.json"
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["format"] != FORMAT or record["content"] != content:
            return None
        return [
            Clip(
                ClipRow(**entry["row"]),
                None if entry["prints"] is None else Prints.from_json(entry["prints"]),
            )
            for entry in record["clips"]
        ]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{file} cannot be read ({error!r}); remove it, and its video is prepared again."
        ) from error


def whole(out: Path, row: ClipRow) -> bool:
    """Whether a kept row's files are there."""
    return row.verdict != KEPT or all((out / name).is_file() for name in (row.video, row.sound))


@contextmanager
def workplace(out: Path, name: str) -> Iterator[Path]:
    """An empty folder for one video's clips, gone afterwards. Raises OutputError."""
    place = out / WORK / name
    with write_errors(place):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for left in (out / PARTS).glob(f".{name}.*"):  # by a run that was killed
            left.unlink()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def publish(out: Path, place: Path, clips: list[Clip]) -> None:
    """Move the files of kept clips to where their rows say. Raises OutputError."""
    for clip in clips:
        if clip.row.verdict != KEPT:
            continue
        for name in (clip.row.video, clip.row.sound):
            with write_errors(out / name):
                os.replace(place / Path(name).name, out / name)


def write_text(file: Path, text: str) -> None:
    """Whole or not at all. Raises OutputError, also when the disk is full."""
    save_bytes(file, text.encode("utf-8", "backslashreplace"))  # file names may be no UTF-8
