"""Stronger treatment of mel power than augment.py's, for ears that must hear people, rooms, music and crowds.

On log10 mel power (b, 80, t) at 100 columns a second, in PyTorch, with an explicit generator. Amounts are in
decades of power: 0.1 is 1 dB.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from lipwright.training.augment import BANDS, FLOOR, add_noise, colour, reverberate

Mel = Float[Tensor, "b 80 t"]


def _draw(b: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "b 1 1"]:
    return torch.rand(b, 1, 1, generator=generator) * (high - low) + low


def _some(b: int, share: float, generator: torch.Generator) -> Float[Tensor, "b 1 1"]:
    """1 for that share of the items, else 0."""
    return (torch.rand(b, 1, 1, generator=generator) < share).float()


def warp_tract(mel: Mel, generator: torch.Generator) -> Mel:
    """Another vocal tract: bands moved by 0.82 to 1.2, more in the middle or at the ends."""
    b = len(mel)
    place = torch.linspace(0, 1, BANDS)[None]
    factor = _draw(b, 0.82, 1.2, generator)[:, 0]
    bend = _draw(b, -0.08, 0.08, generator)[:, 0]
    at = (place * factor + bend * torch.sin(torch.pi * place)).clamp(0, 1) * (BANDS - 1.001)
    low = at.floor().long()
    part = (at - low)[..., None]
    low = low[..., None].expand(-1, -1, mel.shape[-1])
    return mel.gather(1, low) * (1 - part) + mel.gather(1, low + 1) * part


def blur_pitch(mel: Mel, generator: torch.Generator) -> Mel:
    """Harmonics smeared over up to five bands on half of the items: other pitches, whispers, rough voices."""
    kernel = torch.tensor([0.15, 0.22, 0.26, 0.22, 0.15])[None, None]
    b, bands, t = mel.shape
    flat = functional.pad(mel.transpose(1, 2).reshape(b * t, 1, bands), (2, 2), mode="replicate")
    smooth = functional.conv1d(flat, kernel).reshape(b, t, bands).transpose(1, 2)
    part = _some(b, 0.5, generator) * _draw(b, 0.3, 1.0, generator)
    return mel + (smooth - mel) * part


def shape_level(mel: Mel, generator: torch.Generator) -> Mel:
    """Compressors and expanders (0.65 to 1.2 of the range), and a level that wanders by some dB."""
    b, _, t = mel.shape
    top = mel.amax(dim=(1, 2), keepdim=True)
    mel = top + (mel - top) * (1 + _some(b, 0.5, generator) * (_draw(b, 0.65, 1.2, generator) - 1))
    drift = torch.randn(b, 1, t // 100 + 2, generator=generator) * 0.2
    return mel + functional.interpolate(drift, size=t, mode="linear") * _some(b, 0.5, generator)


def add_babble(power: Mel, generator: torch.Generator) -> Mel:
    """Other speakers of the batch, 4 to 25 dB weaker, behind a fifth of the items."""
    b = len(power)
    order = torch.randperm(b, generator=generator)
    other = power[order] + power[order.roll(1)] * _draw(b, 0, 1, generator)
    own, theirs = power.mean(dim=(1, 2), keepdim=True), other.mean(dim=(1, 2), keepdim=True)
    gain = own / theirs.clamp(min=1e-12) * 10 ** -_draw(b, 0.4, 2.5, generator)
    return power + other * gain * _some(b, 0.2, generator)


def add_music(power: Mel, generator: torch.Generator) -> Mel:
    """Notes: narrow bands that begin, fade and change every 0.1 to 0.8 s, 3 to 30 dB weaker, on one in 6."""
    b, bands, t = power.shape
    step = int(torch.randint(10, 80, (1,), generator=generator))
    notes = (torch.rand(b, bands, t // step + 2, generator=generator) < 0.12).float()
    notes = notes * 10 ** (torch.randn(notes.shape, generator=generator) * 0.4)
    held = notes.repeat_interleave(step, dim=2)[:, :, :t]
    fade = 10 ** (-(torch.arange(t) % step)[None, None] / step * _draw(b, 0.0, 2.0, generator))
    music = held * fade
    own, theirs = power.mean(dim=(1, 2), keepdim=True), music.mean(dim=(1, 2), keepdim=True)
    gain = own / theirs.clamp(min=1e-12) * 10 ** -_draw(b, 0.3, 3.0, generator)
    return power + music * gain * _some(b, 0.17, generator)


def add_breath(power: Mel, quiet: Float[Tensor, "b 1 t"], generator: torch.Generator) -> Mel:
    """Breath in the pauses: broad noise that swells and falls, 15 to 35 dB under the loud columns.

    quiet: 1 where nobody speaks.
    """
    b, _, t = power.shape
    loud = power.mean(1, keepdim=True).quantile(0.95, dim=2, keepdim=True)
    swell = functional.interpolate(torch.rand(b, 1, t // 30 + 2, generator=generator), size=t, mode="linear")
    place = torch.linspace(0, 1, BANDS)[None, :, None]
    tint = -2.0 * (place - _draw(b, 0.3, 0.8, generator)).square() * 4
    level = loud * 10 ** (tint + 1.5 * (swell - 1) - _draw(b, 1.5, 3.5, generator))
    grain = 10 ** (0.15 * torch.randn(power.shape, generator=generator))
    return power + level * grain * quiet * _some(b, 0.5, generator)


def mask_spans(mel: Mel, generator: torch.Generator) -> Mel:
    """Holes as in SpecAugment: up to two runs of bands and two short runs of columns at the item's floor."""
    b, bands, t = mel.shape
    floor = mel.amin(dim=(1, 2), keepdim=True)
    keep = torch.ones(b, bands, t)
    rows, columns = torch.arange(bands)[None, :, None], torch.arange(t)[None, None]
    for _ in range(2):
        first, length = _draw(b, 0, bands, generator), _draw(b, 0, 10, generator) * _some(b, 0.5, generator)
        keep = keep * (1 - ((rows >= first) & (rows < first + length)).float())
        first, length = _draw(b, 0, t, generator), _draw(b, 0, 8, generator) * _some(b, 0.4, generator)
        keep = keep * (1 - ((columns >= first) & (columns < first + length)).float())
    return torch.where(keep > 0, mel, floor)


def roughen_ears(mel: Mel, quiet: Float[Tensor, "b 1 t"], generator: torch.Generator) -> Mel:
    """All of it on clean log10 power; gives log10 power. quiet: 1 in columns where nobody speaks."""
    mel = shape_level(colour(blur_pitch(warp_tract(mel, generator), generator), generator), generator)
    power = add_breath(10**mel, quiet, generator)
    power = reverberate(add_babble(power, generator), generator)
    power = add_music(power, generator)
    noisy = add_noise(power, generator)
    power = torch.where(_some(len(power), 0.75, generator) > 0, noisy, power)
    mel = power.clamp(min=10**FLOOR).log10() + torch.randn(len(mel), 1, 1, generator=generator) * 0.8
    return mask_spans(mel, generator)
