"""The embedded model's autoencoder: norm-free convolutions on pixel blocks, eight times smaller on each side.

Without normalisation layers nothing depends on the rest of the picture, so it trains on small patches and
runs on whole crops with the same numbers. It stands behind the same interface as the autoencoder of Stable
Diffusion.
"""

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SEEN_PX = 2  # side of the px blocks that the encoder looks at


@dataclass(frozen=True)
class PixelAutoencoderConfig:
    """Shape of the network: channels of the three levels, fine to coarse, residual blocks per level.

    block_px: side of the px blocks that the decoder draws at its finest level. The encoder always looks at
    blocks of 2 px: with 4, it is shown the picture at half its size, and the decoder draws twice as
    many px on each side as the encoder saw.
    """

    channels: tuple[int, int, int] = (48, 80, 128)
    encoder_blocks: tuple[int, int, int] = (1, 1, 2)
    decoder_blocks: tuple[int, int, int] = (2, 2, 3)
    latent_channels: int = 4
    block_px: int = 2

    @property
    def factor(self) -> int:
        """Picture px per latent, on each side."""
        return 4 * self.block_px

    @staticmethod
    def from_json(data: dict[str, object]) -> "PixelAutoencoderConfig":
        """Build from the `config` of a bundle; lists become tuples, unknown keys raise TypeError."""
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return PixelAutoencoderConfig(**values)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, object]:
        """The same as plain JSON values."""
        return asdict(self)


class _Residual(nn.Module):
    """x + conv(silu(conv(silu(x)))), the last convolution starting near zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        if not self.second.weight.is_meta:  # there, normal_ loads torch's compiler: 1 s, and a folder in temp
            nn.init.normal_(self.second.weight, std=1e-3)
            nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(functional.silu(self.first(functional.silu(x))))
        return out


def _level(channels: int, blocks: int) -> list[nn.Module]:
    return [_Residual(channels) for _ in range(blocks)]


class PixelAutoencoder(nn.Module):
    """Pictures (n, 3, h, w) in -1..1 to latents (n, 4, h/factor, w/factor) and back; h and w are multiples of
    the factor: 8 with blocks of 2 px, 16 with blocks of 4.

    Latents are unscaled (the bundle's scaling factor makes their spread about 1); there is no random part.
    """

    def __init__(self, config: PixelAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.channels
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(SEEN_PX),
            nn.Conv2d(3 * SEEN_PX**2, fine, 3, padding=1),
            *_level(fine, config.encoder_blocks[0]),
            nn.Conv2d(fine, middle, 4, stride=2, padding=1),
            *_level(middle, config.encoder_blocks[1]),
            nn.Conv2d(middle, coarse, 4, stride=2, padding=1),
            *_level(coarse, config.encoder_blocks[2]),
            nn.SiLU(),
            nn.Conv2d(coarse, config.latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent_channels, coarse, 3, padding=1),
            *_level(coarse, config.decoder_blocks[2]),
            nn.Conv2d(coarse, middle * 4, 3, padding=1),
            nn.PixelShuffle(2),
            *_level(middle, config.decoder_blocks[1]),
            nn.Conv2d(middle, fine * 4, 3, padding=1),
            nn.PixelShuffle(2),
            *_level(fine, config.decoder_blocks[0]),
            nn.SiLU(),
            nn.Conv2d(fine, 3 * config.block_px**2, 3, padding=1),
            nn.PixelShuffle(config.block_px),
        )

    def encode(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c y x"]:
        """Latents of the pictures, unscaled."""
        if self.config.block_px != SEEN_PX:
            side = (
                pictures.shape[-2] * SEEN_PX // self.config.block_px,
                pictures.shape[-1] * SEEN_PX // self.config.block_px,
            )
            pictures = functional.interpolate(pictures, side, mode="bicubic", antialias=True)
        latents: Tensor = self.encoder(pictures)
        return latents

    def decode(self, latents: Float[Tensor, "n c y x"]) -> Float[Tensor, "n 3 h w"]:
        """Pictures of unscaled latents; values may pass -1..1 a little."""
        pictures: Tensor = self.decoder(latents)
        return pictures

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Pictures through the latents and back (what training optimises)."""
        return self.decode(self.encode(pictures))


def parameter_count(network: nn.Module) -> int:
    """Number of trained values, for records."""
    return sum(parameter.numel() for parameter in network.parameters() if torch.is_floating_point(parameter))
