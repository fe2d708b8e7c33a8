"""LPIPS: its numbers by hand, its files strictly, and the stand-in through a network of our own."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lipwright.errors import WeightsError
from lipwright.models.perceptual import SCALE, SHIFT, WIDTHS, OwnFeatures, Perceptual, fill_perceptual
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig

# Indices of the convolutions in the public file, and of the layers whose output is looked at.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
LOOKED_AT = (3, 8, 15, 22, 29)
POOLS = (4, 9, 16, 23)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def files() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Tensors as the two public files name and shape them (the classifier's at a token size)."""
    backbone, before = {}, 3
    for number, (index, width) in enumerate(zip(CONVOLUTIONS, WIDTHS, strict=True)):
        weight = draw(width, before, 3, 3, seed=number) * (2 / (9 * before)) ** 0.5
        backbone[f"features.{index}.weight"] = weight
        backbone[f"features.{index}.bias"] = draw(width, seed=100 + number) * 0.1
        before = width
    for layer in (0, 3, 6):
        backbone[f"classifier.{layer}.weight"] = torch.zeros(2, 2)
        backbone[f"classifier.{layer}.bias"] = torch.zeros(2)
    heads = {
        f"lin{index}.model.1.weight": draw(1, width, 1, 1, seed=200 + index).abs()
        for index, width in enumerate((64, 128, 256, 512, 512))
    }
    return backbone, heads


def by_hand(backbone: dict[str, Tensor], heads: dict[str, Tensor], a: Tensor, b: Tensor) -> Tensor:
    """The published definition, written out once more."""
    total = torch.zeros(len(a))
    shift, scale = (torch.tensor(values)[None, :, None, None] for values in (SHIFT, SCALE))
    x, y = ((picture - shift) / scale for picture in (a, b))
    head = 0
    for layer in range(30):
        if layer in CONVOLUTIONS:
            weight, bias = (backbone[f"features.{layer}.{kind}"] for kind in ("weight", "bias"))
            x, y = (functional.conv2d(v, weight, bias, padding=1) for v in (x, y))
        elif layer in POOLS:
            x, y = (functional.max_pool2d(v, 2) for v in (x, y))
        else:
            x, y = (v.relu() for v in (x, y))
        if layer in LOOKED_AT:
            u, w = (v / (v.square().sum(1, keepdim=True).sqrt() + 1e-10) for v in (x, y))
            total += functional.conv2d((u - w).square(), heads[f"lin{head}.model.1.weight"]).mean((1, 2, 3))
            head += 1
    return total


def test_the_distance_is_the_published_one() -> None:
    backbone, heads = files()
    network = Perceptual()
    fill_perceptual(network, backbone, heads, "the files")
    made, true = draw(2, 3, 32, 48), draw(2, 3, 32, 48, seed=1)
    torch.testing.assert_close(
        network(made, true), by_hand(backbone, heads, made, true), rtol=1e-4, atol=1e-6
    )
    assert float(network(made, made).abs().max()) == 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_gradients_reach_the_picture() -> None:
    network = Perceptual()
    fill_perceptual(network, *files(), "the files")
    made = draw(1, 3, 32, 32).requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(made, draw(1, 3, 32, 32, seed=1)).mean(), made)
    assert torch.isfinite(gradient).all() and float(gradient.abs().max()) > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("missing", "features.28.bias is missing"),
        ("unknown", "features.99.weight is unknown"),
        ("shape", r"heads.0 is \(1, 32, 1, 1\), not \(1, 64, 1, 1\)"),
        ("other", "heads.1 is missing"),
    ],
)
def test_other_files_are_refused_in_one_sentence(change: str, says: str) -> None:
    backbone, heads = files()
    if change == "missing":
        del backbone["features.28.bias"]
    elif change == "unknown":
        backbone["features.99.weight"] = torch.zeros(1)
    elif change == "shape":
        heads["lin0.model.1.weight"] = torch.zeros(1, 32, 1, 1)
    else:
        heads = {key.replace("lin1", "lin7"): value for key, value in heads.items()}
    with pytest.raises(WeightsError, match=says) as caught:
        fill_perceptual(Perceptual(), backbone, heads, "a.pth and b.pth")
    assert str(caught.value).startswith("a.pth and b.pth do not make an LPIPS network: ")


def test_features_of_an_own_network_tell_pictures_apart() -> None:
    torch.manual_seed(0)
    network = PixelAutoencoder(PixelAutoencoderConfig(channels=(8, 8, 16))).requires_grad_(False)
    judge = OwnFeatures(network.encoder, ("1", "3"))
    true = draw(2, 3, 32, 32)
    near, far = true + 0.05 * draw(2, 3, 32, 32, seed=1), draw(2, 3, 32, 32, seed=2)
    assert float(judge(true, true).max()) == 0
    assert bool((judge(near, true) < judge(far, true)).all())
    made = near.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(judge(made, true).mean(), made)
    assert float(gradient.abs().max()) > 0
    with pytest.raises(ValueError, match="no layers nothing"):
        OwnFeatures(nn.Sequential(nn.Conv2d(3, 4, 1)), ("nothing",))
