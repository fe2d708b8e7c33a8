"""Which voice goes on which video: pairs by name, by a list, or drawn by a seed."""

import csv
import random
from dataclasses import dataclass
from pathlib import Path

from lipwright.errors import OptionError

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
SOUNDS = (".wav", ".mp3", ".m4a", ".flac", ".ogg", ".aac", ".opus")
SEED = 42  # as the released evaluation


@dataclass(frozen=True)
class Pair:
    """One job of a suite."""

    name: str
    video: Path
    audio: Path


def read_pairs(place: Path, seed: int = SEED) -> tuple[list[Pair], str]:
    """(pairs, how they were made) of a folder, or of a .csv with a video and an audio on each line.

    Where every video has a sound of its name (a.mp4, a.wav), that is its voice. Else both sorted lists are
    shuffled with the seed and every video gets the voice at its place, from the start again when there are
    fewer. Paths in a list count from its folder. Raises OptionError for what gives no pairs.
    """
    if place.is_dir():
        return _of_folder(place, seed)
    if not place.is_file():
        raise OptionError(f"There is no file or folder {place}; check the path.")
    return _of_list(place), f"as listed in {place.name}"


def _of_folder(folder: Path, seed: int) -> tuple[list[Pair], str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    videos = [path for path in files if path.suffix.lower() in VIDEOS]
    sounds = [path for path in files if path.suffix.lower() in SOUNDS]
    for kind, found, known in (("videos", videos, VIDEOS), ("sounds", sounds, SOUNDS)):
        if not found:
            raise OptionError(f"{folder} holds no {kind} ({', '.join(known)}); give a folder with both.")
    by_name = {path.stem: path for path in sounds}
    if all(video.stem in by_name for video in videos):
        return _named([(video, by_name[video.stem]) for video in videos]), "by name"
    draws = random.Random(seed)
    draws.shuffle(videos)
    draws.shuffle(sounds)
    return _named([(video, sounds[k % len(sounds)]) for k, video in enumerate(videos)]), f"by seed {seed}"


def _of_list(place: Path) -> list[Pair]:
    try:
        rows = [row for row in csv.reader(place.read_text().splitlines()) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{place} cannot be read as a list of pairs ({error}); use two columns.") from error
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if wrong is not None or not rows:
        where = "is empty" if wrong is None else f"has no two columns in line {wrong}"
        raise OptionError(f"The list {place} {where}; write a video and an audio on each line.")
    return _named([(place.parent / video.strip(), place.parent / audio.strip()) for video, audio in rows])


def _named(pairs: list[tuple[Path, Path]]) -> list[Pair]:
    """Names that are no one else's and can be file names."""
    found: list[Pair] = []
    for video, audio in pairs:
        name = video.stem if audio.stem == video.stem else f"{video.stem}+{audio.stem}"
        taken = sum(pair.name == name or pair.name.startswith(f"{name}~") for pair in found)
        found.append(Pair(f"{name}~{taken + 1}" if taken else name, video, audio))
    return found


def clips_of(place: Path) -> list[Path]:
    """The videos of a folder in the order of their names, or the one file. Raises OptionError for none."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise OptionError(f"There is no file or folder {place}; check the path.")
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in VIDEOS)
    if not found:
        raise OptionError(f"{place} holds no videos ({', '.join(VIDEOS)}); give another folder.")
    return found
