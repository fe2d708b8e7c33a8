"""Roughening of mel power: repeatable, finite, and each part does what its name says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from lipwright.speech.mel import log_mel_power
from lipwright.training import roughen_ears as rough

PARTS = [
    rough.warp_tract,
    rough.colour,
    rough.blur_pitch,
    rough.shape_level,
    rough.add_babble,
    rough.add_music,
    rough.add_room,
    rough.mask_spans,
]


def _seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def _mel(items: int = 32) -> torch.Tensor:
    torch.manual_seed(4)
    swell = torch.sin(torch.arange(300) / 20).clamp(min=-0.5)[None, None]
    return torch.randn(items, 80, 300) * 0.3 - 4 + 2 * swell


@pytest.mark.parametrize("part", PARTS)
def test_every_part_repeats_and_stays_finite(
    part: Callable[[torch.Tensor, torch.Generator], torch.Tensor],
) -> None:
    given = 10 ** _mel() if part in (rough.add_babble, rough.add_music, rough.add_room) else _mel()
    once, again, other = part(given, _seed(1)), part(given, _seed(1)), part(given, _seed(2))
    assert once.shape == given.shape and torch.isfinite(once).all()
    assert torch.equal(once, again) and not torch.equal(once, other)


def test_all_together() -> None:
    quiet = torch.zeros(32, 1, 300)
    once, again = (rough.roughen_ears(_mel(), quiet, _seed(3)) for _ in range(2))
    assert torch.equal(once, again) and torch.isfinite(once).all()
    assert (once - _mel()).abs().mean() > 0.3


def test_breath_only_where_nobody_speaks() -> None:
    power = 10 ** _mel()
    quiet = torch.zeros(32, 1, 300)
    quiet[:, :, 100:200] = 1
    breathed = rough.add_breath(power, quiet, _seed())
    assert torch.equal(breathed[..., :100], power[..., :100])
    assert (breathed[..., 100:200] > power[..., 100:200]).any()


def test_a_warped_tract_moves_a_formant() -> None:
    mel = torch.full((16, 80, 10), -8.0)
    mel[:, 40] = 0.0
    peaks = rough.warp_tract(mel, _seed()).argmax(dim=1)[:, 0]
    assert peaks.min() < 38 and peaks.max() > 42


def test_noise_flickers_as_real_noise_does() -> None:
    sound = torch.from_numpy(
        log_mel_power(np.random.default_rng(0).standard_normal(16_000 * 4).astype(np.float32) * 0.1)
    )
    drawn = rough.grain((4, 80, 400), _seed()).log10()
    for band in (2, 20, 50, 70):
        assert float(drawn[:, band].std()) == pytest.approx(float(sound[band].std()), rel=0.35)


def test_when_nobody_speaks_there_is_something_all_the_same() -> None:
    heard = rough.nothing_said(16, 200, _seed(1))
    assert heard.shape == (16, 80, 200) and torch.isfinite(heard).all()
    assert heard.std(dim=2).mean() > 0.1


def test_reverberation_only_adds_and_does_not_come_before_the_sound() -> None:
    power = torch.zeros(4, rough.BANDS, 100)
    power[..., 50] = 1
    wet = rough.reverberate(power, _seed(3))
    assert float(wet[..., :50].abs().max()) == 0
    assert float(wet[..., 51:].max()) > 0
    assert bool((wet >= power * 0.999).all())


@pytest.mark.parametrize("value", [rough.FLOOR, 0.0, 3.0])
def test_silence_and_din_survive(value: float) -> None:
    quiet = torch.ones(2, 1, 60)
    assert torch.isfinite(rough.roughen_ears(torch.full((2, rough.BANDS, 60), value), quiet, _seed())).all()
