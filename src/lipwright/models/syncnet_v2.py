"""The classic SyncNet (Chung and Zisserman 2016, version 2): five frames, or 0.2 s of sound, to a vector.

Key names are those of the public file `syncnet_v2.model`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDTH = 1024  # of both vectors
INNER = 512


def _tail() -> nn.Sequential:
    return nn.Sequential(nn.Linear(INNER, INNER), nn.BatchNorm1d(INNER), nn.ReLU(), nn.Linear(INNER, WIDTH))


def _sound_layers() -> nn.Sequential:
    """13 x 20 coefficients to one place of 512 channels."""
    layers: list[nn.Module] = []
    before = 1
    pools = {0: (1, 1, 1), 1: (3, 1, 2), 4: (3, 2, 2)}  # convolution -> window, stride down, stride across
    for number, width in enumerate((64, 192, 384, 256, 256)):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        if number in pools:
            window, down, across = pools[number]
            layers.append(nn.MaxPool2d(window, stride=(down, across)))
        before = width
    layers += [nn.Conv2d(before, INNER, (5, 4)), nn.BatchNorm2d(INNER), nn.ReLU()]
    return nn.Sequential(*layers)


def _picture_layers() -> nn.Sequential:
    """5 x 224 x 224 pixels to one place of 512 channels."""
    layers: list[nn.Module] = []
    before = 3
    # channels, window (time, picture), stride, padding, padding of the pooling behind it (None: no pooling)
    rows: tuple[tuple[int, tuple[int, int], int, int, int | None], ...] = (
        (96, (5, 7), 2, 0, 0),
        (256, (1, 5), 2, 1, 1),
        (256, (1, 3), 1, 1, None),
        (256, (1, 3), 1, 1, None),
        (256, (1, 3), 1, 1, 0),
        (INNER, (1, 6), 1, 0, None),
    )
    for width, (over, wide), stride, padding, pool in rows:
        layers += [
            nn.Conv3d(
                before,
                width,
                (over, wide, wide),
                stride=(1, stride, stride),
                padding=(0, padding, padding),
            ),
            nn.BatchNorm3d(width),
            nn.ReLU(),
        ]
        if pool is not None:
            layers.append(nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, pool, pool)))
        before = width
    return nn.Sequential(*layers)


class SyncNetV2(nn.Module):
    """Vectors that lie near each other when lips and sound belong together (Euclidean distance)."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = _sound_layers()
        self.netfcaud = _tail()
        self.netcnnlip = _picture_layers()
        self.netfclip = _tail()

    def sound(self, coefficients: Float[Tensor, "b 1 13 20"]) -> Float[Tensor, "b 1024"]:
        """Of 13 MFCC x 20 columns (0.2 s)."""
        out: Tensor = self.netfcaud(torch.flatten(self.netcnnaud(coefficients), 1))
        return out

    def lips(self, pixels: Float[Tensor, "b 3 5 224 224"]) -> Float[Tensor, "b 1024"]:
        """Of five frames at 25 per second, BGR, 0..255."""
        out: Tensor = self.netfclip(torch.flatten(self.netcnnlip(pixels), 1))
        return out
