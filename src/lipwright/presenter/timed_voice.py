"""Synthesisers with a network inside that tells how long each of its symbols lasts: ONNX files on a CPU.

The files come inside packages of the extra ``lipwright[ears]``; nothing is fetched. They were
exported without their durations, so the graph is given that output back before it is run.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError
from lipwright.presenter.phonemes import PAUSE, Phoneme
from lipwright.presenter.voice import SAMPLE_RATE, Speech

STRESS = "ˈˌ"
LENGTH = "ːˑʰʲ̃"
MARKS = " ,.;:!?—…\"“”()'"
SPELT = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "ᵊ": "ə", "T": "ɾ", "S": "ʃ",
    "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ʥ": "dʑ", "ꭧ": "ʧ", "ɰ": "ŋ",
}  # fmt: skip
"""Symbols of the misaki alphabet (Kokoro's) that are no IPA."""

LEAST_PAUSE_S = 0.06
QUIET = 0.03  # of the loud parts: a mark this quiet is a pause, otherwise the words run on


def open_session(file: bytes | str, durations: str, of_whole_numbers: bool) -> Any:
    """A session on one thread with the tensor `durations` as its last output. Raises InputError."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(
            'These voices need onnx and onnxruntime and they were not found; pip install "lipwright[ears]".'
        ) from error
    model = onnx.load_from_string(file) if isinstance(file, bytes) else onnx.load(file)
    kind = onnx.TensorProto.INT64 if of_whole_numbers else onnx.TensorProto.FLOAT
    model.graph.output.append(onnx.helper.make_tensor_value_info(durations, kind, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def timed(
    symbols: Sequence[str],
    durations: NDArray[np.floating],
    hop: int,
    rate: int,
    samples: NDArray[np.float32],
    late_s: float,
) -> list[Phoneme]:
    """Symbols (empty: silence at the ends) with their durations in hops as phonemes.

    A stress mark belongs to the vowel behind it, a length mark to the sound before it, a space to both
    neighbours; a longer mark is a pause where it is quiet. late_s: how much later than the sound the network
    counts, see `measured` in docs/ears.md.
    """
    ends = np.cumsum(durations) * hop
    starts = ends - np.asarray(durations) * hop
    envelope = _envelope(samples, rate)
    loud = float(np.percentile(envelope, 95))
    found: list[list[Any]] = []
    begin: float | None = None  # of a sound whose stress mark or space came first
    for symbol, start, end in zip(symbols, starts.tolist(), ends.tolist(), strict=True):
        if end <= start:
            continue
        if symbol and symbol in STRESS:
            begin = start if begin is None else begin
        elif symbol and symbol in LENGTH:
            if found:
                found[-1][2] = end
        elif not symbol or symbol in MARKS:
            part = envelope[int(start) : int(end)]
            quiet = len(part) == 0 or float(part.mean()) < QUIET * loud
            if not symbol or (quiet and end - start >= LEAST_PAUSE_S * rate):
                begin = None
                if found and found[-1][0] == PAUSE:
                    found[-1][2] = end
                else:
                    found.append([PAUSE, start, end])
            else:
                begin = (start + end) / 2
                if found:
                    found[-1][2] = begin
        else:
            found.append([SPELT.get(symbol, symbol), start if begin is None else begin, end])
            begin = None
    return _moved(found, late_s, len(samples) / rate, rate)


def _moved(found: list[list[Any]], late_s: float, end_s: float, rate: int) -> list[Phoneme]:
    """Seconds instead of samples, all borders earlier by `late_s`, the whole sound covered."""
    borders = [0.0] + [min(max(start / rate - late_s, 0.0), end_s) for _, start, _ in found[1:]] + [end_s]
    return [
        Phoneme(label, start, end)
        for (label, _, _), start, end in zip(found, borders, borders[1:], strict=False)
        if end > start
    ]


def _envelope(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Root mean square over 10 ms around each sample."""
    width = max(1, rate // 100)
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(width) / width, "same")
    return np.sqrt(np.maximum(power, 0.0))


def joined(parts: Sequence[tuple[NDArray[np.float32], list[Phoneme]]], rate: int, speed: float) -> Speech:
    """Sentences end to end at 16 kHz, played `speed` times faster (formants and tempo move together)."""
    from scipy.signal import resample_poly

    ratio = Fraction(SAMPLE_RATE / (rate * speed)).limit_denominator(500)
    scale = rate * float(ratio) / SAMPLE_RATE
    sounds: list[NDArray[np.float32]] = []
    phonemes: list[Phoneme] = []
    at = 0.0
    for samples, said in parts:
        sound = resample_poly(samples, ratio.numerator, ratio.denominator).astype(np.float32)
        end = at + len(sound) / SAMPLE_RATE
        for label, start, stop in said:
            begin = min(at + start * scale, end)
            if phonemes and phonemes[-1].label == PAUSE == label:
                phonemes[-1] = phonemes[-1]._replace(end_s=min(at + stop * scale, end))
            else:
                phonemes.append(Phoneme(label, begin, min(at + stop * scale, end)))
        sounds.append(sound)
        at = end
        phonemes[-1] = phonemes[-1]._replace(end_s=end)
    samples = np.concatenate(sounds)
    loudest = max(float(np.abs(samples).max(initial=0.0)), 1e-3)
    return Speech((samples * (0.9 / loudest)).astype(np.float32), tuple(phonemes))
