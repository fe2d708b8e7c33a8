"""Recorded sets of the listening half: `whisper_features`, `syncnet_mel`, `chunk_tables`."""

import re
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipwright.models.whisper import AudioEncoder, WhisperConfig
from lipwright.speech import mel
from lipwright.speech.features import RELEASED, Listening, row_count
from lipwright.speech.per_frame import around, released_centre, released_count, tokens
from lipwright.verify.check import Check, figures
from lipwright.verify.networks import ready
from lipwright.weights.deterministic import fill

FEATURES = 2e-3
MEL = 1e-4
RATE = 25
HEAD_WIDTH = 64  # of every Whisper encoder


def whisper_features(check: Check) -> None:
    """Log-mel, encoder activations and the tokens of frames, through the released 30 s blocks."""
    record = check.record
    samples = _samples(record["wav_int16"])
    if "logmel" in record:
        check.array("logmel", _kept(check, "logmel", mel.log_mel(samples)), MEL)
    network = AudioEncoder(_config(check))
    fill(network, prefix="encoder.")
    heard = Listening(
        ready(network, check), samples, RELEASED, device=check.choice.device, dtype=check.choice.dtype
    )
    frames = released_count(heard.count, RATE)
    for name, ours in (("n_samples", len(samples)), ("n_feat", heard.count), ("n_chunks", frames)):
        if name in record.settings:
            check.value(name, ours, record.settings[name], 0)
    rows = heard.rows(0, heard.count)
    check.array("feat_rows", rows[record["rows"]], FEATURES)
    if stats := record.settings.get("feat_stats"):
        found = figures(rows)
        for key in ("mean", "std", "min", "max"):
            check.value("feat_stats", found[key], stats[key], FEATURES)
    if "chunk_index" in record:
        index = np.stack([around(released_centre(frame, RATE), heard.count) for frame in range(frames)])
        check.array("chunk_index", index, 0)
    wanted = {"chunks": record["chunk_frames"].tolist()} if "chunks" in record else {}
    singles = {name: int(match[1]) for name in record if (match := re.fullmatch(r"chunk_(\d+)", name))}
    if "last_chunk" in record:
        singles["last_chunk"] = frames - 1
    for name, at in wanted.items():
        check.array(name, tokens(heard, [Fraction(frame, RATE) for frame in at]), FEATURES)
    for name, frame in singles.items():
        check.array(name, tokens(heard, [Fraction(frame, RATE)])[0], FEATURES)


def _config(check: Check) -> WhisperConfig:
    """The recorded dimensions; where there are none, those that the features' shape implies."""
    if dims := check.record.settings.get("whisper_dims"):
        return WhisperConfig.from_json(dims)
    _, layers, width = check.record["feat_rows"].shape
    return WhisperConfig(
        n_audio_state=width, n_audio_head=max(1, width // HEAD_WIDTH), n_audio_layer=layers - 1
    )


def syncnet_mel(check: Check) -> None:
    """SyncNet's mel and the columns that belong to frames."""
    record = check.record
    found = mel.syncnet_mel(_samples(record["wav_int16"]))
    check.array("mel", _kept(check, "mel", found), MEL)
    if "crop_starts" not in record:
        return
    starts = [start / RATE for start in record["crop_starts"].tolist()]
    first = np.array([mel.syncnet_first(start) for start in starts])
    left = np.clip(found.shape[1] - first, 0, mel.SYNC_COLUMNS)
    check.array("crop_begin", first, 0)
    check.array("crop_len", left, 0)
    refused = [mel.syncnet_window(found, start) is None for start in starts]
    check.value("crop_len", np.array(refused), record["crop_len"] < mel.SYNC_COLUMNS, 0)


def chunk_tables(check: Check) -> None:
    """How many frames a sound gives, and which feature rows belong to the last one."""
    record = check.record
    if "table" in record:
        recorded = record["table"]
        ours = np.zeros_like(recorded)
        for row, (count, rate) in enumerate(recorded[:, :2].tolist()):
            frames = released_count(count, rate)
            ours[row] = [count, rate, frames, *around(released_centre(frames - 1, rate), count)]
        check.array("table", ours, 0)
    if "lengths" in record:
        lengths = []
        for samples in record["lengths"][:, 0].tolist():
            columns = mel.columns(samples)
            rows = row_count(columns, RELEASED)
            lengths.append([samples, columns, rows, released_count(rows, RATE)])
        check.array("lengths", np.array(lengths), 0)


def _kept(check: Check, name: str, found: NDArray[np.float32]) -> NDArray[np.float32]:
    """The columns that were recorded: all, or those listed (in the selection that ships)."""
    columns = f"{name}_columns"
    return found[:, check.record[columns]] if columns in check.record else found


def _samples(wave: NDArray[np.int16]) -> NDArray[np.float32]:
    return wave.astype(np.float32) / np.float32(32768)
