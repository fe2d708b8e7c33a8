"""Rendered crops for `tiny`: each frame twice, the same head with two mouths.

The *source* picture is what a user's video shows (some other speech); the *target* picture shows the mouth
that belongs to the sound. Both are cut out by the place that the face mesh finds in the source, as when
lipwright runs.
"""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import TINY_TEMPLATE, anchors, crop, fit, frame_box
from lipwright.faces.detect import Face, FaceReader
from lipwright.faces.mesh import keep
from lipwright.presenter.identity import draw_identity
from lipwright.presenter.motion import draw_motion
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.training.config import MaterialConfig, write_json
from lipwright.training.speech_material import FEATURE_HZ, SpeechMaterial
from lipwright.weights.load_faces import load_faces

Pixels = NDArray[np.uint8]
KEYS = ("source", "target", "row", "utterance", "identity", "measures", "mouth")

LIPS = ("mouth_left", "mouth_right", "lip_top", "lip_bottom")


@dataclass(frozen=True)
class ClipMaterial:
    """n frames. source, target: (n, R, R, 3) RGB. row: feature row (50 Hz) at the frame's time.

    utterance, identity: (n,). measures: (n, 7) true articulation of the target. mouth: (n, 4) box of the true
    lips in the crop (left, top, right, bottom).
    """

    source: Pixels
    target: Pixels
    row: NDArray[np.float32]
    utterance: NDArray[np.int32]
    identity: NDArray[np.int32]
    measures: NDArray[np.float32]
    mouth: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)

    def one_in(self, every: int) -> "ClipMaterial":
        """One frame in so many, from the first on."""
        return ClipMaterial(*(getattr(self, key)[::every] for key in KEYS))


def _bend(
    matrix: NDArray[np.float32], rng: np.random.Generator, spread: float, size: int
) -> NDArray[np.float32]:
    """Move and scale the crop a little, as an unsteady face mesh would."""
    scale = float(np.exp(rng.normal(0, spread)))
    turn = float(rng.normal(0, spread))
    middle = size / 2
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = (
        np.array([middle, middle])
        + rng.normal(0, spread * size, 2) * 0.5
        - linear @ np.array([middle, middle])
    )
    bent = linear @ matrix
    bent[:, 2] += shift
    return bent.astype(np.float32)


@dataclass(frozen=True)
class _Window:
    """Consecutive frames at 25 per second. mouths: (frames, 2, 7), of the target and of the source."""

    utterance: int
    first_row: float
    mouths: NDArray[np.float32]


@dataclass(frozen=True)
class _Task:
    index: int
    seed: int
    side: int
    config: MaterialConfig
    windows: tuple[_Window, ...]


_READERS: list[FaceReader] = []  # one per worker process, loaded at its first task


def process_reader() -> FaceReader:
    """The face reader of this process, on one thread, loaded when it is first asked for."""
    if not _READERS:
        cv2.setNumThreads(1)
        _READERS.append(load_faces())
    return _READERS[0]


def cut_crop(picture: Pixels, matrix: NDArray[np.float32], size: int) -> Pixels:
    """The crop (size, size, 3) of a whole picture; matrix: its px to those of the crop."""
    box = frame_box(matrix, size, picture.shape[1], picture.shape[0], 4)
    left, top, right, bottom = box
    face = crop(picture[top:bottom, left:right].astype(np.float32), box, matrix, size)
    return np.asarray(np.clip(face + 0.5, 0, 255), np.uint8)


def _identity_frames(task: _Task) -> dict[str, NDArray[Any]]:
    """All frames of one identity whose face was found."""
    rng = np.random.default_rng([task.seed, 77])
    portrait = Portrait(draw_identity(task.seed), task.config.render_px)
    template = TINY_TEMPLATE.at(task.side)
    out: dict[str, list[Any]] = {key: [] for key in KEYS}
    for number, window in enumerate(task.windows):
        poses = draw_motion(task.seed * 31 + number, np.arange(len(window.mouths)) / 25 + rng.uniform(0, 20))
        bend = int(rng.integers(2**31))
        previous: list[Face] = []
        for frame, pose in enumerate(poses):
            target_mouth, source_mouth = window.mouths[frame]
            source = portrait.render(pose, source_mouth)
            previous = process_reader().read(source, previous)[:1]
            if not previous:
                continue
            matrix = fit(anchors(keep(previous[0].points), template), template)
            matrix = _bend(matrix, np.random.default_rng(bend), task.config.jitter, task.side)
            marks = portrait.landmarks(pose, target_mouth)
            lips = np.asarray([marks[name] for name in LIPS], np.float32)
            lips = lips @ matrix[:, :2].T + matrix[:, 2]
            values = (
                cut_crop(source, matrix, task.side),
                cut_crop(portrait.render(pose, target_mouth), matrix, task.side),
                window.first_row + frame * FEATURE_HZ / 25,
                window.utterance,
                task.index,
                target_mouth,
                np.concatenate([lips.min(0), lips.max(0)]),
            )
            for key, value in zip(KEYS, values, strict=True):
                out[key].append(value)
    return {key: np.asarray(value) for key, value in out.items()}


def _windows(index: int, config: MaterialConfig, speech: SpeechMaterial, seed: int) -> tuple[_Window, ...]:
    """Draw the windows of one identity: a place in one utterance for the target, another for the source."""
    rng = np.random.default_rng([seed, index])
    windows = []
    for _ in range(config.windows_per_identity):
        mouths, chosen, first = [], 0, 0
        for mouth in range(2):  # the source first: what is kept of the loop is the target's place
            chosen = int(rng.integers(len(speech)))
            rows = speech.rows(chosen)
            length = rows.stop - rows.start
            first = rows.start + int(rng.integers(max(1, length - 2 * config.window_frames)))
            at = np.minimum(first + 2 * np.arange(config.window_frames), rows.stop - 1)
            mouths.append(np.asarray(speech.measures[at], np.float32))
            del mouth
        windows.append(_Window(chosen, float(first), np.stack([mouths[1], mouths[0]], 1)))
    return tuple(windows)


def make_clips(
    folder: Path,
    config: MaterialConfig,
    speech: SpeechMaterial,
    seed: int,
    side: int,
    processes: int,
    say: Callable[[str], None],
) -> ClipMaterial:
    """Render all identities into `folder` as crops of `side` px (two of 197 kB a frame at 256 px), or load a
    finished set.
    """
    if not (folder / "clips.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        tasks = [
            _Task(
                index,
                (seed * 50_021 + index * 13 + 5) % EVALUATION_SEED,
                side,
                config,
                _windows(index, config, speech, seed),
            )
            for index in range(config.identities)
        ]
        _render_all(folder, tasks, processes, say)
    arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in KEYS}
    return ClipMaterial(**arrays)


def _render_all(folder: Path, tasks: list[_Task], processes: int, say: Callable[[str], None]) -> None:
    small: dict[str, list[NDArray[Any]]] = {key: [] for key in KEYS[2:]}
    missed = 0
    with (
        multiprocessing.get_context("spawn").Pool(processes) as pool,
        open(folder / "source.raw", "wb") as source,
        open(folder / "target.raw", "wb") as target,
    ):
        for done, part in enumerate(pool.imap(_identity_frames, tasks, chunksize=2), 1):
            source.write(part["source"].tobytes())
            target.write(part["target"].tobytes())
            missed += sum(len(window.mouths) for window in tasks[done - 1].windows) - len(part["row"])
            for key in small:
                if len(part["row"]):
                    small[key].append(part[key])
            if done % 50 == 0:
                say(f"clips: {done} of {len(tasks)} identities, {missed} frames without a face")
    for key, parts in small.items():
        np.save(folder / f"{key}.npy", np.concatenate(parts))
    for key in KEYS[:2]:
        raw = np.memmap(folder / f"{key}.raw", np.uint8, "r").reshape(-1, tasks[0].side, tasks[0].side, 3)
        np.save(folder / f"{key}.npy", raw)
        (folder / f"{key}.raw").unlink()
    write_json(folder / "clips.json", {"frames_without_a_face": missed, "identities": len(tasks)})
