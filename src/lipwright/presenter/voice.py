"""A voice reads a text: samples at 16 kHz and the time of every phoneme."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipwright.presenter import espeak, flite
from lipwright.presenter.phonemes import PAUSE, Phoneme
from lipwright.presenter.texts import EVALUATION_SEED, draw_text

SAMPLE_RATE = 16_000
"""Hz of all speech in this package."""

LANGUAGES = tuple("en-us en-gb-x-rp en-gb-scotland en-029 de nl sv nb it es pt-br pl fi hu id ro".split())  # noqa: SIM905
"""espeak-ng language voices; those that are not English give English text foreign sounds."""

VARIANTS = tuple(
    """
    Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael
    Mike adam anika antonio aunty belinda benjamin boris caleb david ed edward edward2 f1 f2 f3 f4 f5
    grandma grandpa gustave iven iven2 iven3 iven4 john kaukovalta linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo
    max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph steph2 steph3
    travis victor zac
    """.split()  # noqa: SIM905 (a table of seventy names reads better)
)
"""espeak-ng speaker variants with a human sound. Every eighth is kept for evaluation seeds."""

_STREAM_VOICE, _STREAM_SPEECH = 2_202, 3_303
_SKIPPED_S = 1.5  # of a longer speech: past its opening silence
_FLITE_SHARE = 0.45
_ENGLISH_SHARE = 0.5
_SPEEDS = (0.88, 1.14)
_FLITE_PITCH_HZ = {"kal": 105.0, "kal16": 105.0, "awb": 120.0, "rms": 95.0, "slt": 165.0}
_INNER_PAUSE_S = (0.15, 1.1)
_OUTER_PAUSE_S = (0.1, 0.7)


@dataclass(frozen=True)
class Voice:
    """Who speaks and how.

    engine: ``espeak`` or ``flite``; name: a voice of it; pace: 1 is usual, above is faster; pitch and
    intonation: 0..100, 50 is the voice's own; speed: the samples are played this much faster (moves formants
    and tempo together, 1 is unchanged).
    """

    engine: str
    name: str
    pace: float = 1.0
    pitch: float = 50.0
    intonation: float = 50.0
    speed: float = 1.0


@dataclass(frozen=True)
class Speech:
    """samples: mono (n,) float32 -1..1 at 16 kHz; phonemes: IPA labels with times in seconds that cover it,
    in order.
    """

    samples: NDArray[np.float32]
    phonemes: tuple[Phoneme, ...]

    @property
    def duration_s(self) -> float:
        """Length of the samples in seconds."""
        return len(self.samples) / SAMPLE_RATE


def draw_voice(seed: int) -> Voice:
    """A voice: 45 % flite where its program is installed, else espeak-ng. The same seed gives the same voice
    on the same machine.
    """
    rng = np.random.default_rng([_STREAM_VOICE, seed])
    pace, speed = rng.uniform(0.8, 1.25), rng.uniform(*_SPEEDS)
    pitch, intonation = rng.uniform(25, 75), rng.uniform(20, 80)
    wants_flite = rng.random() < _FLITE_SHARE
    if wants_flite and flite.program() is not None:
        name = flite.VOICES[rng.integers(len(flite.VOICES))]
        return Voice("flite", name, pace, pitch, intonation, speed)
    english = rng.random() < _ENGLISH_SHARE
    languages = [name for name in LANGUAGES if name.startswith("en") == english]
    kept = [name for index, name in enumerate(VARIANTS) if (index % 8 == 7) == (seed >= EVALUATION_SEED)]
    language = languages[rng.integers(len(languages))]
    variant = kept[rng.integers(len(kept))]
    return Voice("espeak", f"{language}+{variant}", pace, pitch, intonation, speed)


def draw_speech(seed: int, seconds: float = 4.0) -> Speech:
    """A drawn text read by a drawn voice, about `seconds` long with its pauses. Raises InputError when no
    synthesiser is there.
    """
    return speak(draw_text(seed, seconds), draw_voice(seed), seed)


def speak(text: str, voice: Voice, seed: int, *, pauses: bool = True) -> Speech:
    """Read a text with a voice.

    With `pauses`, silence is added before and after and some pauses inside grow, so that closed mouths in
    silence occur; then loudness and a faint noise floor are drawn from the seed too. espeak-ng keeps
    state from call to call: the same seed gives the same words, voice and pauses, but lengths may differ
    by some tens of ms; the times returned are always those of the samples returned. Raises InputError
    when the synthesiser is missing or refuses.
    """
    samples, rate, phonemes = _synthesised(text, voice)
    speech = _resampled(samples, rate * voice.speed, rate, phonemes)
    return paused(speech, seed) if pauses else speech


def middle_of(speech: Speech, seconds: float) -> Speech:
    """A stretch out of a longer speech, from a second and a half after its start.

    Drawn speeches begin and end with silence. Two whole ones would be alike in that, and a mouth that follows
    one of them would seem to follow the other.
    """
    start = min(_SKIPPED_S, max(0.0, speech.duration_s - seconds))
    samples = speech.samples[round(start * SAMPLE_RATE) :][: round(seconds * SAMPLE_RATE)]
    moved = [(part.label, max(0.0, part.start_s - start), part.end_s - start) for part in speech.phonemes]
    return Speech(samples, tuple(Phoneme(*part) for part in moved if part[2] > 0 and part[1] < seconds))


def paused(speech: Speech, seed: int) -> Speech:
    """The same words with silence around and in longer pauses, a drawn loudness and a faint noise floor."""
    rng = np.random.default_rng([_STREAM_SPEECH, seed])
    return _levelled(_with_pauses(speech, rng), rng)


def _synthesised(text: str, voice: Voice) -> tuple[NDArray[np.float32], int, list[Phoneme]]:
    """Call the engine of a voice."""
    if voice.engine == "flite":
        own = _FLITE_PITCH_HZ.get(voice.name, 120.0)
        hz = own * 2 ** ((voice.pitch - 50) / 100)
        return flite.synthesise(text, voice.name, stretch=1 / voice.pace, pitch_hz=hz)
    rate = round(165 * voice.pace)
    return espeak.synthesise(
        text, voice.name, rate=rate, pitch=round(voice.pitch), intonation=round(voice.intonation)
    )


def _resampled(samples: NDArray[np.float32], played_hz: float, rate: int, phonemes: list[Phoneme]) -> Speech:
    """Bring samples that are played at `played_hz` to 16 kHz; times in the phonemes count at `rate`."""
    from scipy.signal import resample_poly

    ratio = Fraction(SAMPLE_RATE / played_hz).limit_denominator(500)
    out = resample_poly(samples, ratio.numerator, ratio.denominator).astype(np.float32)
    scale = rate * float(ratio) / SAMPLE_RATE
    end = len(out) / SAMPLE_RATE
    moved = [
        Phoneme(label, min(start * scale, end), min(stop * scale, end)) for label, start, stop in phonemes
    ]
    return Speech(out, tuple(_joined(moved)))


def _joined(phonemes: list[Phoneme]) -> list[Phoneme]:
    """Make one pause of pauses in a row."""
    result: list[Phoneme] = []
    for phoneme in phonemes:
        if result and phoneme.label == PAUSE == result[-1].label:
            result[-1] = result[-1]._replace(end_s=phoneme.end_s)
        else:
            result.append(phoneme)
    return result


def _with_pauses(speech: Speech, rng: np.random.Generator) -> Speech:
    """Insert silence at both ends and into about half of the pauses inside."""
    pieces: list[NDArray[np.float32]] = []
    phonemes: list[Phoneme] = []
    added = round(rng.uniform(*_OUTER_PAUSE_S) * SAMPLE_RATE)
    pieces.append(np.zeros(added, dtype=np.float32))
    if added:
        phonemes.append(Phoneme(PAUSE, 0.0, added / SAMPLE_RATE))
    at = 0
    for phoneme in speech.phonemes:
        shift = added / SAMPLE_RATE
        inner = phoneme.label == PAUSE and phoneme.start_s > 0 and phoneme.end_s < speech.duration_s - 0.01
        if inner and rng.random() < 0.5:
            cut = round(0.5 * (phoneme.start_s + phoneme.end_s) * SAMPLE_RATE)
            silence = round(rng.uniform(*_INNER_PAUSE_S) * SAMPLE_RATE)
            pieces += [speech.samples[at:cut], np.zeros(silence, dtype=np.float32)]
            at, added = cut, added + silence
        phonemes.append(Phoneme(phoneme.label, phoneme.start_s + shift, phoneme.end_s + added / SAMPLE_RATE))
    after = round(rng.uniform(*_OUTER_PAUSE_S) * SAMPLE_RATE)
    pieces += [speech.samples[at:], np.zeros(after, dtype=np.float32)]
    samples = np.concatenate(pieces)
    phonemes.append(Phoneme(PAUSE, (len(samples) - after) / SAMPLE_RATE, len(samples) / SAMPLE_RATE))
    return Speech(samples, tuple(_joined(phonemes)))


def _levelled(speech: Speech, rng: np.random.Generator) -> Speech:
    """Draw the loudness (-26..-16 dB of full scale while speaking) and a faint noise floor (-85..-60 dB)."""
    samples = speech.samples
    loud = np.abs(samples) > 0.02 * max(float(np.abs(samples).max()), 1e-6)
    power = float(np.sqrt(np.mean(samples[loud] ** 2))) if loud.any() else 1.0
    gain = 10 ** (rng.uniform(-26, -16) / 20) / power
    floor = 10 ** (rng.uniform(-85, -60) / 20)
    noisy = samples * gain + rng.standard_normal(len(samples)).astype(np.float32) * floor
    peak = max(float(np.abs(noisy).max()) / 0.98, 1.0)
    return replace(speech, samples=(noisy / peak).astype(np.float32))
