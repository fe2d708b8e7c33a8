"""Rough treatment of mel power, so that ears trained on synthesisers hear people, rooms, music and crowds.

On log10 mel power (b, 80, t) at 100 columns a second, in PyTorch, with an explicit generator. Amounts are in
decades of power: 0.1 is 1 dB.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

BANDS = 80
FLOOR = -10.0  # log10 of the smallest power kept (speech/mel.py)
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
    narrow = _draw(b, 0, 1, generator) < 0.3
    low, high = _draw(b, 0, 0.12, generator), _draw(b, 0.6, 1.0, generator)
    outside = functional.relu(low - x) + functional.relu(x - high)
    return mel + curve - torch.where(narrow, outside * 30, torch.zeros(()))


def reverberate(power: Float[Tensor, "b 80 t"], generator: torch.Generator) -> Float[Tensor, "b 80 t"]:
    """An exponential tail (60 to 600 ms) under the sound, on two items in three."""
    b = len(power)
    length = 60
    decay = _draw(b, 0.010, 0.10, generator)[:, 0] * 100  # time constant in columns
    amount = _draw(b, 0.0, 0.35, generator)[:, 0] * (_draw(b, 0, 1, generator)[:, 0] < 0.66)
    tail = torch.exp(-torch.arange(1, length + 1)[None] / decay)
    kernel = torch.cat([torch.ones(b, 1), amount * tail / tail.sum(1, keepdim=True) * decay.clamp(max=4)], 1)
    padded = functional.pad(power.transpose(0, 1), (length, 0))  # bands as batch, items as groups
    wet = functional.conv1d(padded, kernel.flip(1)[:, None], groups=b)
    return wet.transpose(0, 1)


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


def add_music(
    power: Mel, generator: torch.Generator, share: float = 0.17, weaker: tuple[float, float] = (0.3, 3.0)
) -> Mel:
    """Notes: narrow bands that begin, fade and change every 0.1 to 0.8 s, weaker by a drawn amount."""
    b, bands, t = power.shape
    step = int(torch.randint(10, 80, (1,), generator=generator))
    notes = (torch.rand(b, bands, t // step + 2, generator=generator) < 0.12).float()
    notes = notes * 10 ** (torch.randn(notes.shape, generator=generator) * 0.4)
    held = notes.repeat_interleave(step, dim=2)[:, :, :t]
    fade = 10 ** (-(torch.arange(t) % step)[None, None] / step * _draw(b, 0.0, 2.0, generator))
    music = held * fade
    own, theirs = power.mean(dim=(1, 2), keepdim=True), music.mean(dim=(1, 2), keepdim=True)
    gain = own / theirs.clamp(min=1e-12) * 10 ** -_draw(b, *weaker, generator)
    return power + music * gain * _some(b, share, generator)


def grain(shape: tuple[int, int, int], generator: torch.Generator) -> Mel:
    """Power of steady noise around its mean as a 25 ms window sees it, (b, 80, t).

    Low bands hold one line of the transform and flicker by 5 dB, high ones four and flicker by 2.
    """
    b, _, t = shape
    lines = torch.tensor([1] * 30 + [2] * 25 + [3] * 13 + [4] * 12)
    power = torch.zeros(b, BANDS, t)
    for line in range(4):
        drawn = -torch.rand(b, BANDS, t, generator=generator).clamp(min=1e-6).log()
        power += torch.where((lines > line)[None, :, None], drawn, 0.0)
    power = power / lines[None, :, None]
    return 0.85 * power + 0.15 * power.roll(1, dims=1)  # neighbouring bands share lines


def add_room(power: Mel, generator: torch.Generator) -> Mel:
    """Coloured, slowly swelling noise 3 to 45 dB under the loudest tenth of the sound, on 3 in 4."""
    b, _, t = power.shape
    level = power.mean(1, keepdim=True).quantile(0.9, dim=2, keepdim=True)
    gain = level * 10 ** -_draw(b, 0.3, 4.5, generator) * _some(b, 0.75, generator)
    return power + gain * _tinted((b, BANDS, t), generator)


def nothing_said(items: int, columns: int, generator: torch.Generator) -> Mel:
    """Log10 power of what there is when nobody speaks: rooms, hums, music."""
    room = _tinted((items, BANDS, columns), generator)
    lines = (torch.rand(items, BANDS, 1, generator=generator) < 0.06).float()
    hum = lines * 10 ** _draw(items, 0.5, 2.5, generator) * _some(items, 0.4, generator)
    music = add_music(room, generator, share=0.4, weaker=(-2.0, 0.5))
    level = _draw(items, -9.0, -4.0, generator)
    return ((music + hum).clamp(min=1e-9).log10() + level).clamp(min=FLOOR)


def _tinted(shape: tuple[int, int, int], generator: torch.Generator) -> Mel:
    """Power of coloured noise with grain and slow swells, about 1."""
    b, _, t = shape
    place = torch.linspace(0, 1, BANDS)[None, :, None]
    tilt = torch.randn(b, 1, 1, generator=generator) * 1.2 * (0.5 - place)
    bow = 0.4 * torch.randn(b, 1, 1, generator=generator) * torch.cos(2 * torch.pi * place)
    swell = torch.randn(b, 1, t // 50 + 2, generator=generator) * 0.2
    swell = functional.interpolate(swell, size=t, mode="linear")
    return grain(shape, generator) * 10 ** (tilt + bow + swell)


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
    return power + level * grain((b, BANDS, t), generator) * quiet * _some(b, 0.5, generator)


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
    power = add_room(add_music(power, generator), generator)
    mel = power.clamp(min=10**FLOOR).log10() + torch.randn(len(mel), 1, 1, generator=generator) * 0.8
    return mask_spans(mel, generator)
