"""Prepared clips at hand: decoded crops, SyncNet's mel and samples, kept in memory up to a limit."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from lipwright.dataset.manifest import RATE, SOUND_HZ, ClipRow, DatasetError
from lipwright.media.frames import read_frames
from lipwright.media.samples import read_samples
from lipwright.speech.mel import syncnet_mel, syncnet_window

MEMORY_MB = 2048
Frames = UInt8[np.ndarray, "n h w 3"]
Part = TypeVar("Part", "_Sound", Frames)


@dataclass(frozen=True)
class _Sound:
    """samples: 16 kHz. mel: SyncNet's, of all of them."""

    samples: Float32[np.ndarray, " s"]
    mel: Float32[np.ndarray, "80 m"]

    @property
    def nbytes(self) -> int:
        return self.samples.nbytes + self.mel.nbytes


class ClipShelf:
    """Clips of a dataset by number, crops at `side` px. Each process has its own.

    Pictures and sound are read when they are asked for, each for itself.
    """

    def __init__(
        self, folder: Path, rows: Sequence[ClipRow], side: int, *, memory_mb: int = MEMORY_MB
    ) -> None:
        self.rows = tuple(rows)
        self.side = side
        self._folder = folder
        self._room = memory_mb << 20
        self._parts: OrderedDict[tuple[str, int], _Sound | Frames] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.rows)

    def frames(self, clip: int, start: int, count: int) -> Frames:
        """Consecutive crops."""
        found = self._part("frames", clip, lambda row: self._read_frames(row, row.video))
        return found[start : start + count]

    def shown_frames(self, clip: int, start: int, count: int) -> Frames:
        """What a model is shown when it runs: the same frames with another mouth, where there are such."""
        if not self.rows[clip].other:
            return self.frames(clip, start, count)
        found = self._part("other", clip, lambda row: self._read_frames(row, row.other))
        return found[start : start + count]

    def mel(self, clip: int, start: int) -> Float32[np.ndarray, "80 52"]:
        """SyncNet's columns of 16 frames from `start` on; the last one repeats beyond the sound."""
        whole = self._sound(clip).mel
        found = syncnet_window(whole, start / RATE)
        if found is None:  # the last window of a clip whose sound ends with its last frame
            found = syncnet_window(np.pad(whole, ((0, 0), (0, 52)), mode="edge"), start / RATE)
        assert found is not None, "windows lie inside their clip"
        return found

    def samples(self, clip: int) -> Float32[np.ndarray, " s"]:
        """The whole sound, mono, 16 kHz."""
        return self._sound(clip).samples

    def _sound(self, clip: int) -> _Sound:
        return self._part("sound", clip, self._read_sound)

    def _part(self, kind: str, clip: int, read: Callable[[ClipRow], Part]) -> Part:
        key = (kind, clip)
        if key in self._parts:
            self._parts.move_to_end(key)
            return cast(Part, self._parts[key])
        part = read(self.rows[clip])
        self._parts[key] = part
        self._bytes += part.nbytes
        while self._bytes > self._room and len(self._parts) > 1:
            self._bytes -= self._parts.popitem(last=False)[1].nbytes
        return part

    def _read_frames(self, row: ClipRow, video: str) -> Frames:
        pictures = [frame.rgb() for frame in read_frames(self._folder / video)]
        if len(pictures) != row.frames:
            raise DatasetError(
                f"{self._folder / video} has {len(pictures)} frames, but its manifest says {row.frames}; "
                "prepare it again."
            )
        if pictures[0].shape[0] != self.side:
            size = (self.side, self.side)
            how = cv2.INTER_AREA if pictures[0].shape[0] > self.side else cv2.INTER_CUBIC
            pictures = [np.asarray(cv2.resize(picture, size, interpolation=how)) for picture in pictures]
        return np.stack(pictures).astype(np.uint8)

    def _read_sound(self, row: ClipRow) -> _Sound:
        samples = read_samples(self._folder / row.sound, SOUND_HZ)
        return _Sound(samples, syncnet_mel(samples))


def long_enough(rows: Sequence[ClipRow], frames: int, what: str) -> tuple[tuple[ClipRow, ...], int]:
    """(clips of that many frames or more, how many are shorter). Raises DatasetError when none is left."""
    kept = tuple(row for row in rows if row.frames >= frames)
    if not kept:
        raise DatasetError(
            f"None of the {len(rows)} clips for {what} has {frames} frames or more; prepare longer "
            "clips, or more of them."
        )
    return kept, len(rows) - len(kept)


def to_pixels(frames: UInt8[np.ndarray, "n h w 3"]) -> Tensor:
    """Crops as (n, 3, h, w) float32 in -1..1."""
    return torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous()
