"""flite through its program: voices built from recordings, with printed phone times. Used where the program
is installed.
"""

import shutil
import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError
from lipwright.presenter.phonemes import Phoneme, from_flite

VOICES = ("kal", "awb", "rms", "slt", "kal16")
"""Voices built into the program. The times printed for kal (8 kHz) and kal16 hold as well."""

_LIMIT_S = 60


@cache
def program() -> str | None:
    """Path of the flite program, None when it is not installed."""
    return shutil.which("flite")


def synthesise(
    text: str, voice: str, *, stretch: float, pitch_hz: float | None
) -> tuple[NDArray[np.float32], int, list[Phoneme]]:
    """Read a text aloud.

    `voice` is one of VOICES, `stretch` multiplies durations (0.7..1.5), `pitch_hz` is the mean pitch (None:
    the voice's own). Returns mono samples (n,) float32 -1..1, their rate in Hz, and the phonemes in IPA.
    Raises InputError when flite is missing or fails.
    """
    path = program()
    if path is None:
        raise InputError(
            "The voice needs the program flite and it was not found; install it (apt install flite)."
        )
    with tempfile.TemporaryDirectory(prefix="lipwright-") as folder:
        out = Path(folder) / "speech.wav"
        command = [
            path,
            "-voice",
            voice,
            "--setf",
            f"duration_stretch={stretch:.3f}",
            "-psdur",
            "-t",
            text,
            "-o",
            str(out),
        ]
        if pitch_hz is not None:
            command[3:3] = ["--setf", f"int_f0_target_mean={pitch_hz:.1f}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"flite took longer than {_LIMIT_S} s; give it a shorter text.") from error
        if done.returncode != 0 or not out.is_file():
            raise InputError(f"flite could not speak with the voice {voice!r}: {done.stderr.strip()[-200:]}")
        with wave.open(str(out)) as file:
            rate = int(file.getframerate())
            data = file.readframes(file.getnframes())
    samples = np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(32768)
    return samples, rate, _phonemes(done.stdout, len(samples) / rate)


def _phonemes(printed: str, duration_s: float) -> list[Phoneme]:
    """Read ``name:end_time`` pairs, cut at the end of the samples (the last pause is printed longer than it
    is).
    """
    phonemes: list[Phoneme] = []
    start = 0.0
    for pair in printed.split():
        name, _, until = pair.rpartition(":")
        end = min(float(until), duration_s)
        if end > start:
            phonemes.append(Phoneme(from_flite(name), start, end))
        start = max(start, end)
    return phonemes
