"""Recompute recorded sets with the classes that the product runs, and say how far off they are."""

import fnmatch
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from lipwright.device import DeviceChoice
from lipwright.errors import LipwrightError
from lipwright.progress import Progress
from lipwright.verify import learning, networks, pictures, sampling, sound
from lipwright.verify.check import FAILED, Check, SetResult
from lipwright.verify.record import RecordError, Shelf

log = logging.getLogger(__name__)

STAGE = "verify"

KINDS: Mapping[str, Callable[[Check], None]] = MappingProxyType(
    {
        "unet": networks.unet,
        "syncnet": networks.syncnet,
        "vae": networks.vae,
        "whisper_features": sound.whisper_features,
        "syncnet_mel": sound.syncnet_mel,
        "chunk_tables": sound.chunk_tables,
        "mask": pictures.mask,
        "prepare_masks": pictures.prepare_masks,
        "affine": pictures.affine,
        "warp_restore": pictures.warp_restore,
        "sampler": sampling.sampler,
        "pipeline": sampling.pipeline,
        "train_noise": learning.train_noise,
        "trepa": learning.trepa,
        "train_step": learning.train_step,
    }
)
"""What recomputes each kind of set."""


def shipped_folder() -> Path:
    """The small selection of recorded sets that comes with the package."""
    return Path(str(resources.files("lipwright"))) / "verify" / "recorded"


def verify(
    folder: Path, choice: DeviceChoice, *, only: str = "*", progress: Progress | None = None
) -> Iterator[SetResult]:
    """Results of all sets in a folder whose names match the pattern `only`, as they are finished.

    A set that cannot be read, or whose kind is unknown, is a failed result with a reason. Raises RecordError
    when there is no set at all to recompute.
    """
    watch = Progress() if progress is None else progress
    shelf = Shelf(folder)
    names = fnmatch.filter(shelf.names(), only)
    if not names:
        raise RecordError(
            f"No recorded set in {folder} matches {only!r}; there are {', '.join(shelf.names())}."
        )
    watch.start(STAGE, len(names))
    for name in names:
        yield verify_set(shelf, name, choice)
        watch.advance(STAGE)


def verify_set(shelf: Shelf, name: str, choice: DeviceChoice) -> SetResult:
    """The result of one set."""
    try:
        record = shelf.read(name)
    except RecordError as error:
        return SetResult(name, "", reason=str(error))
    check = Check(record, choice)
    result = SetResult(name, record.kind, check.rows)
    if record.kind not in KINDS:
        known = ", ".join(KINDS)
        result.reason = f"The set {name} is of unknown kind {record.kind!r}; known are {known}."
        return result
    try:
        with exact_arithmetic(choice):
            KINDS[record.kind](check)
    except LipwrightError as error:
        result.reason = str(error)
    except Exception as error:  # one broken set must not hide the others
        log.info("verify_set_broke", exc_info=error, extra={"set": name})
        detail = " ".join(str(error).split()) or "no details"
        result.reason = f"The set {name} cannot be recomputed ({type(error).__name__}: {detail})."
    result.not_compared = record.unused()
    if not result.reason and not result.arrays:
        result.reason = f"The set {name} holds nothing that could be compared."
    return result


@contextmanager
def exact_arithmetic(choice: DeviceChoice) -> Iterator[None]:
    """True float32 on CUDA when float32 is asked for: convolutions would otherwise round to TF32."""
    before = (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
    if choice.dtype == torch.float32:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def as_json(results: list[SetResult]) -> dict[str, Any]:
    """Plain values: `{"sets": [...], "failed": N}`; an infinite error is null."""
    return {
        "sets": [
            {
                "name": result.name,
                "kind": result.kind,
                "status": result.status,
                "arrays": {
                    name: {
                        "max_abs_error": row.max_abs_error if row.max_abs_error < float("inf") else None,
                        "tolerance": row.tolerance,
                    }
                    for name, row in result.arrays.items()
                },
                "not_compared": result.not_compared,
                "reason": result.reason,
            }
            for result in results
        ],
        "failed": sum(result.status == FAILED for result in results),
    }
