"""The utterances that the ears learn from, synthesised once into a folder."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

from lipwright.presenter.neural_voices import draw_mixed, speak_neural
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import draw_voice, speak
from lipwright.training.ears_config import EarsConfig
from lipwright.training.ears_material import EarsMaterial, Rows, load_material, rows_of, save_material

_RULE = "rule"
_Task = tuple[str, int, float]


def utterance_seed(run_seed: int, index: int) -> int:
    """The seed of one training utterance: below 1,000,000, where evaluation begins."""
    return (run_seed * 300_007 + index * 3) % EVALUATION_SEED


def make_ears_speech(
    folder: Path, config: EarsConfig, processes: int, say: Callable[[str], None]
) -> EarsMaterial:
    """Synthesise every engine's share, or load it when an earlier run finished. Raises InputError."""
    if not (folder / "ears.json").exists():
        names = tuple(config.utterances)
        tasks: list[_Task] = [
            (name, utterance_seed(config.seed, index), config.utterance_s)
            for name in names
            for index in range(config.utterances[name])
        ]
        parts: list[tuple[str, Rows]] = []
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for part in pool.imap(_one, tasks, chunksize=4):
                parts.append(part)
                if len(parts) % 100 == 0:
                    say(f"speech: {len(parts)} of {len(tasks)} utterances")
        save_material(folder, parts, names)
    return load_material(folder)


def _one(task: _Task) -> tuple[str, Rows]:
    name, seed, seconds = task
    if name == _RULE:
        speech = speak(draw_mixed(seed, seconds), draw_voice(seed), seed)
    else:
        speech = speak_neural(name, seed, seconds)
    return name, rows_of(speech)
