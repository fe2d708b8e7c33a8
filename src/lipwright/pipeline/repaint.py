"""The network's worker: gathers crops into windows, repaints them, and lets frames go in their order."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from lipwright.diffusion.noise import clip_generator
from lipwright.media.timeline import Timeline
from lipwright.pipeline.engine import Engine, Sampling
from lipwright.pipeline.items import Item
from lipwright.pipeline.joined import JoinedLatents
from lipwright.pipeline.relay import StageClock
from lipwright.pipeline.windows import Window
from lipwright.progress import Progress
from lipwright.speech.features import Listening

DECODED_AT_ONCE = 8  # frames


class Repainter:
    """One job's windows. Holds about two windows of crops and latents at a time."""

    def __init__(
        self,
        engine: Engine,
        windows: Sequence[Window],
        sound: Listening,
        timeline: Timeline,
        sampling: Sampling,
        progress: Progress,
        clock: StageClock,
        *,
        sampled: bool = False,
        carry_detail: bool | None = None,
    ) -> None:
        """sampled, carry_detail: see `Profile`; the latter is the bundle's wish when None."""
        self._engine = engine
        self._windows = deque(windows)
        self._sound = sound
        self._timeline = timeline
        self._sampling = sampling
        draws = clip_generator(sampling.seed)
        self._noise = engine.noise(draws)
        self._draws = draws if sampled else None
        self._progress = progress
        self._clock = clock
        wished = bool(engine.bundle.info.get("carry_detail", False))
        self._carry = wished if carry_detail is None else carry_detail
        self._latents = JoinedLatents(engine.bundle.steady)
        self._shown: dict[int, Tensor] = {}  # frame -> latents of the source's own crop

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        """All items again, those with a place carrying their new mouth."""
        waiting: deque[Item] = deque()
        for item in items:
            waiting.append(item)
            while self._windows and item.index == self._windows[0].stop - 1:
                self._run(self._windows.popleft(), waiting)
            yield from self._release(waiting)
        yield from self._release(waiting)

    def _run(self, window: Window, waiting: Iterable[Item]) -> None:
        """Repaint one window and add its latents to those of its neighbours."""
        places = [item.place for item in waiting if window.start <= item.index < window.stop]
        crops = np.stack([place.crop for place in places if place is not None])
        with self._clock("listen"):
            times = [self._timeline.time_s(index) for index in range(window.start, window.stop)]
            told = self._engine.tokens(self._sound, times)
        with self._clock("encode latents"):
            hidden, shown = self._engine.encode(crops, self._draws)
        with self._clock("denoise"):
            found = self._engine.denoise(hidden, shown, told, self._noise, self._sampling, self._progress)
        self._latents.add(window, found, self._next)
        if self._carry:
            self._shown.update((window.start + offset, latents) for offset, latents in enumerate(shown))

    @property
    def _next(self) -> Window | None:
        return self._windows[0] if self._windows else None

    def _release(self, waiting: deque[Item]) -> Iterator[Item]:
        """Frames that no later window will change, in order, decoded in small batches."""
        first_open = self._latents.first_open(self._next)
        batch: list[Item] = []
        while waiting and (waiting[0].place is None or first_open is None or waiting[0].index < first_open):
            batch.append(waiting.popleft())
            if len(batch) == DECODED_AT_ONCE:
                yield from self._decoded(batch)
                batch = []
        yield from self._decoded(batch)

    def _decoded(self, batch: list[Item]) -> list[Item]:
        faces = [(item.index, item.place) for item in batch if item.place is not None]
        if not faces:
            return batch
        with self._clock("decode latents"):
            pictures = self._engine.decode(torch.stack([self._latents.take(index) for index, _ in faces]))
            again = None
            if self._carry:
                again = self._engine.decode(torch.stack([self._shown.pop(index) for index, _ in faces]))
        for number, (_, place) in enumerate(faces):
            place.generated = pictures[number]
            place.reconstructed = None if again is None else again[number]
        return batch
