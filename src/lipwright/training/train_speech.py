"""The ears of `tiny`: the ears for real people, trained further on what the rendered presenters do.

Those ears learned mouths that breathe before a phrase and voices of several engines; presenters move by their
own rules, and only espeak-ng and flite speak for them. Half of the windows are heard as they are, half
roughened, so that recordings are still understood.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lipwright.device import quick_autocast
from lipwright.models.articulation import Heard
from lipwright.models.listener import Listener, ListenerConfig, own_level, relative
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import VISEMES
from lipwright.training.config import SpeechConfig
from lipwright.training.ears_config import EarsConfig
from lipwright.training.ears_material import EarsMaterial, cut
from lipwright.training.loop import Stage
from lipwright.training.roughen_ears import nothing_said, roughen_ears
from lipwright.training.speech_material import FEATURE_HZ, SpeechMaterial
from lipwright.training.train_ears import correlations, hear_windows, loss_parts
from lipwright.weights.load_ears import load_ears

ENGINE = "rule"


def as_ears_material(speech: SpeechMaterial) -> EarsMaterial:
    """The same utterances in the form that the ears' training cuts windows from."""
    return EarsMaterial(
        speech.mel,
        speech.measures,
        speech.visemes,
        speech.starts,
        np.zeros(len(speech), np.uint8),
        (ENGINE,),
    )


def first_network(config: SpeechConfig) -> Listener:
    """The bundled ears, or new ones of the configured shape."""
    if config.start_from_ears:
        return load_ears().requires_grad_(True).train()
    return Listener(ListenerConfig(config.width, config.hidden, config.dilations, PARAMETERS, len(VISEMES)))


def train_speech(
    folder: Path, config: SpeechConfig, speech: SpeechMaterial, seed: int, say: Callable[[str], None]
) -> tuple[Listener, Stage]:
    """Train (or resume); one utterance in twenty is held out for the curve. Raises LipwrightError on NaN."""
    torch.manual_seed(seed)  # the initial weights; everything later draws from the stage's own generator
    network = first_network(config)
    material, rows = as_ears_material(speech), int(config.window_s * FEATURE_HZ)
    held = np.arange(max(1, len(speech) // 20))
    others = np.arange(len(held), len(speech)) if len(speech) > len(held) else held
    weights = replace(
        EarsConfig(),
        measures_weight=config.measures_weight,
        velocity_weight=config.velocity_weight,
        likeness_weight=config.likeness_weight,
    )
    stage = Stage("speech", network, folder, config.steps, config.rate, seed, ema=0.998, say=say)

    def losses(generator: torch.Generator) -> dict[str, Tensor]:
        chosen = others[torch.randint(len(others), (config.batch,), generator=generator).numpy()]
        windows = cut(material, chosen, rows, config.tempo, generator)
        mel = windows.mel
        rough = torch.rand(config.batch, generator=generator) < config.rough_share
        if rough.any():
            mel[rough] = roughen_ears(mel[rough], windows.quiet[rough], generator)
        empty = torch.rand(config.batch, generator=generator) < config.silent_share
        if empty.any():
            mel[empty] = nothing_said(int(empty.sum()), mel.shape[2], generator)
            windows.measures[empty] = 0.0
            windows.visemes[empty] = 0
        with quick_autocast():
            heard: Heard = network(relative(mel, own_level(mel)))
        return loss_parts(heard, windows, weights)

    def check() -> dict[str, float]:
        windows = cut(material, held[:96], rows, (1.0, 1.0), torch.Generator().manual_seed(5))
        heard = hear_windows(stage.result, windows.mel)
        found = correlations(heard.measures.flatten(0, 1), windows.measures.flatten(0, 1))
        hit = (heard.visemes.argmax(-1) == windows.visemes).float().mean()
        each = [
            correlations(a[:, :1], b[:, :1]) for a, b in zip(heard.measures, windows.measures, strict=True)
        ]
        return {
            "held_visemes": float(hit),
            "held_jaw_each": float(torch.cat(each).mean()),
            **{f"held_{p}": float(c) for p, c in zip(PARAMETERS, found, strict=True)},
        }

    stage.run(losses, check)
    result = stage.result
    assert isinstance(result, Listener)
    return result.eval(), stage
