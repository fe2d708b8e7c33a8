"""Prepared clips that cost nothing to make: a drawn mouth on a plain face that opens with the sound."""

import wave
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.manifest import RATE, SOUND_HZ, ClipRow, append_rows, read_rows, write_about
from lipwright.faces.align import TINY_TEMPLATE
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip


def envelope(frames: int, seed: int) -> NDArray[np.float64]:
    """How open the mouth is, 0..1: syllables of drawn lengths with pauses."""
    rng = np.random.default_rng(seed)
    levels: list[float] = []
    while len(levels) < frames + 8:
        levels += [float(rng.random() < 0.7) * rng.uniform(0.4, 1.0)] * int(rng.integers(2, 6))
    return np.convolve(levels, np.ones(3) / 3, mode="same")[4 : 4 + frames]


def write_clip(folder: Path, name: str, frames: int, side: int, seed: int) -> ClipRow:
    """One clip below folder/clips, and its row."""
    rng = np.random.default_rng(seed + 1000)
    opening = envelope(frames, seed)
    skin = rng.integers(120, 220, 3)
    pictures = []
    for level in opening:
        picture = np.full((side, side, 3), skin, np.uint8)
        size = (round(side * 0.2), round(side * (0.02 + 0.16 * level)))
        cv2.ellipse(picture, (side // 2, round(side * 0.68)), size, 0, 0, 360, (120, 30, 40), -1)
        pictures.append(picture)
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    save_clip(folder / "clips" / f"{name}.mp4", pictures, RATE, None, SOUND_HZ, crf=12, force=True)
    loud = np.repeat(opening, SOUND_HZ // RATE)
    samples = loud * rng.normal(0, 0.2, len(loud))
    with wave.open(str(folder / "clips" / f"{name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return ClipRow(name, f"clips/{name}.mp4", f"clips/{name}.wav", frames, source=name)


def with_other_mouths(folder: Path) -> Path:
    """The same clips, each also with its frames in another order: another mouth of the same face."""
    rows = []
    for row in read_rows(folder / "manifest.jsonl"):
        pictures = [frame.rgb() for frame in read_frames(folder / row.video)]
        other = row.video.replace(".mp4", "-other.mp4")
        save_clip(folder / other, pictures[::-1], RATE, None, SOUND_HZ, crf=12, force=True)
        rows.append(replace(row, other=other))
    (folder / "manifest.jsonl").unlink()
    append_rows(folder / "manifest.jsonl", rows)
    return folder


def dataset(folder: Path, clips: int = 3, frames: int = 56, side: int = 64) -> Path:
    """A folder of prepared clips with the crop of `tiny`."""
    write_about(folder, side, TINY_TEMPLATE.at(side).to_dict())
    rows = [write_clip(folder, f"clip{number}", frames, side, number) for number in range(clips)]
    append_rows(folder / "manifest.jsonl", rows)
    return folder
