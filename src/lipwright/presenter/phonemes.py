"""Phonemes to visemes: which sounds look alike on a mouth.

Labels are IPA, as espeak-ng names them; flite's names are turned into IPA by `from_flite`. A label may hold
several sounds (``aɪ``, ``əl``): it is split into segments, each with one viseme.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PAUSE = "_"
"""Label of silence."""

VISEMES = ("sil", "PP", "FF", "TH", "DD", "KK", "CH", "SS", "NN", "RR", "AA", "E", "I", "O", "U")
"""The fifteen classes: silence, nine kinds of consonants, five of vowels."""


class Phoneme(NamedTuple):
    """A sound and its time, in seconds from the first sample."""

    label: str
    start_s: float
    end_s: float


class Segment(NamedTuple):
    """One symbol of a phoneme: its viseme (index into VISEMES) and its time in seconds."""

    symbol: str
    viseme: int
    start_s: float
    end_s: float


_SYMBOLS = {
    "sil": PAUSE,
    "PP": "pbmɓ",
    "FF": "fvɱʋɸβ",
    "TH": "θð",
    "DD": "tdɾʈɖ",
    "KK": "kgɡŋxɣqχhɦçʝcɟʔʁʀħɴ",
    "CH": "ʃʒʧʤɕʑʂʐ",
    "SS": "sz",
    "NN": "nlɲɫʎɳɭɬ",
    "RR": "rɹɻɽɺ",
    "AA": "aɑæʌɐɒɶ",
    "E": "eɛəɜɘɞɚɝɤ",
    "I": "iɪjᵻɨɯ",
    "O": "oɔøœɵ",
    "U": "uʊwyʉʏɥʍᵿ",
}
_VISEME_OF = {symbol: VISEMES.index(name) for name, symbols in _SYMBOLS.items() for symbol in symbols}
_JOINED = {"tʃ": "ʧ", "dʒ": "ʤ", "tɕ": "ʧ", "dʑ": "ʤ", "tʂ": "ʧ", "dʐ": "ʤ", "t͡ʃ": "ʧ", "d͡ʒ": "ʤ"}
_LONG = "ːˑ"
_UNKNOWN = "ə"

_FLITE = {
    "pau": PAUSE,
    **{same: same for same in ("p", "b", "t", "d", "k", "m", "n", "f", "v", "s", "z", "l", "w")},
    "g": "ɡ", "ng": "ŋ", "th": "θ", "dh": "ð", "sh": "ʃ", "zh": "ʒ", "ch": "tʃ", "jh": "dʒ",
    "hh": "h", "hv": "h", "r": "ɹ", "y": "j", "em": "m", "en": "n", "el": "əl", "nx": "n",
    "dx": "ɾ", "axr": "ɚ", "ssil": PAUSE, "brth": PAUSE, "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ",
    "aw": "aʊ", "ax": "ə", "ay": "aɪ", "eh": "ɛ", "er": "ɜ", "ey": "eɪ", "ih": "ɪ", "iy": "i",
    "ow": "oʊ", "oy": "ɔɪ", "uh": "ʊ", "uw": "u",
}  # fmt: skip


def from_flite(name: str) -> str:
    """IPA label of a flite (CMU) phone name such as ``ay``; stress digits are ignored, an unknown name
    becomes a schwa.
    """
    return _FLITE.get(name.rstrip("012"), _UNKNOWN)


def is_consonant(label: str) -> bool:
    """Whether a label begins with a consonant."""
    symbols = _symbols(label)
    return bool(symbols) and 1 <= _VISEME_OF[symbols[0][0]] <= VISEMES.index("RR")


def is_pause(label: str) -> bool:
    """Whether a label is silence."""
    return label == PAUSE


def segments(phonemes: Sequence[tuple[str, float, float]]) -> list[Segment]:
    """Split phonemes into segments of one viseme each; a symbol marked long takes a larger share of its
    phoneme's time.
    """
    result: list[Segment] = []
    for label, start, end in phonemes:
        symbols = _symbols(label) or [(_UNKNOWN, 1.0)]
        total = sum(share for _, share in symbols)
        at = start
        for symbol, share in symbols:
            until = at + (end - start) * share / total
            result.append(Segment(symbol, _VISEME_OF[symbol], at, until))
            at = until
    return result


def viseme_track(
    phonemes: Sequence[tuple[str, float, float]], times_s: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Class (index into VISEMES) at each of the times, (n,) seconds -> (n,) int64; silence where no phoneme
    is.
    """
    track = np.zeros(len(times_s), dtype=np.int64)
    parts = segments(phonemes)
    if not parts:
        return track
    starts = np.array([part.start_s for part in parts])
    ends = np.array([part.end_s for part in parts])
    classes = np.array([part.viseme for part in parts])
    index = np.searchsorted(starts, times_s, side="right") - 1
    inside = (index >= 0) & (np.asarray(times_s) < ends[np.maximum(index, 0)])
    track[inside] = classes[index[inside]]
    return track


def _symbols(label: str) -> list[tuple[str, float]]:
    """Known symbols of a label with their share of time."""
    for pair, one in _JOINED.items():
        label = label.replace(pair, one)
    found: list[tuple[str, float]] = []
    for character in label:
        if character in _VISEME_OF:
            found.append((character, 1.0))
        elif character in _LONG and found:
            found[-1] = (found[-1][0], 1.7)
    return found
