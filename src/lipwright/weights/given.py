"""Public files that no registry carries: where they must lie, and whether they are the right ones."""

from pathlib import Path

from lipwright.errors import WeightsError
from lipwright.weights.bundle import checksum
from lipwright.weights.catalog import GivenFile
from lipwright.weights.fetch import cache_folder


def place_of(entry: GivenFile) -> Path:
    """Where the file is looked for; not created here."""
    return cache_folder() / entry.name / entry.file


def is_given(entry: GivenFile) -> bool:
    """Whether it lies there and its checksum begins as it must."""
    return place_of(entry).is_file() and checksum(place_of(entry)).startswith(entry.sum_start)


def given_file(entry: GivenFile) -> Path:
    """The checked file. Raises WeightsError, saying where to get it and where to put it."""
    place = place_of(entry)
    if not place.is_file():
        raise WeightsError(
            f"{entry.name} is not here and on no hub that lipwright fetches from; get {entry.file} from "
            f"{entry.source} and put it at {place}."
        )
    if not is_given(entry):
        raise WeightsError(
            f"{place} is not {entry.file}: its SHA-256 does not begin with {entry.sum_start}; get it again "
            f"from {entry.source}."
        )
    return place
