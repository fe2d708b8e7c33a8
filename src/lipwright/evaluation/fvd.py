"""Frechet video distance: how far apart two sets of clips are, as a network sees 16 frames of their faces.

Two networks can look: I3D, with which FVD was defined, and VideoMAE (the released ViT-giant, or one of
`lipwright train video-mae`). Figures of different networks are different figures: the record says which.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from lipwright.errors import InputError, OptionError, WeightsError
from lipwright.evaluation.frechet import frechet
from lipwright.evaluation.watch import Watched, watch
from lipwright.faces.detect import FaceReader
from lipwright.models.videomae import VideoMAE
from lipwright.progress import Progress
from lipwright.weights.bundle import checksum
from lipwright.weights.judges import load_videomae

FRAMES = 16
STEP = 8  # frames between the beginnings of windows
RELEASED_START = 20  # the released code takes one window a clip, from this frame on
I3D_SIDE = 224
WINDOWS = ("all", "released")
LEAST_VECTORS = 2
STAGE = "evaluate fvd"


@dataclass(frozen=True)
class VideoJudge:
    """features: of a clip (1, 3, 16, side, side), 0..1, as one vector. name: of the network, for records."""

    name: str
    side: int
    features: Callable[[Tensor], Tensor]


def videomae_judge(place: Path) -> VideoJudge:
    """VideoMAE of a file or folder. Raises WeightsError."""
    network: VideoMAE = load_videomae(place)
    kind = "VideoMAE v2 ViT-giant" if place.is_file() else f"VideoMAE of {place.name}"
    return VideoJudge(kind, network.config.img_size, lambda clip: network(clip)[0])


def i3d_judge(place: Path, *, trusted: bool) -> VideoJudge:
    """I3D as TorchScript, as the released evaluation uses it (no rescaling, no resizing, features).

    TorchScript is a program: loading the file can run what is in it, so nothing is opened unless `trusted`.
    Raises OptionError without that, WeightsError for a file that is no such network.
    """
    if not place.is_file():
        raise WeightsError(f"There is no checkpoint file {place}; check the path.")
    if not trusted:
        raise OptionError(
            f"{place} is TorchScript, a program that would run with your rights (SHA-256 "
            f"{checksum(place)[:12]}...); add --trust-code if you trust where it comes from, or use "
            "--videomae."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the format's age
            network: Any = torch.jit.load(str(place), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise WeightsError(f"{place} is no TorchScript network; give i3d_torchscript.pt.") from error

    def features(clip: Tensor) -> Tensor:
        try:
            found: Tensor = network(clip, rescale=False, resize=False, return_features=True)
        except RuntimeError as error:
            raise WeightsError(
                f"{place} is no I3D as FVD uses it (it refuses a clip with return_features); give "
                "i3d_torchscript.pt."
            ) from error
        return found[0].flatten()

    return VideoJudge(f"I3D (SHA-256 {checksum(place)[:12]})", I3D_SIDE, features)


def evaluate_fvd(
    reference: Sequence[Path],
    generated: Sequence[Path],
    reader: FaceReader,
    judge: VideoJudge,
    *,
    windows: str = "all",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The distance over all windows of all clips, with how many there were and which clips gave none.

    windows: `all` of 16 frames, every 8; or `released`, frames 20 to 35 of each clip. Each frame is cut to
    the face's box and brought to the network's size. fvd is None, with a reason, for fewer than 2 vectors.
    """
    if windows not in WINDOWS:
        raise OptionError(f"windows is {windows!r}, but must be one of {', '.join(WINDOWS)}.")
    work = Progress() if progress is None else progress
    work.start(STAGE, len(reference) + len(generated))
    sides, failures = [], {}
    for clips in (reference, generated):
        rows = []
        for clip in clips:
            try:
                found = _vectors(watch(clip, reader, Progress(cancel=work.cancel)), judge, windows)
            except InputError as error:
                if isinstance(error, WeightsError):
                    raise
                found, failures[str(clip)] = [], str(error)
            if not found and str(clip) not in failures:
                failures[str(clip)] = "has no window of 16 frames with a face"
            rows += found
            work.advance(STAGE)
        sides.append(rows)
    told: dict[str, Any] = {
        "fvd": None,
        "features": judge.name,
        "windows": windows,
        "clips": [len(reference), len(generated)],
        "vectors": [len(rows) for rows in sides],
        "failed": failures,
        "reason": "",
    }
    if min(len(rows) for rows in sides) < LEAST_VECTORS:
        told["reason"] = f"a side has fewer than {LEAST_VECTORS} windows"
        return told
    told["fvd"] = round(frechet(np.stack(sides[1]), np.stack(sides[0])), 4)
    width = len(sides[0][0])
    if min(len(rows) for rows in sides) <= width:
        told["note"] = (
            f"fewer windows than the {width} features: biased upwards, to be compared only at equal numbers"
        )
    return told


@torch.no_grad()
def _vectors(seen: Watched, judge: VideoJudge, windows: str) -> list[NDArray[np.float64]]:
    here = seen.track.present
    starts = range(0, len(seen) - FRAMES + 1, STEP) if windows == "all" else [RELEASED_START]
    wanted = [start for start in starts if here[start : start + FRAMES].sum() == FRAMES]
    found = []
    kept: dict[int, Float[Tensor, "3 s s"]] = {}
    left = list(wanted)
    for number, face in _faces(seen, judge.side):
        kept[number] = torch.from_numpy(face).permute(2, 0, 1).float() / 255
        if left and number == left[0] + FRAMES - 1:
            clip = torch.stack([kept[left[0] + k] for k in range(FRAMES)], dim=1)[None]
            found.append(judge.features(clip).double().numpy())
            left.pop(0)
        kept = {k: value for k, value in kept.items() if left and k >= left[0]}
    return found


def _faces(seen: Watched, side: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(frame, face's box at side x side px) of every frame with a face."""
    boxes = seen.face_boxes()
    for number, picture in enumerate(seen.pictures()):
        if not np.isfinite(boxes[number]).all():
            continue
        height, width = picture.shape[:2]
        left, right = (int(np.clip(v, 0, width - 1)) for v in boxes[number][[0, 2]])
        top, bottom = (int(np.clip(v, 0, height - 1)) for v in boxes[number][[1, 3]])
        bottom, right = max(bottom, top + 1), max(right, left + 1)
        face = cv2.resize(picture[top:bottom, left:right], (side, side), interpolation=cv2.INTER_AREA)
        yield number, np.asarray(face, np.uint8)
