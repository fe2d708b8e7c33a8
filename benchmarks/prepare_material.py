"""Raw videos whose right verdicts are known: rendered people, and what is done to them.

Used by `prepare_check.py`. What was rendered is kept in a folder, so that a second check only copies.
"""

import shutil
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.dataset import verdicts
from lipwright.dataset.manifest import KEPT
from lipwright.media.frames import read_frames
from lipwright.media.samples import read_samples
from lipwright.media.write import save_clip
from lipwright.presenter.clip import render_clip
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import SAMPLE_RATE, draw_speech

RATE = 25
SIZE = 256
SECONDS = (3.2, 3.6, 4.0, 4.4, 3.4, 5.2, 3.8, 6.0, 3.2, 4.8, 3.6, 8.0)
"""Lengths of the clips, in turn."""
OFFSETS = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
BEYOND = 11
SHIFTED_FROM = 10  # the first base clip whose sound is shifted
PER_FRAME = SAMPLE_RATE // RATE

Pictures = list[NDArray[np.uint8]]
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Truth:
    """The right verdict (KEPT or a kind of reason), and by how many frames the sound is late."""

    verdict: str
    offset: int = 0


def seed_of(number: int) -> int:
    """The person and the speech of a base clip."""
    return EVALUATION_SEED + 40_000 + 31 * number


def render_base(folder: Path, number: int) -> Path:
    """One talking presenter as base-NNN.mp4; what is there stays."""
    file = folder / f"base-{number:03d}.mp4"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    seconds, seed = SECONDS[number % len(SECONDS)], seed_of(number)
    speech = draw_speech(seed, seconds + 2.0)  # "about": never shorter than the clip
    frames = round(seconds * RATE)
    shown = islice(render_clip(seed, seed, speech, size=SIZE, rate=RATE), frames)
    samples = np.zeros(frames * PER_FRAME, np.float32)
    said = speech.samples[: len(samples)]
    samples[: len(said)] = said
    save_clip(file, [picture for picture, _ in shown], RATE, samples, SAMPLE_RATE, crf=12, force=True)
    return file


def make_raw(base: Path, raw: Path, clips: int) -> dict[str, Truth]:
    """Fill `raw` from base clips; the truth by file name. clips: of presenters, 24 at least."""
    raw.mkdir(parents=True, exist_ok=True)
    files = [render_base(base, number) for number in range(clips)]
    truths: dict[str, Truth] = {}
    shifts = dict(zip(range(SHIFTED_FROM, clips), (*OFFSETS, BEYOND), strict=False))
    for number, file in enumerate(files):
        name, late = file.name, shifts.get(number, 0)
        truths[name] = Truth(verdicts.OFFSET if late == BEYOND else KEPT, late)
        if late:
            _shifted(file, raw / name, late)
        else:
            shutil.copyfile(file, raw / name)
    truths |= _broken(files, raw) | _unfit(files, raw) | _copies(files, raw)
    return truths


def _broken(files: list[Path], raw: Path) -> dict[str, Truth]:
    whole = files[0].read_bytes()
    (raw / "broken-truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (raw / "broken-empty.mp4").write_bytes(b"")
    (raw / "broken-noise.mp4").write_bytes(np.random.default_rng(5).bytes(40_000))
    pictures, samples = _read(files[1])
    save_clip(raw / "broken-middle.mkv", pictures, RATE, samples, SAMPLE_RATE, crf=12, force=True)
    middle = (raw / "broken-middle.mkv").read_bytes()
    (raw / "broken-middle.mkv").write_bytes(middle[: 2 * len(middle) // 3])
    (raw / "broken-start.mp4").write_bytes(whole[len(whole) // 3 :])
    unreadable = ("broken-start.mp4", "broken-empty.mp4", "broken-noise.mp4")
    damaged = ("broken-truncated.mp4", "broken-middle.mkv")  # their beginnings can be read
    return {
        **{name: Truth(verdicts.UNREADABLE) for name in unreadable},
        **{name: Truth(verdicts.DAMAGED) for name in damaged},
    }


def _unfit(files: list[Path], raw: Path) -> dict[str, Truth]:
    truths = {}

    def save(name: str, verdict: str, pictures: Pictures, samples: Samples | None) -> None:
        save_clip(raw / name, pictures, RATE, samples, SAMPLE_RATE, crf=16, force=True)
        truths[name] = Truth(verdict)

    for number in (2, 3):
        pictures, samples = _read(files[number])
        save(f"silent-{number}.mp4", verdicts.SILENT, pictures, samples * 0)
    pictures, samples = _read(files[4])
    save("mute.mp4", verdicts.NO_SOUND, pictures, None)
    save("brief.mp4", verdicts.SHORT, pictures[:40], samples[: 40 * PER_FRAME])
    save("small.mp4", verdicts.SMALL, [_smaller(picture) for picture in pictures], samples)
    blurred = [cv2.GaussianBlur(picture, (0, 0), 5) for picture in pictures]
    save("blurred.mp4", verdicts.BLURRED, [np.asarray(p, np.uint8) for p in blurred], samples)
    for number in (5, 6):
        pictures, samples = _read(files[number])
        save(f"faceless-{number}.mp4", verdicts.NO_FACE, [_faceless(p) for p in pictures], samples)
    for number in (0, 2, 6):
        (left, samples), (right, _) = _read(files[number]), _read(files[number + 1])
        pairs = [np.concatenate(pair, axis=1) for pair in zip(left, right, strict=False)]
        save(f"two-{number}.mp4", verdicts.SEVERAL, pairs, samples)
    pictures, samples = _read(files[4])
    away = np.interp(np.arange(len(pictures)), [15, 30, 45, 60], [0, 1, 1, 0])
    gap = [_faded(picture, float(share)) for picture, share in zip(pictures, away, strict=True)]
    save("lost.mp4", verdicts.GAPS, gap, samples)
    return truths


def _copies(files: list[Path], raw: Path) -> dict[str, Truth]:
    truths = {}
    for number, side, crf in ((0, 256, 30), (1, 192, 20), (7, 320, 24), (5, 224, 28)):
        pictures, samples = _read(files[number])
        scaled = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
        name = f"copy-{number}-{side}.mkv"
        quiet = 0.7 * samples
        save_clip(
            raw / name,
            [np.asarray(p, np.uint8) for p in scaled],
            RATE,
            quiet,
            SAMPLE_RATE,
            crf=crf,
            force=True,
        )
        truths[name] = Truth(verdicts.DUPLICATE)
    return truths


def _shifted(file: Path, out: Path, late: int) -> None:
    pictures, samples = _read(file)
    away = abs(late) * PER_FRAME
    silence = np.zeros(away, np.float32)
    moved = np.concatenate([silence, samples])[: len(samples)]
    if late < 0:
        moved = np.concatenate([samples[away:], silence])
    save_clip(out, pictures, RATE, moved, SAMPLE_RATE, crf=12, force=True)


def _read(file: Path) -> tuple[Pictures, Samples]:
    return [frame.rgb() for frame in read_frames(file)], read_samples(file)


def _smaller(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = picture.shape[0]
    small = cv2.resize(picture, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    out = np.full_like(picture, 128)
    out[side // 4 : side // 4 + side // 2, side // 4 : side // 4 + side // 2] = small
    return out


def _faceless(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours of a picture without its shapes."""
    rough = cv2.resize(picture, (4, 4), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(rough, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _faded(picture: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The picture going over into its colours: no cut, but the face is gone."""
    mixed = (1 - share) * picture.astype(np.float32) + share * _faceless(picture)
    return np.asarray(np.rint(mixed), np.uint8)
