"""The classic SyncNet: names and shapes of the public file, and both vectors."""

import torch

import tiny
from lipwright.models.syncnet_v2 import SyncNetV2


def network() -> SyncNetV2:
    with tiny.seeded(3):
        return SyncNetV2().eval()


def test_names_and_shapes_are_those_of_the_public_file() -> None:
    state = {key: tuple(value.shape) for key, value in network().state_dict().items()}
    weights = {key for key in state if key.endswith("weight") and len(state[key]) > 1}
    sound = {f"netcnnaud.{k}.weight" for k in (0, 4, 8, 11, 14, 18)}
    lips = {f"netcnnlip.{k}.weight" for k in (0, 4, 8, 11, 14, 18)}
    tails = {f"{name}.{k}.weight" for name in ("netfcaud", "netfclip") for k in (0, 3)}
    assert weights == sound | lips | tails
    assert state["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert state["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert state["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert state["netfclip.3.weight"] == (1024, 512)
    assert sum(parameter.numel() for parameter in network().parameters()) == 13_631_616


@torch.no_grad()
def test_both_sides_give_a_vector() -> None:
    judge = network()
    assert judge.sound(torch.randn(2, 1, 13, 20)).shape == (2, 1024)
    pixels = torch.rand(2, 3, 5, 224, 224) * 255
    both = judge.lips(pixels)
    assert both.shape == (2, 1024)
    torch.testing.assert_close(judge.lips(pixels[:1]), both[:1], atol=1e-3, rtol=1e-3)
