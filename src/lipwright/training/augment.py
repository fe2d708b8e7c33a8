"""Rough treatment of mel power, so that an encoder trained on synthesisers hears people through microphones.

Everything works on log10 mel power (b, 80, t) in PyTorch, with an explicit generator; no waveform is touched.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

BANDS = 80
FLOOR = -10.0  # log10 of the smallest power kept (speech/mel.py)


def _uniform(b: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "b 1 1"]:
    return torch.rand(b, 1, 1, generator=generator) * (high - low) + low


def warp_bands(mel: Float[Tensor, "b 80 t"], generator: torch.Generator) -> Float[Tensor, "b 80 t"]:
    """Another length of the vocal tract: the band axis stretched by 0.86 to 1.16."""
    b = len(mel)
    factor = _uniform(b, 0.86, 1.16, generator)[:, 0]
    at = torch.arange(BANDS).float()[None] * factor
    at = at.clamp(0, BANDS - 1.001)
    low = at.floor().long()
    part = (at - low)[..., None]
    low = low[..., None].expand(-1, -1, mel.shape[-1])
    return mel.gather(1, low) * (1 - part) + mel.gather(1, low + 1) * part


def colour(mel: Float[Tensor, "b 80 t"], generator: torch.Generator) -> Float[Tensor, "b 80 t"]:
    """A smooth random equaliser of about +-8 dB, a tilt, at times a narrow band (telephones, far voices)."""
    b = len(mel)
    x = torch.linspace(0, 1, BANDS)[None, :, None]
    curve = torch.zeros(b, BANDS, 1)
    for order in range(1, 6):
        curve = (
            curve
            + torch.randn(b, 1, 1, generator=generator) * 0.35 * torch.cos(torch.pi * order * x) / order**0.5
        )
    curve = curve + torch.randn(b, 1, 1, generator=generator) * 0.5 * (x - 0.5)
    narrow = _uniform(b, 0, 1, generator) < 0.3
    low, high = _uniform(b, 0, 0.12, generator), _uniform(b, 0.6, 1.0, generator)
    outside = functional.relu(low - x) + functional.relu(x - high)
    return mel + curve - torch.where(narrow, outside * 30, torch.zeros(()))


def reverberate(power: Float[Tensor, "b 80 t"], generator: torch.Generator) -> Float[Tensor, "b 80 t"]:
    """An exponential tail (60 to 600 ms) under the sound, on two items in three."""
    b = len(power)
    length = 60
    decay = _uniform(b, 0.010, 0.10, generator)[:, 0] * 100  # time constant in columns
    amount = _uniform(b, 0.0, 0.35, generator)[:, 0] * (_uniform(b, 0, 1, generator)[:, 0] < 0.66)
    tail = torch.exp(-torch.arange(1, length + 1)[None] / decay)
    kernel = torch.cat([torch.ones(b, 1), amount * tail / tail.sum(1, keepdim=True) * decay.clamp(max=4)], 1)
    padded = functional.pad(power.transpose(0, 1), (length, 0))  # bands as batch, items as groups
    wet = functional.conv1d(padded, kernel.flip(1)[:, None], groups=b)
    return wet.transpose(0, 1)


def add_noise(power: Float[Tensor, "b 80 t"], generator: torch.Generator) -> Float[Tensor, "b 80 t"]:
    """Coloured, slowly swelling noise 3 to 45 dB under the loudest tenth of the sound."""
    b, _, t = power.shape
    level = power.mean(1, keepdim=True).quantile(0.9, dim=2, keepdim=True)
    snr = _uniform(b, 0.3, 4.5, generator)
    x = torch.linspace(0, 1, BANDS)[None, :, None]
    tint = torch.randn(b, 1, 1, generator=generator) * 1.2 * (0.5 - x) + 0.4 * torch.randn(
        b, 1, 1, generator=generator
    ) * torch.cos(2 * torch.pi * x)
    swell = torch.randn(b, 1, t // 50 + 2, generator=generator) * 0.25
    swell = functional.interpolate(swell, size=t, mode="linear")
    grain = 0.15 * torch.randn(power.shape, generator=generator)
    return power + level * 10 ** (tint + swell + grain - snr)


def normalise(mel: Float[Tensor, "b 80 t"], loudest: Float[Tensor, "b 1 1"]) -> Float[Tensor, "b 80 t"]:
    """Whisper's scaling with a given maximum: floor 8 decades under it, (x + 4) / 4."""
    return (torch.maximum(mel, loudest - 8.0) + 4.0) / 4.0


def roughen(mel: Float[Tensor, "b 80 t"], generator: torch.Generator) -> Float[Tensor, "b 80 t"]:
    """All of the above on clean log10 power; returns normalised features for the encoder."""
    mel = colour(warp_bands(mel, generator), generator)
    power = add_noise(reverberate(10**mel, generator), generator)
    mel = power.clamp(min=10**FLOOR).log10() + torch.randn(len(mel), 1, 1, generator=generator) * 0.8
    dropped = torch.rand(len(mel), BANDS, 1, generator=generator) < 0.03
    mel = torch.where(dropped, mel.amin(dim=(1, 2), keepdim=True), mel).clamp(min=FLOOR)
    loudest = mel.amax(dim=(1, 2), keepdim=True) + _uniform(len(mel), 0, 0.7, generator) * (
        _uniform(len(mel), 0, 1, generator) < 0.5
    )
    return normalise(mel, loudest)
