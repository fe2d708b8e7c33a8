"""Mel spectrograms: blocks equal the whole, known tones, sounds of hardly any length."""

import numpy as np
import pytest

from lipwright.speech import mel


def _noise(samples: int) -> np.ndarray:
    draw = np.random.default_rng(5).standard_normal(samples) * 0.1
    return np.asarray(draw, dtype=np.float32)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_put_together_equal_the_whole(block: int) -> None:
    sound = _noise(16000 + 77)
    whole = mel.log_mel_power(sound)
    parts = [mel.log_mel_power(sound, at, min(at + block, 100)) for at in range(0, 100, block)]
    assert np.allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)
    assert mel.loudest(sound, block) == pytest.approx(float(whole.max()), abs=1e-5)


def test_normalising_with_the_loudest_value_gives_log_mel() -> None:
    sound = _noise(8000)
    assert np.array_equal(mel.normalised(mel.log_mel_power(sound), mel.loudest(sound)), mel.log_mel(sound))


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0])
def test_a_tone_lights_up_its_band(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(16000) / mel.RATE).astype(np.float32)
    band = int(mel.log_mel_power(tone)[:, 50].argmax())
    weights = mel.filterbank(mel.WINDOW)[band]
    assert weights[round(hz / 40)] > 0.3 * weights.max()


def test_bands_have_unit_area() -> None:
    area = mel.filterbank(4096).sum(axis=1) * (mel.RATE / 4096)
    assert np.allclose(area, 1, atol=0.02)


@pytest.mark.parametrize(("samples", "columns"), [(0, 0), (1, 0), (159, 0), (160, 1), (201, 1), (480, 3)])
def test_very_short_sounds(samples: int, columns: int) -> None:
    assert mel.log_mel(_noise(samples)).shape == (80, columns)
    assert mel.syncnet_mel(_noise(samples)).shape == (80, 1 + samples // 200)


def test_silence_is_finite() -> None:
    assert np.all(np.isfinite(mel.log_mel(np.zeros(1600, np.float32))))
    assert np.all(mel.syncnet_mel(np.zeros(1600, np.float32)) == -4)


def test_sixteen_bit_samples_sound_like_floats() -> None:
    rng = np.random.default_rng(4)
    whole = rng.integers(-9000, 9000, 16000).astype(np.int16)
    scaled = (whole / 32768).astype(np.float32)
    np.testing.assert_allclose(mel.log_mel_power(whole, 3, 60), mel.log_mel_power(scaled, 3, 60), atol=1e-5)
    assert mel.loudest(whole) == pytest.approx(mel.loudest(scaled), abs=1e-5)
