"""Sync as a SyncNet sees and hears it: one trained here, the released StableSyncNet, or SyncNet v2.

Pictures are taken at 25 per second, whatever the clip's rate. The mean agreement over all windows is compared
at shifts of 15 frames to both sides: the offset is where it is best, the confidence how far that stands above
the median of the shifts (papers on lip sync call it Sync-conf or LSE-C when SyncNet v2 says it).
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.signal import medfilt
from torch import Tensor
from torch.nn import functional

from lipwright.errors import OptionError
from lipwright.evaluation.sync_score import SyncScore
from lipwright.evaluation.watch import SOUND_HZ, Picture, Watched
from lipwright.faces.align import LATENTSYNC, Template, anchors, crop, fit, frame_box
from lipwright.models.stable_syncnet import stack_frames
from lipwright.models.syncnet_v2 import SyncNetV2
from lipwright.speech.mel import syncnet_mel, syncnet_window
from lipwright.speech.mfcc import mfcc
from lipwright.weights.judges import PIXEL, SyncJudge

STABLE, CLASSIC = "stable-syncnet", "syncnet-v2"
RATE = 25
REACH = 15  # frames to each side
BATCH = 16
V2_FRAMES, V2_SIDE = 5, 224
V2_COLUMNS_PER_FRAME, V2_COLUMNS = 4, 20  # of the MFCC, 100 per second
V2_MEDIAN = 13  # frames over which centre and size of the face are steadied
V2_MARGIN = 0.4  # of half the face's size: added to the sides, twice below, none above
V2_BORDER = 110  # grey beyond the picture
SHORTEST = 2 * REACH  # windows; fewer cannot be shifted against each other

Embed = Callable[[int, int], tuple[Tensor, Tensor]]


def stable_score(clip: str, seen: Watched, voice: NDArray[np.int16], judge: SyncJudge) -> SyncScore:
    """A StableSyncNet of pixels: mean cosine of 16 frames with their stretch of mel.

    Raises OptionError for a SyncNet of latents: it would need the autoencoder that they come from.
    """
    if judge.sight.space != PIXEL:
        raise OptionError("This SyncNet looks at latents; give one that looks at pixels.")
    template = Template.from_dict(judge.sight.template) if judge.sight.template else LATENTSYNC(256)
    side, first = judge.sight.side, round(judge.sight.side * judge.sight.top)
    crops = np.stack(
        [
            face[first : first + side // 2] if face is not None else np.zeros((side // 2, side, 3), np.uint8)
            for face in _aligned(seen, template.at(side))
        ]
    )
    mel = syncnet_mel(voice.astype(np.float32) / 32768)
    here = seen.track.present[_slots(seen)]
    frames = judge.sight.frames
    starts = [
        start
        for start in range(len(crops) - frames + 1)
        if here[start : start + frames].all() and syncnet_window(mel, start / RATE) is not None
    ]

    def embed(begin: int, end: int) -> tuple[Tensor, Tensor]:
        chosen = starts[begin:end]
        pixels = torch.from_numpy(np.stack([crops[start : start + frames] for start in chosen]))
        pixels = pixels.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        sound = torch.from_numpy(np.stack([_window(mel, start) for start in chosen]))[:, None]
        found: tuple[Tensor, Tensor] = judge.network(stack_frames(pixels), sound)
        return found

    return _scored(SyncScore(clip, STABLE, len(seen), seen.faceless, float(RATE)), starts, embed, cosine=True)


def classic_score(clip: str, seen: Watched, voice: NDArray[np.int16], network: SyncNetV2) -> SyncScore:
    """SyncNet v2 by the released protocol, with the mesh's box in place of S3FD's.

    Five frames (BGR, 0..255) of the face's square with 13 MFCC x 20; Euclidean distance. Silent windows are
    padded with zero vectors at the ends, as released.
    """
    crops = np.stack(list(_squares(seen)))
    coefficients = mfcc(voice)
    here = seen.track.present[_slots(seen)]
    count = min(len(crops), len(voice) * RATE // SOUND_HZ) - V2_FRAMES
    starts = [start for start in range(count) if here[start : start + V2_FRAMES].all()]

    def embed(begin: int, end: int) -> tuple[Tensor, Tensor]:
        chosen = starts[begin:end]
        pixels = np.stack([crops[start : start + V2_FRAMES, :, :, ::-1] for start in chosen])
        sound = np.stack(
            [coefficients[:, start * V2_COLUMNS_PER_FRAME :][:, :V2_COLUMNS] for start in chosen]
        )
        lips = torch.from_numpy(pixels.copy()).permute(0, 4, 1, 2, 3).float()
        return network.lips(lips), network.sound(torch.from_numpy(sound).float()[:, None])

    return _scored(
        SyncScore(clip, CLASSIC, len(seen), seen.faceless, float(RATE)), starts, embed, cosine=False
    )


@torch.no_grad()
def _scored(base: SyncScore, starts: list[int], embed: Embed, *, cosine: bool) -> SyncScore:
    if len(starts) < SHORTEST:
        reason = f"only {len(starts)} windows with a face and sound, and {SHORTEST} are needed"
        return SyncScore(**{**asdict(base), "reason": reason})
    parts = [embed(begin, begin + BATCH) for begin in range(0, len(starts), BATCH)]
    picture, sound = (torch.cat(side) for side in zip(*parts, strict=True))
    curve = agreement(picture, sound, starts, cosine=cosine)
    at, usual = int(np.nanargmax(curve)), float(np.nanmedian(curve))
    told: dict[str, Any] = {
        "confidence": round(float(curve[at]) - usual, 4),
        "offset_frames": REACH - at,
        "best": round(abs(float(curve[at])), 4),
        "usual": round(abs(usual), 4),
    }
    return SyncScore(**{**asdict(base), **told})


def agreement(
    picture: Float[Tensor, "n e"], sound: Float[Tensor, "n e"], starts: list[int], *, cosine: bool
) -> NDArray[np.float64]:
    """(31,) mean agreement of the pictures with the sound that starts -15 .. 15 frames after them.

    starts: frame at which the n windows begin; where one is missing, a pair is. With `cosine` the mean cosine
    over the pairs that exist; else the negative mean Euclidean distance as SyncNet v2 takes it: sounds beyond
    the ends are zero vectors.
    """
    place = {start: number for number, start in enumerate(starts)}
    curve = []
    for shift in range(-REACH, REACH + 1):
        number = [place.get(start + shift, -1) for start in starts]
        there = torch.tensor(number) >= 0
        if cosine:
            others = sound[[n for n in number if n >= 0]]
            value = (picture[there] * others).sum(dim=1).mean() if there.any() else torch.tensor(torch.nan)
        else:
            others = torch.where(there[:, None], sound[number], torch.zeros_like(sound))
            value = -functional.pairwise_distance(picture, others).mean()
        curve.append(float(value))
    return np.asarray(curve)


def _window(mel: NDArray[np.float32], start: int) -> NDArray[np.float32]:
    found = syncnet_window(mel, start / RATE)
    assert found is not None, "starts without sound were left out"
    return found


def _slots(seen: Watched) -> NDArray[np.int64]:
    """Which frame is shown at each twenty-fifth of a second."""
    last = seen.times_s[-1] + 1 / seen.rate
    slots = (np.arange(max(1, round(last * RATE))) + 0.5) / RATE
    return np.maximum(np.searchsorted(seen.times_s, slots, side="right") - 1, 0)


def _shown(seen: Watched) -> Iterator[tuple[int, Picture]]:
    """(number, picture) of the frame at each slot, decoded once."""
    wanted = _slots(seen).tolist()
    at = 0
    for number, picture in enumerate(seen.pictures()):
        while at < len(wanted) and wanted[at] == number:
            yield number, picture
            at += 1


def _aligned(seen: Watched, template: Template) -> Iterator[Picture | None]:
    for number, picture in _shown(seen):
        if not seen.track.present[number]:
            yield None
            continue
        matrix = fit(anchors(seen.track.smoothed_at(number), template), template)
        box = frame_box(matrix, template.resolution, picture.shape[1], picture.shape[0], margin=2)
        left, top, right, bottom = box
        face = crop(picture[top:bottom, left:right].astype(np.float32), box, matrix, template.resolution)
        yield np.asarray(np.clip(np.rint(face), 0, 255), np.uint8)


def _squares(seen: Watched) -> Iterator[Picture]:
    """The face's square (224, 224, 3), with the released margins; what has no face takes the last place."""
    boxes = seen.face_boxes()
    here = np.isfinite(boxes).all(axis=1)
    filled = np.stack(
        [np.interp(np.arange(len(boxes)), np.flatnonzero(here), boxes[here, side]) for side in range(4)]
    )
    x = _steadied((filled[0] + filled[2]) / 2)
    y = _steadied((filled[1] + filled[3]) / 2)
    half = _steadied(np.maximum(filled[2] - filled[0], filled[3] - filled[1]) / 2)
    for number, picture in _shown(seen):
        size = float(half[number])
        edge = int(size * (1 + 2 * V2_MARGIN))
        border = ((edge, edge), (edge, edge), (0, 0))
        padded = np.pad(picture, border, constant_values=V2_BORDER)
        middle_x, middle_y = float(x[number]) + edge, float(y[number]) + edge
        top, bottom = int(middle_y - size), int(middle_y + size * (1 + 2 * V2_MARGIN))
        reach = size * (1 + V2_MARGIN)
        face = padded[top:bottom, int(middle_x - reach) : int(middle_x + reach)]
        yield np.asarray(cv2.resize(face, (V2_SIDE, V2_SIDE)), np.uint8)


def _steadied(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Under a running median, the ends repeated."""
    padded = np.pad(values.astype(np.float64), V2_MEDIAN // 2, mode="edge")
    return np.asarray(medfilt(padded, V2_MEDIAN)[V2_MEDIAN // 2 : len(padded) - V2_MEDIAN // 2])
