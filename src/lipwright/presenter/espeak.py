"""espeak-ng through its C library: samples and the exact time of every phoneme.

The library keeps one global state per process, so all calls hold one lock. It is found on the system, else in
the package `espeakng-loader` (extra ``lipwright[presenter]``).
"""

import ctypes
import ctypes.util
import re
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError
from lipwright.presenter.phonemes import PAUSE, Phoneme, is_consonant

# Constants and layouts of espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 1, 2, 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8, _END_PAUSE = 1, 0x1000
_AS_IPA = 2  # of espeak_TextToPhonemes
_EVENT_END, _EVENT_PHONEME = 0, 7
_NAMES = ("libespeak-ng.so.1", "libespeak-ng.so", "libespeak-ng.dylib", "libespeak-ng.dll", "espeak-ng.dll")

_STRESS = "ˈˌ"
_SILENT = 1e-4
"""Samples below this are silence: espeak-ng's own closures are exact zeros."""
_LONGEST_CLOSURE_S = 0.12
_CLOSURE_AFTER_PAUSE_S = 0.07
"""Closure given to a stop that follows a pause, where the sound cannot tell when the mouth closed."""
_SHUTTING = "pbmtdkgɡʈɖcɟq"


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass
class _Collected:
    """What the callback received since the last call."""

    blocks: list[NDArray[np.int16]] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Library:
    """The loaded library, its sample rate, what it delivers, and the callback (kept alive)."""

    calls: Any
    rate: int
    collected: _Collected
    callback: Any


_LOCK = threading.Lock()


def is_available() -> bool:
    """Whether an espeak-ng library can be loaded."""
    try:
        with _LOCK:
            _library()
    except InputError:
        return False
    return True


def synthesise(
    text: str, voice: str, *, rate: int, pitch: int, intonation: int
) -> tuple[NDArray[np.float32], int, list[Phoneme]]:
    """Read a text aloud.

    `voice` is a language with an optional variant (``en-us+f3``), `rate` words per minute 80..450, `pitch`
    and `intonation` 0..100 (50 is the voice's own). Returns mono samples (n,) float32 -1..1, their rate in
    Hz, and the phonemes in IPA. A stop begins with its closure. Raises InputError when the library is missing
    or does not know the voice.
    """
    with _LOCK:
        library = _library()
        collected = library.collected
        collected.blocks.clear()
        collected.events.clear()
        if library.calls.espeak_SetVoiceByName(voice.encode()) != 0:
            raise InputError(
                f"espeak-ng does not know the voice {voice!r}; `espeak-ng --voices` lists what it knows."
            )
        for number, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, intonation)):
            library.calls.espeak_SetParameter(number, int(value), 0)
        data = text.encode() + b"\0"
        status = library.calls.espeak_Synth(data, len(data), 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
        if status != 0 or not collected.blocks:
            raise InputError(f"espeak-ng could not speak the text {text[:40]!r} (status {status}).")
        samples = np.concatenate(collected.blocks).astype(np.float32) / np.float32(32768)
        events = list(collected.events)
    return samples, library.rate, _phonemes(events, samples, library.rate)


def spell(text: str, voice: str) -> list[str]:
    """Each sentence of a text as the sounds a voice gives it: IPA with stress marks, spaces, punctuation.

    Raises InputError when the library is missing or does not know the voice.
    """
    with _LOCK:
        library = _library()
        if library.calls.espeak_SetVoiceByName(voice.encode()) != 0:
            raise InputError(
                f"espeak-ng does not know the voice {voice!r}; `espeak-ng --voices` lists what it knows."
            )
        sentences = [""]
        for clause, mark in re.findall(r"([^.,;:!?]+)([.,;:!?]*)", text):
            sentences[-1] += _spelt(library, clause.strip()) + mark[:1]
            if mark[:1] in (".", "!", "?"):
                sentences.append("")
            elif mark:
                sentences[-1] += " "
    return [sentence for sentence in sentences if sentence.strip()]


def _spelt(library: _Library, clause: str) -> str:
    """IPA of a clause; language switches such as ``(en)`` are no sounds."""
    rest = ctypes.c_char_p(clause.encode() + b"\0")
    pieces = []
    while rest.value:
        found = library.calls.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _AS_IPA)
        pieces.append(found.decode("utf-8", "ignore") if found else "")
    return re.sub(r"\([^)]+\)", "", " ".join(pieces)).strip()


@cache
def _library() -> _Library:
    """Load and start the library once. Raises InputError when there is none."""
    calls, data_path = _load()
    options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
    rate = int(calls.espeak_Initialize(_SYNCHRONOUS, 0, data_path, options))
    if rate <= 0:
        raise InputError(
            "espeak-ng was found but could not start; reinstall it or its voice data (espeak-ng-data)."
        )
    collected = _Collected()
    callback = _CALLBACK(lambda wave, count, events: _collect(collected, wave, count, events))
    calls.espeak_SetSynthCallback(callback)
    return _Library(calls, rate, collected, callback)


def _load() -> tuple[Any, bytes | None]:
    """The library and its data folder (None: the one it was built with)."""
    found = ctypes.util.find_library("espeak-ng")
    for name in ([found] if found else []) + list(_NAMES):
        try:
            return _declared(ctypes.CDLL(name)), None
        except OSError:
            continue
    try:
        import espeakng_loader

        return _declared(
            ctypes.CDLL(espeakng_loader.get_library_path())
        ), espeakng_loader.get_data_path().encode()
    except (ImportError, OSError) as error:
        raise InputError(
            "The presenter's voice needs espeak-ng and it was not found; install it (apt install espeak-ng) "
            'or the extra with pip install "lipwright[presenter]".'
        ) from error


def _declared(calls: ctypes.CDLL) -> ctypes.CDLL:
    """Name the argument types of what we call."""
    calls.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    calls.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    calls.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    calls.espeak_SetSynthCallback.argtypes = [_CALLBACK]
    calls.espeak_SetSynthCallback.restype = None
    calls.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    calls.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    calls.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return calls


def _collect(collected: _Collected, wave: Any, count: int, events: Any) -> int:
    """Callback of the library: keep samples and phoneme events; 0 means go on."""
    if wave and count > 0:
        collected.blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
    index = 0
    while events[index].type != _EVENT_END:
        event = events[index]
        if event.type == _EVENT_PHONEME:
            collected.events.append((event.sample, event.id.string.decode("utf-8", "ignore")))
        index += 1
    return 0


def _phonemes(events: list[tuple[int, str]], samples: NDArray[np.float32], rate: int) -> list[Phoneme]:
    """Events (sample, name) as phonemes; each lasts until the next. Language switches such as ``(en)`` are no
    sounds.
    """
    kept = [(at, name.strip(_STRESS)) for at, name in events if not name.startswith("(")]
    bounds: list[tuple[int, str]] = [(0, PAUSE)]
    for at, name in kept:
        label = name if name else PAUSE
        start = at
        if is_consonant(label):
            after_pause = bounds[-1][1] == PAUSE
            if not after_pause:
                start = max(_silence_before(at, samples, rate), bounds[-1][0])
            elif label[0] in _SHUTTING:
                start = max(at - int(_CLOSURE_AFTER_PAUSE_S * rate), bounds[-1][0])
        bounds.append((start, label))
    ends = [at for at, _ in bounds[1:]] + [len(samples)]
    return [
        Phoneme(label, start / rate, end / rate)
        for (start, label), end in zip(bounds, ends, strict=True)
        if end > start
    ]


def _silence_before(at: int, samples: NDArray[np.float32], rate: int) -> int:
    """First sample of the silence that ends at `at`, or `at` itself.

    The event of a stop marks its burst; its closure is the exact silence before it, which espeak-ng counts to
    the sound before.
    """
    first = max(at - int(_LONGEST_CLOSURE_S * rate), 0)
    loud = np.flatnonzero(np.abs(samples[first:at]) > _SILENT)
    return first + int(loud[-1]) + 1 if len(loud) else first
