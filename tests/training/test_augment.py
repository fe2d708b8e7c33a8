"""Rough treatment of sound: shapes stay, numbers stay numbers, the generator decides."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import tiny
from lipwright.speech.mel import log_mel_power
from lipwright.training.augment import (
    BANDS,
    FLOOR,
    add_noise,
    colour,
    normalise,
    reverberate,
    roughen,
    warp_bands,
)

Rough = Callable[[Tensor, torch.Generator], Tensor]


def mel(batch: int = 3) -> Tensor:
    """log10 power of speech, (batch, 80, 150)."""
    whole = torch.from_numpy(log_mel_power(tiny.voice(3.0))).float()
    return torch.stack([whole[:, start * 20 : start * 20 + 150] for start in range(batch)])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("work", [warp_bands, colour, roughen])
def test_shape_stays_and_the_generator_decides(work: Rough) -> None:
    clean = mel()
    one, same, other = (work(clean, generator(seed)) for seed in (1, 1, 2))
    assert one.shape == clean.shape and torch.isfinite(one).all()
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not torch.equal(one[0], clean[0])
    torch.testing.assert_close(clean, mel())


@pytest.mark.parametrize("work", [reverberate, add_noise])
def test_power_is_only_added(work: Rough) -> None:
    power = 10 ** mel()
    rough = work(power, generator())
    assert rough.shape == power.shape and torch.isfinite(rough).all()
    assert bool((rough >= power * 0.999).all())


def test_reverberation_does_not_come_before_the_sound() -> None:
    power = torch.zeros(4, BANDS, 100)
    power[..., 50] = 1
    wet = reverberate(power, generator(3))
    assert float(wet[..., :50].abs().max()) == 0
    assert float(wet[..., 51:].max()) > 0


@pytest.mark.parametrize("seed", range(20))
def test_rough_features_lie_where_the_encoder_expects_them(seed: int) -> None:
    features = roughen(mel(8), generator(seed))
    assert torch.isfinite(features).all()
    # normalise: the loudest value m in log10 becomes (m + 4) / 4, and the floor lies two below it.
    spread = features.amax(dim=(1, 2)) - features.amin(dim=(1, 2))
    assert float(spread.max()) <= 2.0 + 1e-4


@pytest.mark.parametrize("value", [FLOOR, 0.0, 3.0])
def test_silence_and_din_survive(value: float) -> None:
    assert torch.isfinite(roughen(torch.full((2, BANDS, 60), value), generator())).all()


def test_normalising_is_whisper_s() -> None:
    loud = torch.tensor([[[2.0]]])
    found = normalise(torch.tensor([[[2.0, -3.0, -9.0]]]), loud)
    torch.testing.assert_close(found, torch.tensor([[[1.5, 0.25, -0.5]]]))
