"""StableSyncNet's edges: sizes, configuration, the order of stacked frames."""

import pytest
import torch

from lipwright.errors import WeightsError
from lipwright.models.stable_syncnet import (
    StableSyncNet,
    SyncNetConfig,
    TowerConfig,
    agreement_loss,
    stack_frames,
)

AUDIO = TowerConfig(1, (32, 32, 32, 32, 32, 32), ((2, 1), 2, 2, 2, 2, (2, 3)), (0,) * 6)
PICTURE = TowerConfig(6, (32, 32, 32), ((1, 2), 2, 2), (0, 1, 0))


@torch.no_grad()
def test_embeddings_are_unit_vectors_without_negative_values() -> None:
    network = StableSyncNet(SyncNetConfig(AUDIO, PICTURE))
    picture, sound = network(torch.randn(2, 6, 4, 8), torch.randn(2, 1, 80, 52))
    assert picture.shape == sound.shape == (2, 32)
    assert torch.allclose(picture.norm(dim=1), torch.ones(2))
    assert float(picture.min()) >= 0


def test_an_input_of_another_size_is_refused() -> None:
    network = StableSyncNet(SyncNetConfig(AUDIO, PICTURE))
    with pytest.raises(ValueError, match="not as one"):
        network(torch.randn(2, 6, 16, 32), torch.randn(2, 1, 80, 52))


def test_frames_are_stacked_frame_first() -> None:
    frames = torch.arange(2 * 3).float().reshape(1, 2, 3, 1, 1)
    assert stack_frames(frames).flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_loss_is_the_cross_entropy_of_the_cosine() -> None:
    one = torch.tensor([[1.0, 0.0]])
    half = torch.tensor([[0.5, 0.75**0.5]])
    assert torch.allclose(agreement_loss(one, half, torch.ones(1)), torch.tensor([0.5]).log().neg())
    assert float(agreement_loss(one, one, torch.zeros(1))) > 10  # finite: the logarithm stops at -100
    assert float(agreement_loss(one, one, torch.zeros(1))) <= 100


def test_configurations_survive_json_and_bad_ones_are_refused() -> None:
    config = SyncNetConfig(AUDIO, PICTURE)
    assert SyncNetConfig.from_json(config.to_json()) == config
    with pytest.raises(WeightsError, match="dropout"):
        TowerConfig.from_json({**config.to_json()["audio_encoder"], "dropout": 0.1})
    with pytest.raises(WeightsError, match="different numbers of levels"):
        TowerConfig(1, (32,), (2, 2), (0,))
