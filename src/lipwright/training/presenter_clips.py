"""Presenters as prepared clips: a dataset folder without any recorded person, to try and test training on.

Each clip is one person who says one speech, followed, aligned and cut as real videos are.
"""

import multiprocessing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.manifest import (
    DROPPED,
    MANIFEST_FILE,
    RATE,
    SOUND_HZ,
    ClipRow,
    append_rows,
    read_rows,
    write_about,
)
from lipwright.dataset.steps.cut import save_sound
from lipwright.errors import OptionError
from lipwright.faces.align import TINY_TEMPLATE, anchors, fit
from lipwright.faces.track import follow_face
from lipwright.media.write import save_clip
from lipwright.presenter.clip import render_clip
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import Speech, draw_speech, middle_of
from lipwright.training.clip_material import cut_crop, process_reader

Picture = NDArray[np.uint8]

OTHER_SEED = 400_009  # from a clip's seed to that of what is said in the other
CRF = 12  # hardly any loss: these are pictures to learn from


@dataclass(frozen=True)
class PresenterClips:
    """What is rendered. side: px of the crops; render_px: of the whole picture.

    paired: each frame twice, the same head with two mouths, cut out by the place of the face with the other
    mouth, as a user's video is when it is given new words.
    """

    clips: int = 60
    seed: int = 1
    seconds: float = 3.2
    side: int = 128
    render_px: int = 256
    paired: bool = False


def make_presenters(
    folder: Path,
    config: PresenterClips,
    processes: int = 1,
    say: Callable[[str], None] = print,
    *,
    evaluation: bool = False,
) -> None:
    """Render the clips that are not there yet; a run that was killed goes on.

    evaluation: seeds from 1,000,000 up, which nothing may be trained on. Raises OptionError for a seed on
    the wrong side and for a folder of clips of the other kind, paired or not, OutputError for a folder that
    cannot be written.
    """
    if not 0 <= config.seed < EVALUATION_SEED // 2:
        raise OptionError(f"The seed {config.seed} must be from 0 to {EVALUATION_SEED // 2 - 1}.")
    write_about(folder, config.side, TINY_TEMPLATE.at(config.side).to_dict())
    (folder / "clips").mkdir(exist_ok=True)
    file = folder / MANIFEST_FILE
    rows = read_rows(file, forgive_last=True) if file.exists() else []
    if any(bool(row.other) != config.paired for row in rows if row.verdict != DROPPED):
        raise OptionError(
            f"{folder} holds clips {'without' if config.paired else 'with'} another mouth; give another "
            "folder, so that all of it is of one kind."
        )
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    append_rows(part, rows)  # without a half line that a kill may have left
    part.replace(file)
    done = {row.name for row in rows}
    seeds = [(config.seed * 7919 + index * 31 + 3) % EVALUATION_SEED for index in range(config.clips)]
    seeds = [seed + EVALUATION_SEED if evaluation else seed for seed in seeds]
    tasks = [(folder, seed, config) for seed in seeds if _name(seed) not in done]
    if processes > 1:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            _collect(file, pool.imap(_one, tasks), len(tasks), say)
    else:
        _collect(file, map(_one, tasks), len(tasks), say)


def _collect(file: Path, rows: Iterable[ClipRow], total: int, say: Callable[[str], None]) -> None:
    for number, row in enumerate(rows, 1):
        append_rows(file, [row])
        if number % 10 == 0 or number == total:
            say(f"presenters: {number} of {total} clips")


def _name(seed: int) -> str:
    return f"presenter-{seed}"


def _one(task: tuple[Path, int, PresenterClips]) -> ClipRow:
    folder, seed, config = task
    speech = draw_speech(seed, config.seconds)
    said = _rendered(seed, speech, config)
    other = _rendered(seed, _else(seed, speech), config)[: len(said)] if config.paired else []
    shown = other if config.paired else said
    track = follow_face(shown, process_reader())
    name = _name(seed)
    if not bool(track.present.all()):
        missing = int((~track.present).sum())
        return ClipRow(name, source=name, verdict=DROPPED, reason=f"no face in {missing} frames")
    template = TINY_TEMPLATE.at(config.side)
    places = [fit(anchors(track.smoothed_at(index), template), template) for index in range(len(shown))]
    crops = [cut_crop(*both, config.side) for both in zip(said, places, strict=True)]
    samples = np.zeros(len(crops) * SOUND_HZ // RATE, np.float32)
    heard = speech.samples[: len(samples)]
    samples[: len(heard)] = heard
    video, sound = f"clips/{name}.mp4", f"clips/{name}.wav"
    beside = f"clips/{name}-other.mp4" if other else ""
    row = ClipRow(name, video, sound, len(crops), source=name, other=beside)
    save_clip(folder / row.video, crops, RATE, None, SOUND_HZ, crf=CRF, force=True)
    if row.other:
        beside_crops = [cut_crop(*both, config.side) for both in zip(other, places, strict=True)]
        save_clip(folder / row.other, beside_crops, RATE, None, SOUND_HZ, crf=CRF, force=True)
    save_sound(folder / row.sound, samples)
    return row


def _rendered(seed: int, speech: Speech, config: PresenterClips) -> list[Picture]:
    pictures = render_clip(seed, seed, speech, size=config.render_px, rate=RATE)
    return [picture for picture, _ in islice(pictures, round(config.seconds * RATE))]


def _else(seed: int, speech: Speech) -> Speech:
    """What the person says in the other clip: as long, and without the silence that speeches begin with."""
    first = seed // EVALUATION_SEED * EVALUATION_SEED
    drawn = draw_speech(first + (seed - first + OTHER_SEED) % EVALUATION_SEED, 3 * speech.duration_s)
    found = middle_of(drawn, speech.duration_s)
    missing = max(0, len(speech.samples) - len(found.samples))
    return Speech(np.pad(found.samples, (0, missing)), found.phonemes)
