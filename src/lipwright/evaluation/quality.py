"""Picture quality of generated clips against their references: SSIM, PSNR, LPIPS, FID, sharpness.

Each figure is given for whole frames and for the mouth: the box around lips and chin that the mesh finds in
the reference. What needs a public file that is not here is None and named under `missing`; nothing else ever
takes its place.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lipwright.errors import OptionError
from lipwright.evaluation.frechet import frechet
from lipwright.evaluation.similar import EDGE, WINDOW, psnr_db, squared_error, ssim_map
from lipwright.evaluation.watch import Picture, check_sizes, common_length, watch
from lipwright.faces.detect import FaceReader
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.models.inception import FEATURES, Inception
from lipwright.models.perceptual import Perceptual
from lipwright.progress import Progress
from lipwright.weights.catalog import INCEPTION_FID, VGG16
from lipwright.weights.given import given_file, place_of
from lipwright.weights.judges import find_perceptual, load_inception

FRAME, MOUTH = "frame", "mouth"
LPIPS_SIDE = 512  # px: larger frames are shrunk to it for LPIPS
MOUTH_SIZE = (128, 112)  # px (width, height) of mouths for LPIPS, in the box's shape
LEAST_FEATURES = 2
STAGE = "evaluate quality"


@dataclass(frozen=True)
class Judges:
    """Networks that look; None where a file is missing, which `missing` says by the figure's name."""

    perceptual: Perceptual | None
    inception: Inception | None
    missing: Mapping[str, str]


@dataclass
class _Region:
    """What was gathered of one region of one pair."""

    ssim: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)
    lpips: list[float] = field(default_factory=list)
    sharpness: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))


Features = dict[str, tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]]


def find_judges(inception: Path | None = None, progress: Progress | None = None) -> Judges:
    """What is in the cache. inception: the file, where it lies elsewhere.

    Raises WeightsError for a file that is given or cached and is not what it should be.
    """
    missing = {}
    perceptual = find_perceptual(progress)
    if perceptual is None:
        missing["lpips"] = f"VGG-16 is not here; `lipwright weights pull {VGG16.name}` fetches it"
    network = None
    if inception is not None or place_of(INCEPTION_FID).is_file():
        network = load_inception(given_file(INCEPTION_FID) if inception is None else inception)
    else:
        missing["fid"] = (
            f"{INCEPTION_FID.name} is not here; `lipwright weights pull {INCEPTION_FID.name}` says where to "
            "get it"
        )
    return Judges(perceptual, network, missing)


def pairs_of(reference: Path, generated: Path, suffixes: Sequence[str]) -> list[tuple[Path, Path]]:
    """Two files, or the files of two folders paired by their names less the suffix.

    Raises OptionError for a folder and a file, for names that are in one folder only, and for none at all.
    """
    for path in (reference, generated):
        if not path.exists():
            raise OptionError(f"There is no file or folder {path}; check the path.")
    if reference.is_dir() != generated.is_dir():
        raise OptionError(
            f"{reference} and {generated} are a folder and a file; give two files, or two folders with "
            "clips of equal names."
        )
    if not reference.is_dir():
        return [(reference, generated)]
    names = [
        {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes}
        for folder in (reference, generated)
    ]
    if not names[0]:
        raise OptionError(f"{reference} holds no clips ({', '.join(suffixes)}); give another folder.")
    if alone := sorted(names[0].keys() ^ names[1].keys()):
        more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
        raise OptionError(
            f"{', '.join(alone[:3])}{more} lie in only one of {reference} and {generated}; pair them, or "
            "take them out."
        )
    return [(names[0][name], names[1][name]) for name in names[0]]


def evaluate_quality(
    pairs: Sequence[tuple[Path, Path]],
    reader: FaceReader,
    judges: Judges,
    *,
    shorter: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Means over the pairs under `frame` and `mouth`, one entry per pair, FID over all frames of all pairs.

    Raises OptionError for pairs that differ in size, or in length without `shorter`; NoFaceError for a
    reference without a face.
    """
    work = Progress() if progress is None else progress
    features: Features = {FRAME: ([], []), MOUTH: ([], [])}
    work.start(STAGE, len(pairs))
    per_pair = []
    for reference, generated in pairs:
        per_pair.append(_compared(reference, generated, reader, judges, features, shorter, work))
        work.advance(STAGE)
    told: dict[str, Any] = {"pairs": len(pairs), "frames": sum(pair["frames"] for pair in per_pair)}
    for region in (FRAME, MOUTH):
        keys = per_pair[0][region].keys()
        told[region] = {key: _mean([pair[region][key] for pair in per_pair]) for key in keys}
        told[region]["fid"] = _fid(features[region]) if judges.inception is not None else None
    told["missing"] = dict(judges.missing)
    if judges.inception is not None and told["frames"] < FEATURES:
        told["note"] = (
            f"FID over {told['frames']} frames, fewer than its {FEATURES} features, is biased upwards: "
            "compare it only at equal numbers of frames"
        )
    told["per_pair"] = per_pair
    return told


def _compared(
    reference: Path,
    generated: Path,
    reader: FaceReader,
    judges: Judges,
    features: Features,
    shorter: bool,
    progress: Progress,
) -> dict[str, Any]:
    check_sizes(probe_video(reference), probe_video(generated))
    seen = watch(reference, reader, Progress(cancel=progress.cancel))
    counted = sum(1 for _ in read_frames(generated))
    count = common_length(reference, generated, (len(seen), counted), shorter=shorter)
    boxes = seen.mouth_boxes()
    regions: dict[str, _Region] = defaultdict(_Region)
    both = zip(seen.pictures(), (frame.rgb() for frame in read_frames(generated, 0, count)), strict=False)
    for (true, made), box in zip(both, boxes[:count], strict=True):
        progress.check()
        greys = [np.asarray(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), np.uint8) for one in (true, made)]
        likeness = ssim_map(greys[0], greys[1])
        for region, area in _areas(box, true.shape[1], true.shape[0]):
            _gather(regions[region], likeness, greys, true, made, area, region == FRAME)
            _look(regions[region], features[region], judges, true[area], made[area], region)
    return {
        "reference": str(reference),
        "generated": str(generated),
        "frames": count,
        "faceless": int((~seen.track.present[:count]).sum()),
        **{region: _figures(regions[region], judges) for region in (FRAME, MOUTH)},
    }


def _areas(box: NDArray[np.float32], width: int, height: int) -> Iterator[tuple[str, tuple[slice, slice]]]:
    """The whole frame, and the mouth's box where there is one of a size to compare."""
    yield FRAME, (slice(0, height), slice(0, width))
    if np.isfinite(box).all():
        left, right = (int(np.clip(v, 0, width)) for v in box[[0, 2]])
        top, bottom = (int(np.clip(v, 0, height)) for v in box[[1, 3]])
        if min(right - left, bottom - top) >= WINDOW:
            yield MOUTH, (slice(top, bottom), slice(left, right))


def _gather(
    region: _Region,
    likeness: NDArray[np.float64],
    greys: list[Picture],
    true: Picture,
    made: Picture,
    area: tuple[slice, slice],
    whole: bool,
) -> None:
    piece = likeness[EDGE:-EDGE, EDGE:-EDGE] if whole else likeness[area]
    region.ssim.append(float(piece.mean()))
    region.error.append(squared_error(true[area], made[area]))
    for grey, found in zip(greys, region.sharpness, strict=True):
        found.append(float(cv2.Laplacian(grey[area].astype(np.float32), cv2.CV_32F).var()))


@torch.no_grad()
def _look(
    region: _Region,
    features: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]],
    judges: Judges,
    true: Picture,
    made: Picture,
    name: str,
) -> None:
    if judges.perceptual is not None:
        a, b = (_tensor(_for_lpips(one, name)) for one in (true, made))
        region.lpips.append(float(judges.perceptual(b, a)))
    if judges.inception is not None:
        for one, found in zip((true, made), features, strict=True):
            found.append(judges.inception(_tensor(one))[0].double().numpy())


def _for_lpips(picture: Picture, region: str) -> Picture:
    height, width = picture.shape[:2]
    if region == MOUTH:
        how = cv2.INTER_AREA if width > MOUTH_SIZE[0] else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(picture, MOUTH_SIZE, interpolation=how), np.uint8)
    scale = LPIPS_SIDE / max(height, width)
    if scale >= 1:
        return picture
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1


def _figures(region: _Region, judges: Judges) -> dict[str, float | None]:
    true, made = (_mean(found) for found in region.sharpness)
    noise = psnr_db(float(np.mean(region.error))) if region.error else None
    return {
        "ssim": _mean(region.ssim),
        "psnr_db": None if noise is None else round(noise, 3),
        "lpips": _mean(region.lpips) if judges.perceptual is not None else None,
        "sharpness_reference": true,
        "sharpness_generated": made,
        "sharpness_ratio": round(made / true, 4) if true and made is not None else None,
    }


def _fid(features: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]) -> float | None:
    if min(len(one) for one in features) < LEAST_FEATURES:
        return None
    return round(frechet(np.stack(features[1]), np.stack(features[0])), 3)


def _mean(values: Sequence[float | None]) -> float | None:
    """None when any is missing, or there is none: what could not be measured is not averaged away."""
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 5) if known and len(known) == len(values) else None
