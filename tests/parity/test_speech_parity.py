"""From sound to tokens against the released code."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lipwright.models.whisper import AudioEncoder, WhisperConfig
from lipwright.speech import mel, per_frame
from lipwright.speech.features import RELEASED, Listening
from lipwright.weights.deterministic import fill


@pytest.fixture(scope="module")
def sound(golden: Callable[[str], Any]) -> np.ndarray:
    """Eight seconds of synthetic speech."""
    _, arrays = golden("audio_whisper_speech_8s")
    return np.asarray(arrays["wav_int16"].astype(np.float32) / 32768)


def test_the_encoder_has_the_names_and_shapes_of_the_released_file(checkpoints: dict[str, Any]) -> None:
    released = checkpoints["whisper_tiny"]
    with torch.device("meta"):
        encoder = AudioEncoder(WhisperConfig.from_json(released["config"]))
    ours = {f"encoder.{key}": list(tensor.shape) for key, tensor in encoder.state_dict().items()}
    unused = ("encoder.ln_post.weight", "encoder.ln_post.bias")
    theirs = {key: shape for key, shape in released["shapes"].items() if key.startswith("encoder.")}
    assert ours == {key: shape for key, shape in theirs.items() if key not in unused}


def test_mel_features_and_tokens_equal_the_recorded_ones(
    sound: np.ndarray, golden: Callable[[str], Any]
) -> None:
    settings, arrays = golden("audio_whisper_speech_8s")
    assert np.abs(mel.log_mel(sound)[:, arrays["logmel_columns"]] - arrays["logmel"]).max() < 1e-5
    encoder = AudioEncoder(WhisperConfig.from_json(settings["whisper_dims"])).eval()
    fill(encoder, prefix="encoder.")
    listening = Listening(encoder, sound, RELEASED)
    assert listening.count == settings["n_feat"]
    rows = listening.rows(0, listening.count)[arrays["rows"]]
    assert np.abs(rows.numpy() - arrays["feat_rows"]).max() < 1e-4
    tokens = per_frame.tokens(listening, [int(frame) / 25 for frame in arrays["chunk_frames"]])
    assert np.abs(tokens.numpy() - arrays["chunks"]).max() < 1e-4


def test_every_frame_takes_the_recorded_rows(golden: Callable[[str], Any]) -> None:
    settings, arrays = golden("audio_whisper_speech_8s")
    assert per_frame.released_count(settings["n_feat"], 25) == settings["n_chunks"]
    for frame, rows in enumerate(arrays["chunk_index"]):
        assert per_frame.around(per_frame.centre(frame / 25), settings["n_feat"]).tolist() == rows.tolist()


def test_chunk_tables_are_exact(golden: Callable[[str], Any]) -> None:
    _, arrays = golden("audio_chunk_tables")
    for rows, rate, frames, *last in arrays["table"].tolist():
        assert per_frame.released_count(rows, rate) == frames
        assert per_frame.around(per_frame.released_centre(frames - 1, rate), rows).tolist() == last
    silent = torch.nn.Identity()
    for samples, columns, rows, frames in arrays["lengths"].tolist():
        listening = Listening(silent, np.zeros(samples, np.float32), RELEASED)
        assert mel.columns(samples) == columns
        assert listening.count == rows
        assert per_frame.released_count(rows, 25) == frames


def test_syncnet_mel_equals_the_recorded_one(sound: np.ndarray, golden: Callable[[str], Any]) -> None:
    _, arrays = golden("audio_syncnet_mel_speech_8s")
    found = mel.syncnet_mel(sound)
    assert np.abs(found[:, arrays["mel_columns"]] - arrays["mel"]).max() < 1e-5
    for start, begin, length in zip(*(arrays[f"crop_{k}"] for k in ("starts", "begin", "len")), strict=True):
        window = mel.syncnet_window(found, start / 25)
        assert (window is None) == (length < mel.SYNC_COLUMNS)
        if window is not None:
            assert np.array_equal(window, found[:, begin : begin + length])
