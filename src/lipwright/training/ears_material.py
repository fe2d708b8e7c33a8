"""Speech of many synthesisers with its articulation, cut into roughened windows for the ears."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lipwright.presenter.articulation import articulate
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import PAUSE, VISEMES, Phoneme, segments, viseme_track
from lipwright.presenter.voice import Speech
from lipwright.speech.mel import log_mel_power
from lipwright.training.config import write_json

ROWS_HZ = 50
BREATH_S = 0.26
"""People open their mouths this long before a phrase, to breathe in and for the sound to come."""
BREATH = "ɐ"  # about as far as for this sound
MEET_S = 0.1  # and lips that must meet for the first sound do so in the last part of it
LEAST_PAUSE_S = 0.45
_SHUT = ("PP", "FF")
_FILES = ("mel", "measures", "visemes", "starts", "engines")


@dataclass(frozen=True)
class EarsMaterial:
    """Utterances end to end. mel: (t100, 80) log10 power; measures: (t50, 7); visemes: (t50,).

    starts: first row of each utterance and the end of the last; engines: which of `names` said it.
    """

    mel: NDArray[np.float16]
    measures: NDArray[np.float16]
    visemes: NDArray[np.uint8]
    starts: NDArray[np.int64]
    engines: NDArray[np.uint8]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.engines)

    def minutes(self) -> dict[str, int]:
        """How much each engine says."""
        rows = np.diff(self.starts)
        return {
            name: round(float(rows[self.engines == number].sum()) / ROWS_HZ / 60)
            for number, name in enumerate(self.names)
        }

    def of(self, name: str, held: bool, held_every: int) -> NDArray[np.int64]:
        """Utterances of one engine, those held out or the others."""
        mine = np.flatnonzero(self.engines == self.names.index(name))
        last = np.arange(len(mine)) % held_every == held_every - 1
        return np.asarray(mine[last == held], np.int64)


def with_breath(phonemes: Sequence[Phoneme]) -> list[Phoneme]:
    """Let the mouth open before a phrase that follows a pause, and not only with its first sound."""
    result: list[Phoneme] = []
    for phoneme in phonemes:
        before = result[-1] if result else None
        if before is not None and before.label == PAUSE != phoneme.label:
            shut = VISEMES[segments([phoneme])[0].viseme] in _SHUT
            if before.end_s - before.start_s >= LEAST_PAUSE_S:
                opens, ends = before.end_s - BREATH_S, before.end_s - (MEET_S if shut else 0.0)
                result[-1] = before._replace(end_s=opens)
                result.append(Phoneme(BREATH, opens, ends))
                phoneme = phoneme._replace(start_s=ends)
        result.append(phoneme)
    return result


Rows = tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.uint8]]


def rows_of(speech: Speech) -> Rows:
    """Mel (2n, 80), measures (n, 7) and visemes (n,) of one utterance."""
    mel = log_mel_power(speech.samples).T
    rows = len(mel) // 2
    times = (np.arange(rows) + 0.5) / ROWS_HZ
    measures = articulate(with_breath(speech.phonemes), speech.samples, times)
    visemes = viseme_track(speech.phonemes, times)
    return mel[: 2 * rows].astype(np.float16), measures.astype(np.float16), visemes.astype(np.uint8)


def save_material(folder: Path, parts: Iterable[tuple[str, Rows]], names: tuple[str, ...]) -> None:
    """Write utterances (engine, rows) as arrays; ears.json last, so a folder that has it is complete."""
    kept = list(parts)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "mel.npy", np.concatenate([rows[0] for _, rows in kept]))
    np.save(folder / "measures.npy", np.concatenate([rows[1] for _, rows in kept]))
    np.save(folder / "visemes.npy", np.concatenate([rows[2] for _, rows in kept]))
    np.save(folder / "starts.npy", np.cumsum([0, *(len(rows[1]) for _, rows in kept)]))
    np.save(folder / "engines.npy", np.array([names.index(name) for name, _ in kept], np.uint8))
    write_json(folder / "ears.json", {"names": names, "parameters": PARAMETERS, "visemes": VISEMES})


def load_material(folder: Path) -> EarsMaterial:
    """The arrays of `save_material`, mapped from disk."""
    names = tuple(json.loads((folder / "ears.json").read_text())["names"])
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _FILES}
    return EarsMaterial(**arrays, names=names)


@dataclass(frozen=True)
class Windows:
    """A batch. mel: (b, 80, 2r) log10 power, clean; measures: (b, r, 7); visemes: (b, r)."""

    mel: Tensor
    measures: Tensor
    visemes: Tensor

    @property
    def quiet(self) -> Tensor:
        """(b, 1, 2r): 1 in columns where nobody speaks."""
        return (self.visemes == 0).float()[:, None].repeat_interleave(2, dim=2)


def cut(
    material: EarsMaterial,
    utterances: NDArray[np.int64],
    rows: int,
    tempo: tuple[float, float],
    generator: torch.Generator,
) -> Windows:
    """One window of `rows` rows per utterance, each at a tempo of its own; short ones go on in silence."""
    low, high = tempo
    items = []
    for utterance in utterances.tolist():
        start, stop = int(material.starts[utterance]), int(material.starts[utterance + 1])
        pace = low + (high - low) * float(torch.rand(1, generator=generator))
        taken = round(rows * pace)
        free = stop - start - taken
        first = start + int(torch.randint(max(1, free + 1), (1,), generator=generator))
        last = min(first + taken, stop)
        items.append(_at_tempo(material, first, last, taken, rows))
    return Windows(*(torch.cat(parts) for parts in zip(*items, strict=True)))


def _at_tempo(
    material: EarsMaterial, first: int, last: int, taken: int, rows: int
) -> tuple[Tensor, Tensor, Tensor]:
    """`taken` rows from `first` (those from `last` on are silence) stretched to `rows`."""
    mel = torch.from_numpy(np.asarray(material.mel[2 * first : 2 * last], np.float32)).T
    measures = torch.from_numpy(np.asarray(material.measures[first:last], np.float32)).T
    visemes = torch.from_numpy(np.asarray(material.visemes[first:last], np.int64))
    missing = taken - (last - first)
    if missing > 0:
        mel = torch.cat([mel, mel.amin().expand(len(mel), 2 * missing)], dim=1)
        measures = functional.pad(measures, (0, missing), mode="replicate")
        visemes = functional.pad(visemes, (0, missing))
    mel = functional.interpolate(mel[None], size=2 * rows, mode="linear")
    measures = functional.interpolate(measures[None], size=rows, mode="linear")
    visemes = functional.interpolate(visemes[None, None].float(), size=rows, mode="nearest")[:, 0].long()
    return mel, measures.transpose(1, 2), visemes
