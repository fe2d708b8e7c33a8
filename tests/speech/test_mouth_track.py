"""A whole sound as mouth rows: the same in blocks as in one go, at any times."""

import numpy as np
import pytest
import torch

from lipwright.models.listener import Listener, ListenerConfig
from lipwright.speech import mouth_track
from lipwright.speech.mouth_track import listen, sampled

RATE = 16_000


@pytest.fixture(scope="module")
def ears() -> Listener:
    torch.manual_seed(1)
    config = ListenerConfig(width=16, hidden=16, dilations=(1, 4), measures=("jaw", "width"), visemes=3)
    return Listener(config).eval()


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    rng = np.random.default_rng(3)
    times = np.arange(4 * RATE) / RATE
    swell = np.sin(2 * np.pi * 2.5 * times).clip(0)
    noise = rng.standard_normal(len(times))
    return np.asarray(0.2 * swell * np.sin(2 * np.pi * 180 * times) + 0.005 * noise, np.float32)


def test_fifty_rows_a_second(ears: Listener, sound: np.ndarray) -> None:
    track = listen(ears, sound)
    assert track.names == ("jaw", "width") and len(track) == 200
    assert track.measures.shape == (200, 2) and track.activations.shape == (200, 16)
    assert np.allclose(track.visemes.sum(axis=1), 1, atol=1e-5)


def test_blocks_join_without_a_trace(
    ears: Listener, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = listen(ears, sound)
    monkeypatch.setattr(mouth_track, "BLOCK_ROWS", 30)
    blocks = listen(ears, sound)
    assert np.allclose(whole.measures, blocks.measures, atol=1e-4)
    assert np.allclose(whole.brightness, blocks.brightness, atol=1e-3)


def test_sixteen_bit_samples_are_heard_alike(ears: Listener, sound: np.ndarray) -> None:
    whole = np.asarray(np.round(sound * 32767), np.int16)
    assert np.allclose(listen(ears, sound).measures, listen(ears, whole).measures, atol=0.02)


@pytest.mark.parametrize("samples", [0, 100, 319, 320, 700])
def test_very_short_sounds(ears: Listener, samples: int) -> None:
    track = listen(ears, np.zeros(samples, np.float32))
    assert len(track) == samples // 320
    assert track.at(np.array([0.0, 1.0])).shape == (2, 2)


def test_times_between_and_beyond_rows() -> None:
    rows = np.arange(10, dtype=np.float32)[:, None]
    middle = sampled(rows, np.array([0.09, 0.1, 0.11]))[:, 0]  # row 4 is centred at 0.09 s
    assert middle == pytest.approx([4.0, 4.5, 5.0], abs=0.01)
    assert sampled(rows, np.array([-1.0, 9.0]))[:, 0] == pytest.approx([0.0, 9.0])


def test_a_measure_by_name(ears: Listener, sound: np.ndarray) -> None:
    track, times = listen(ears, sound), np.arange(5) / 25
    assert np.array_equal(track.one("width", times), track.at(times)[:, 1])
    with pytest.raises(ValueError):
        track.one("ears", times)


def test_closing_lips_darken_the_sound(ears: Listener) -> None:
    rng = np.random.default_rng(8)
    noise = rng.standard_normal(2 * RATE).astype(np.float32) * 0.1
    dull = noise.copy()
    for _ in range(3):  # a low pass
        dull = np.convolve(dull, np.ones(16, np.float32) / 8, "same").astype(np.float32)
    both = listen(ears, np.concatenate([noise, dull])).brightness
    assert both[20:80].mean() > both[120:180].mean() + 0.5
    assert np.abs(both).max() <= 1.5
