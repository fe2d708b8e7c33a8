"""What frozen networks make of whole clips: latents, masked latents, what the ears hear. Made once, kept."""

import os
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lipwright.errors import OutputError
from lipwright.latents.codec import OpenCodec, PlainCodec
from lipwright.latents.conditioning import masked
from lipwright.training.clip_shelf import ClipShelf, to_pixels
from lipwright.weights.bundle import Bundle

CLIPS_KEPT = 4096  # in memory; the latents of 80 frames of 128 px take 320 kB


class Kept:
    """Tensors by clip, computed once: in memory for the most recently used clips, and in `folder`, if one is
    given, for later runs. The folder's name must tell what they were made with.
    """

    def __init__(self, most: int = CLIPS_KEPT, folder: Path | None = None) -> None:
        self._most = most
        self._folder = folder
        self._values: OrderedDict[str, Tensor] = OrderedDict()

    def get(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """The value of a clip, made when it is nowhere. OutputError when the folder cannot be written."""
        if name not in self._values:
            self._values[name] = self._from_folder(name, make)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        self._values.move_to_end(name)
        return self._values[name]

    def _from_folder(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        if self._folder is None:
            return make()
        file = self._folder / (re.sub(r"[^\w.-]", "_", name) + ".npy")
        if file.exists():
            return torch.from_numpy(np.load(file))
        value = make()
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as stream:
                np.save(stream, value.cpu().numpy())
            part.replace(file)
        except OSError as error:
            raise OutputError(
                f"{file} cannot be written ({error.strerror or error}); make room, or leave kept_at out."
            ) from error
        return value


def kept_place(root: str, bundle: Bundle, side: int, clips: Path) -> Path:
    """A folder below `root` for what this bundle's networks make of the clips of a folder at `side` px."""
    marks = [bundle.mark("autoencoder"), bundle.mark("speech"), str(side)]
    return Path(root) / "-".join([clips.name, f"{zlib.crc32(str(clips.resolve()).encode()):08x}", *marks])


class CodedClips:
    """Latents of the clips of a shelf by an autoencoder without a random part, scaled, on the device.

    kept_at: folder for later runs (see `Kept`); it must be of this autoencoder and this mask.
    """

    def __init__(
        self,
        shelf: ClipShelf,
        codec: OpenCodec,
        device: torch.device,
        keep_mask: Tensor | None = None,
        kept_at: Path | None = None,
    ) -> None:
        assert isinstance(codec, PlainCodec), "draws of a posterior differ from step to step"
        self._shelf, self._codec, self._device, self._mask = shelf, codec, device, keep_mask
        self._whole, self._shown, self._masked = (
            Kept(folder=None if kept_at is None else kept_at / name) for name in ("whole", "shown", "masked")
        )

    def whole(self, clip: int, start: int, count: int) -> Tensor:
        """(count, 4, y, x) of the frames as they are."""
        return self._coded(self._whole, clip, None)[start : start + count]

    def shown(self, clip: int, start: int, count: int) -> Tensor:
        """The same of what a model is shown when it runs: the other mouth, where a clip has one."""
        if not self._shelf.rows[clip].other:
            return self.whole(clip, start, count)
        return self._coded(self._shown, clip, None, shown=True)[start : start + count]

    def masked(self, clip: int, start: int, count: int) -> Tensor:
        """The same of what is shown, without what is repainted."""
        assert self._mask is not None, "the mask comes with those who ask for masked latents"
        return self._coded(self._masked, clip, self._mask, shown=True)[start : start + count]

    def _coded(self, kept: Kept, clip: int, mask: Tensor | None, *, shown: bool = False) -> Tensor:
        row = self._shelf.rows[clip]
        read = self._shelf.shown_frames if shown else self._shelf.frames

        def make() -> Tensor:
            frames = to_pixels(read(clip, 0, row.frames)).to(self._device)
            return self._codec.encode(frames if mask is None else masked(frames, mask), None).float()

        return kept.get(row.name, make).to(self._device)
