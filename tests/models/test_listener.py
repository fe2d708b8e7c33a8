"""The ears' network: what it hears is relative to the sound itself, and it hears only so far."""

import pytest
import torch

from lipwright.models.listener import Listener, ListenerConfig, own_level, relative

CONFIG = ListenerConfig(width=16, hidden=16, dilations=(1, 2), measures=("jaw", "press"), visemes=4)


@pytest.fixture(scope="module")
def network() -> Listener:
    torch.manual_seed(0)
    return Listener(CONFIG).eval()


@pytest.mark.parametrize("columns", [1, 2, 7, 400])
def test_any_length(network: Listener, columns: int) -> None:
    heard = network(torch.zeros(2, 160, columns))
    rows = (columns + 1) // 2
    assert heard.measures.shape == (2, rows, 2)
    assert heard.visemes.shape == (2, rows, 4)
    assert heard.features.shape == (2, rows, 16)


def test_louder_and_coloured_sounds_are_heard_alike() -> None:
    power = torch.randn(1, 80, 300) - 4
    filtered = power + 1.5 + torch.linspace(-1, 1, 80)[None, :, None]  # 15 dB up, another microphone
    plain, other = relative(power, own_level(power)), relative(filtered, own_level(filtered))
    assert torch.allclose(plain[:, 80:], other[:, 80:], atol=0.05)  # each band against its own mean
    louder = power + 2
    assert torch.allclose(plain, relative(louder, own_level(louder)), atol=1e-4)


def test_silence_counts_little_in_the_spectrum_of_a_voice() -> None:
    voice = torch.randn(1, 80, 200) * 0.3 - 3
    padded = torch.cat([voice, torch.full((1, 80, 200), -9.0)], dim=2)
    assert torch.allclose(own_level(voice).mean, own_level(padded).mean, atol=0.1)


def test_digital_silence_is_no_danger(network: Listener) -> None:
    silence = torch.full((1, 80, 50), -10.0)
    heard = network(relative(silence, own_level(silence)))
    assert torch.isfinite(heard.measures).all() and torch.isfinite(heard.visemes).all()


def test_a_row_hears_only_its_surroundings(network: Listener) -> None:
    heard = torch.randn(1, 160, 200)
    other = heard.clone()
    other[:, :, 120:] += 1.0
    reach = CONFIG.reach + 2
    same = torch.isclose(network(heard).measures, network(other).measures, atol=1e-6).all(dim=2)[0]
    assert same[: 60 - reach].all() and not same[60]


def test_config_goes_through_json() -> None:
    assert ListenerConfig.from_json(CONFIG.to_json()) == CONFIG
    with pytest.raises(TypeError):
        ListenerConfig.from_json({**CONFIG.to_json(), "unknown": 1})
