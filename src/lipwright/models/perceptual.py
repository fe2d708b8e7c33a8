"""LPIPS: how different two pictures look, by the features of VGG-16 and five learned linear heads.

Key names are those of the public files: `features.*` of torchvision's VGG-16, `lin*.model.1.weight` of the
heads (version 0.1). Where those files are absent, `OwnFeatures` looks through one of our own networks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from lipwright.errors import WeightsError

WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
POOLED_AFTER = (1, 3, 6, 9)  # convolutions, counted from 0, that a pooling layer follows
TAPS = (1, 3, 6, 9, 12)  # convolutions whose rectified output is looked at: relu1_2 to relu5_3
SHIFT = (-0.030, -0.088, -0.188)  # per colour, for pictures in -1..1 (ImageNet's mean and deviation)
SCALE = (0.458, 0.448, 0.450)
TINY = 1e-10

_Hook = Callable[[nn.Module, object, object], None]


class Perceptual(nn.Module):
    """The LPIPS distance (VGG, version 0.1). Frozen when filled by `fill_perceptual`."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        self.stops: list[int] = []  # index of the layer behind each tap
        for index, width in enumerate(WIDTHS):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            if index in TAPS:
                self.stops.append(len(layers) - 1)
            if index in POOLED_AFTER:
                layers.append(nn.MaxPool2d(2))
            before = width
        self.features = nn.Sequential(*layers)
        self.heads = nn.ParameterList([nn.Parameter(torch.ones(1, WIDTHS[tap], 1, 1)) for tap in TAPS])
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None], persistent=False)

    def taps(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n c y x"]]:
        """Features of the five depths, scaled to length 1 over the channels. Pictures -1..1, from 16 px."""
        x, found = (pictures - self.shift) / self.scale, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.stops:
                found.append(unit(x))
        return found

    def forward(self, made: Float[Tensor, "n 3 h w"], true: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
        """The distance of each pair of pictures (-1..1, not clamped); 0 for equal ones."""
        total = made.new_zeros(len(made))
        for head, a, b in zip(self.heads, self.taps(made), self.taps(true), strict=True):
            total = total + ((a - b).square() * head).sum(dim=1).mean(dim=(1, 2))
        return total


class OwnFeatures(nn.Module):
    """The same distance through named layers of any network that takes pictures; every channel counts alike.

    Its numbers are no LPIPS: a run that uses it says so in its record.
    """

    def __init__(self, network: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.layers = tuple(layers)
        self._seen: dict[str, Tensor] = {}
        modules = dict(network.named_modules())
        if missing := [name for name in self.layers if name not in modules]:
            raise ValueError(f"the network has no layers {', '.join(missing)}")
        for name in self.layers:
            modules[name].register_forward_hook(self._keeper(name))

    def _keeper(self, name: str) -> _Hook:
        def keep(module: nn.Module, inputs: object, output: object) -> None:
            self._seen[name] = cast(Tensor, output)

        return keep

    def taps(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n c y x"]]:
        """Features behind each named layer, scaled to length 1 over the channels."""
        self.network(pictures)
        found = [unit(self._seen[name]) for name in self.layers]
        self._seen.clear()  # a graph must not live on in here
        return found

    def forward(self, made: Float[Tensor, "n 3 h w"], true: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
        """The distance of each pair of pictures (-1..1): the mean over the layers, each 0..4."""
        parts = [
            (a - b).square().sum(dim=1).mean(dim=(1, 2))
            for a, b in zip(self.taps(made), self.taps(true), strict=True)
        ]
        return torch.stack(parts).mean(dim=0)


def unit(x: Float[Tensor, "n c y x"]) -> Float[Tensor, "n c y x"]:
    """Every pixel's channels scaled to length 1 (0 stays 0)."""
    return functional.normalize(x, dim=1, eps=TINY)


def fill_perceptual(
    network: Perceptual, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor], where: str
) -> None:
    """Fill from the public files' tensors, strictly, and freeze. where: the files, for messages.

    backbone: torchvision's VGG-16; its classifier is left out. Raises WeightsError, listing what is missing,
    unknown or of another shape.
    """
    given = {
        **{key: value for key, value in backbone.items() if not key.startswith("classifier.")},
        **{_head_name(key): value for key, value in heads.items()},
    }
    own = network.state_dict()
    wrong = [f"{key} is missing" for key in sorted(own.keys() - given.keys())]
    wrong += [f"{key} is unknown" for key in sorted(given.keys() - own.keys())]
    wrong += [
        f"{key} is {tuple(given[key].shape)}, not {tuple(own[key].shape)}"
        for key in sorted(own.keys() & given.keys())
        if given[key].shape != own[key].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WeightsError(
            f"{where} do not make an LPIPS network: {'; '.join(wrong[:3])}{more}; give torchvision's VGG-16 "
            "and the VGG heads of LPIPS 0.1."
        )
    network.load_state_dict({key: value.float() for key, value in given.items()})
    network.eval().requires_grad_(False)


def _head_name(key: str) -> str:
    """`lin2.model.1.weight` -> `heads.2`; anything else stays, and is refused as unknown."""
    stem, _, rest = key.partition(".")
    return f"heads.{stem[3:]}" if stem.startswith("lin") and rest == "model.1.weight" else key
