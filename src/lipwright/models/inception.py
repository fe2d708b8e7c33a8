"""Inception v3 as FID uses it: a picture to 2048 features.

Key names are those of the public file `pt_inception-2015-12-05-6726825d.pth`, a port of the network of 2015
that FID is defined by. It differs from the usual one: means at the border count real pixels alone, and the
last block takes the highest of a neighbourhood where the others take the mean.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SIDE = 299  # px of the pictures it was trained on
FEATURES = 2048
CLASSES = 1008  # of a classifier that the file carries and nobody uses
EPS = 0.001

Size = int | tuple[int, int]
Layer = tuple[str, int, Size, int]
"""(name, channels, window, stride); windows keep the size, except where the stride is 2."""
Chain = tuple[Layer, ...]
"""Layers behind each other; two names that end in a and b stand side by side."""

WIDE, TALL = (1, 7), (7, 1)


class Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, window: Size, stride: int = 1, *, keep: bool = True
    ) -> None:
        super().__init__()
        sides = (window, window) if isinstance(window, int) else window
        padding = (sides[0] // 2, sides[1] // 2) if keep and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, sides, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=EPS)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d y x"]:
        out: Tensor = functional.relu(self.bn(self.conv(x)))
        return out


class Mixed(nn.Module):
    """Chains side by side; the one called branch_pool looks at neighbourhoods. shrink: halves the picture."""

    def __init__(
        self, inputs: int, chains: tuple[Chain, ...], *, shrink: bool = False, highest: bool = False
    ) -> None:
        super().__init__()
        self.shrink, self.highest = shrink, highest
        self.chains = tuple(tuple(layer[0] for layer in chain) for chain in chains)
        for chain in chains:
            before = inputs
            for name, width, window, stride in chain:
                self.add_module(name, Conv(before, width, window, stride))
                before = before if name.endswith("a") else width

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d y x"]:
        parts = []
        for names in self.chains:
            y = self._around(x) if names[0] == "branch_pool" else x
            for name in names:
                if name.endswith("a"):
                    parts.append(self.get_submodule(name)(y))
                else:
                    y = self.get_submodule(name)(y)
            parts.append(y)
        if self.shrink:
            parts.append(functional.max_pool2d(x, 3, stride=2))
        return torch.cat(parts, dim=1)

    def _around(self, x: Tensor) -> Tensor:
        if self.highest:
            return functional.max_pool2d(x, 3, stride=1, padding=1)
        return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _five(inputs: int, pool: int) -> Mixed:
    deep: Chain = (
        ("branch3x3dbl_1", 64, 1, 1),
        ("branch3x3dbl_2", 96, 3, 1),
        ("branch3x3dbl_3", 96, 3, 1),
    )
    chains: tuple[Chain, ...] = (
        (("branch1x1", 64, 1, 1),),
        (("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 1)),
        deep,
        (("branch_pool", pool, 1, 1),),
    )
    return Mixed(inputs, chains)


def _six(width: int) -> Mixed:
    long: Chain = (
        ("branch7x7_1", width, 1, 1),
        ("branch7x7_2", width, WIDE, 1),
        ("branch7x7_3", 192, TALL, 1),
    )
    longer: Chain = (
        ("branch7x7dbl_1", width, 1, 1),
        ("branch7x7dbl_2", width, TALL, 1),
        ("branch7x7dbl_3", width, WIDE, 1),
        ("branch7x7dbl_4", width, TALL, 1),
        ("branch7x7dbl_5", 192, WIDE, 1),
    )
    chains = ((("branch1x1", 192, 1, 1),), long, longer, (("branch_pool", 192, 1, 1),))
    return Mixed(768, chains)


def _seven(inputs: int, *, highest: bool) -> Mixed:
    wide: Chain = (
        ("branch3x3_1", 384, 1, 1),
        ("branch3x3_2a", 384, (1, 3), 1),
        ("branch3x3_2b", 384, (3, 1), 1),
    )
    deep: Chain = (
        ("branch3x3dbl_1", 448, 1, 1),
        ("branch3x3dbl_2", 384, 3, 1),
        ("branch3x3dbl_3a", 384, (1, 3), 1),
        ("branch3x3dbl_3b", 384, (3, 1), 1),
    )
    chains = ((("branch1x1", 320, 1, 1),), wide, deep, (("branch_pool", 192, 1, 1),))
    return Mixed(inputs, chains, highest=highest)


_SMALLER_6: tuple[Chain, ...] = (
    (("branch3x3", 384, 3, 2),),
    (("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1), ("branch3x3dbl_3", 96, 3, 2)),
)
_SMALLER_7: tuple[Chain, ...] = (
    (("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 2)),
    (
        ("branch7x7x3_1", 192, 1, 1),
        ("branch7x7x3_2", 192, WIDE, 1),
        ("branch7x7x3_3", 192, TALL, 1),
        ("branch7x7x3_4", 192, 3, 2),
    ),
)


class Inception(nn.Module):
    """The network of FID."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, keep=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, keep=False)
        self.Mixed_5b = _five(192, 32)
        self.Mixed_5c = _five(256, 64)
        self.Mixed_5d = _five(288, 64)
        self.Mixed_6a = Mixed(288, _SMALLER_6, shrink=True)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (_six(n) for n in (128, 160, 160, 192))
        self.Mixed_7a = Mixed(768, _SMALLER_7, shrink=True)
        self.Mixed_7b = _seven(1280, highest=False)
        self.Mixed_7c = _seven(2048, highest=True)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 2048"]:
        """Features of pictures -1..1, brought to 299 x 299 bilinearly (as FID's usual code does)."""
        x = functional.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = functional.max_pool2d(x, 3, stride=2)
        x = functional.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, stride=2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = self.get_submodule(f"Mixed_{name}")(x)
        return x.mean(dim=(2, 3))
