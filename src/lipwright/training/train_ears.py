"""Ears for real people: from roughened speech of several synthesisers to mouth measures."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lipwright.device import quick_autocast
from lipwright.models.articulation import Heard
from lipwright.models.listener import Listener, ListenerConfig, own_level, relative
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import VISEMES
from lipwright.training.ears_config import SHARES, EarsConfig
from lipwright.training.ears_material import ROWS_HZ, EarsMaterial, Windows, cut
from lipwright.training.loop import Stage
from lipwright.training.roughen_ears import nothing_said, roughen_ears

_JAW = PARAMETERS.index("jaw")
_SILENT_SHARE = 0.08  # windows without a word: whatever hums there, the mouth stays shut
_IMPORTANT = torch.tensor([2.0 if name in ("jaw", "press", "tuck") else 1.0 for name in PARAMETERS])


def network_of(config: EarsConfig) -> Listener:
    """The network of a run, untrained."""
    return Listener(ListenerConfig(config.width, config.hidden, config.dilations, PARAMETERS, len(VISEMES)))


def correlations(found: Tensor, true: Tensor) -> Tensor:
    """Pearson correlation of each column over all rows: (n, 7) and (n, 7) to (7,)."""
    found, true = found - found.mean(0), true - true.mean(0)
    size: Tensor = found.norm(dim=0) * true.norm(dim=0)
    return (found * true).sum(0) / size.clamp(min=1e-9)


def draw_batch(material: EarsMaterial, config: EarsConfig, generator: torch.Generator) -> Windows:
    """Windows of training utterances, engines by their shares, some emptied of all speech."""
    names = [name for name in material.names if len(material.of(name, False, config.held_every))]
    shares = torch.tensor([SHARES[name] for name in names])
    drawn = torch.multinomial(shares, config.batch, replacement=True, generator=generator)
    chosen = []
    for index in drawn.tolist():
        mine = material.of(names[index], False, config.held_every)
        chosen.append(mine[int(torch.randint(len(mine), (1,), generator=generator))])
    windows = cut(material, np.array(chosen), _rows(config), config.tempo, generator)
    empty = torch.rand(config.batch, generator=generator) < _SILENT_SHARE
    count = int(empty.sum())
    if count:
        windows.mel[empty] = nothing_said(count, windows.mel.shape[2], generator)
    windows.measures[empty] = 0.0
    windows.visemes[empty] = 0
    return windows


def _rows(config: EarsConfig) -> int:
    return int(config.window_s * ROWS_HZ)


def loss_parts(out: Heard, windows: Windows, config: EarsConfig) -> dict[str, Tensor]:
    """The loss and its parts: visemes, measures, their motion and its evenness, likeness of the jaw."""
    measures = out.measures.float()
    classes = functional.cross_entropy(
        out.visemes.float().transpose(1, 2), windows.visemes, label_smoothing=0.05
    )
    wrong = (measures - windows.measures) * _IMPORTANT.sqrt()
    value, motion = wrong.square().mean(), wrong.diff(dim=1).square().mean()
    evenness = wrong.diff(n=2, dim=1).square().mean()
    found, true = measures[..., _JAW], windows.measures[..., _JAW]
    found, true = found - found.mean(1, keepdim=True), true - true.mean(1, keepdim=True)
    spoken = (true.norm(dim=1) > 0.5).float()
    size = found.norm(dim=1) * true.norm(dim=1)
    unlike = ((1 - (found * true).sum(1) / size.clamp(min=1e-3)) * spoken).mean()
    loss = (
        classes
        + config.measures_weight * value
        + config.velocity_weight * motion
        + config.roughness_weight * evenness
        + config.likeness_weight * unlike
    )
    return {"loss": loss, "visemes": classes, "measures": value, "unlike": unlike}


@torch.no_grad()
def hear_windows(network: torch.nn.Module, mel: Tensor) -> Heard:
    """Clean or roughened log10 power straight through the network."""
    heard: Heard = network(relative(mel, own_level(mel)))
    return heard


def train_ears(
    folder: Path, config: EarsConfig, material: EarsMaterial, say: Callable[[str], None] = print
) -> tuple[Listener, list[Stage]]:
    """Train, or go on with, the ears; states and curves in `folder`. Raises LipwrightError on NaN."""
    torch.manual_seed(config.seed)  # the initial weights; everything later draws from the stage's generator
    network = network_of(config)
    stages = []
    for number, (steps, rate) in enumerate(config.rounds):
        name = "ears" if number == 0 else f"ears{number + 1}"
        stage = Stage(name, network, folder, steps, rate, config.seed + number, ema=0.998, say=say)
        stage.run(partial(_losses, stage, material, config), partial(_check, stage, material, config))
        assert isinstance(stage.result, Listener)
        network = copy.deepcopy(stage.result).requires_grad_(True).train()
        stages.append(stage)
    return network.eval().requires_grad_(False), stages


def _losses(
    stage: Stage, material: EarsMaterial, config: EarsConfig, generator: torch.Generator
) -> dict[str, Tensor]:
    windows = draw_batch(material, config, generator)
    mel = roughen_ears(windows.mel, windows.quiet, generator)
    heard = relative(mel, own_level(mel))
    with quick_autocast():
        out = stage.network(heard)
    return loss_parts(out, windows, config)


def _check(stage: Stage, material: EarsMaterial, config: EarsConfig) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name in material.names:
        held = material.of(name, True, config.held_every)[:24]
        if len(held):
            figures.update(_held_figures(stage.result, material, held, config, name))
    return figures


def _held_figures(
    network: torch.nn.Module, material: EarsMaterial, held: np.ndarray, config: EarsConfig, name: str
) -> dict[str, float]:
    generator = torch.Generator().manual_seed(5)
    windows = cut(material, held, _rows(config), (1.0, 1.0), generator)
    out = hear_windows(network, windows.mel)
    found = correlations(out.measures.flatten(0, 1), windows.measures.flatten(0, 1))
    hit = (out.visemes.argmax(-1) == windows.visemes).float().mean()
    keys = {p: float(c) for p, c in zip(PARAMETERS, found, strict=True)}
    return {f"{name}_visemes": float(hit), **{f"{name}_{p}": keys[p] for p in ("jaw", "press", "tuck")}}
