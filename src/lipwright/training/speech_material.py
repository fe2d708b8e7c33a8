"""Synthetic speech with its articulation: the training set of `tiny`'s ears."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OptionError
from lipwright.presenter.articulation import articulate
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import VISEMES, viseme_track
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import draw_speech
from lipwright.speech.mel import log_mel_power
from lipwright.training.config import MaterialConfig, write_json

FEATURE_HZ = 50  # rows of the encoder's output
MEL_HZ = 100


@dataclass(frozen=True)
class SpeechMaterial:
    """All utterances end to end. mel: (t100, 80) log10 power; measures: (t50, 7); visemes: (t50,)."""

    mel: NDArray[np.float16]
    measures: NDArray[np.float16]
    visemes: NDArray[np.uint8]
    starts: NDArray[np.int64]  # first feature row of each utterance, and the end of the last one

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, utterance: int) -> slice:
        """Feature rows (50 Hz) of one utterance."""
        return slice(int(self.starts[utterance]), int(self.starts[utterance + 1]))

    def columns(self, utterance: int) -> slice:
        """Mel columns (100 Hz) of one utterance."""
        return slice(int(self.starts[utterance]) * 2, int(self.starts[utterance + 1]) * 2)


def utterance_seed(run_seed: int, index: int) -> int:
    """The seed of one training utterance: below 1,000,000, where evaluation begins."""
    seed = (run_seed * 100_003 + index * 7 + 11) % EVALUATION_SEED
    return seed


def _one(task: tuple[int, float]) -> tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.uint8]]:
    speech = draw_speech(*task)
    mel = log_mel_power(speech.samples).T
    rows = len(mel) // 2
    times = (np.arange(rows) + 0.5) / FEATURE_HZ
    measures = articulate(speech.phonemes, speech.samples, times)
    visemes = viseme_track(speech.phonemes, times)
    return mel[: rows * 2].astype(np.float16), measures.astype(np.float16), visemes.astype(np.uint8)


def make_speech(
    folder: Path, config: MaterialConfig, seed: int, processes: int, say: Callable[[str], None]
) -> SpeechMaterial:
    """Synthesise the utterances into `folder`, or load them when an earlier run finished.

    Raises OptionError when `seed` could reach evaluation's seeds.
    """
    if not 0 <= seed < EVALUATION_SEED:
        raise OptionError(
            f"The training seed {seed} is not below {EVALUATION_SEED}; seeds from there on are for "
            "evaluation only."
        )
    if not (folder / "speech.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        tasks = [(utterance_seed(seed, index), config.utterance_s) for index in range(config.utterances)]
        parts = []
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for part in pool.imap(_one, tasks, chunksize=8):
                parts.append(part)
                if len(parts) % 200 == 0:
                    say(f"speech: {len(parts)} of {len(tasks)} utterances")
        np.save(folder / "mel.npy", np.concatenate([part[0] for part in parts]))
        np.save(folder / "measures.npy", np.concatenate([part[1] for part in parts]))
        np.save(folder / "visemes.npy", np.concatenate([part[2] for part in parts]))
        np.save(folder / "starts.npy", np.cumsum([0, *(len(part[1]) for part in parts)]))
        write_json(folder / "speech.json", {"seed": seed, "parameters": PARAMETERS, "visemes": VISEMES})
    return SpeechMaterial(
        *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("mel", "measures", "visemes", "starts"))
    )
