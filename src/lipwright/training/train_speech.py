"""Sound to articulation: visemes by cross-entropy, the measures by squared error on value and change."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lipwright.models.articulation import ArticulationConfig, ArticulationEncoder
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import VISEMES
from lipwright.training.augment import normalise, roughen
from lipwright.training.config import SpeechConfig
from lipwright.training.loop import Stage
from lipwright.training.speech_material import FEATURE_HZ, SpeechMaterial


def draw_windows(
    speech: SpeechMaterial, utterances: Tensor, rows: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """One window per utterance: mel (b, 80, 2 rows) log10 power, measures (b, rows, 7), visemes (b, rows)."""
    mels, measures, visemes = [], [], []
    for utterance in utterances.tolist():
        span = speech.rows(utterance)
        free = span.stop - span.start - rows
        first = span.start + int(torch.randint(max(1, free + 1), (1,), generator=generator))
        at = np.minimum(np.arange(first, first + rows), span.stop - 1)
        columns = np.minimum(np.arange(2 * first, 2 * (first + rows)), 2 * span.stop - 1)
        mels.append(np.asarray(speech.mel[columns], np.float32).T)
        measures.append(np.asarray(speech.measures[at], np.float32))
        visemes.append(np.asarray(speech.visemes[at], np.int64))
    return (
        torch.from_numpy(np.stack(mels)),
        torch.from_numpy(np.stack(measures)),
        torch.from_numpy(np.stack(visemes)),
    )


def correlations(found: Tensor, true: Tensor) -> Tensor:
    """Pearson correlation of each column over all rows: (n, 7) and (n, 7) to (7,)."""
    found, true = found - found.mean(0), true - true.mean(0)
    size: Tensor = found.norm(dim=0) * true.norm(dim=0)
    return (found * true).sum(0) / size.clamp(min=1e-9)


def train_speech(
    folder: Path, config: SpeechConfig, speech: SpeechMaterial, seed: int, say: Callable[[str], None]
) -> tuple[ArticulationEncoder, Stage]:
    """Train (or resume) the encoder; one utterance in twenty is held out for the curve."""
    torch.manual_seed(seed)  # the initial weights; everything later draws from the stage's own generator
    shape = ArticulationConfig(
        width=config.width,
        heads=config.heads,
        layers=config.layers,
        context=int(config.window_s * FEATURE_HZ),
        measures=PARAMETERS,
        visemes=len(VISEMES),
    )
    network = ArticulationEncoder(shape)
    held = max(1, len(speech) // 20)
    rows = shape.context
    stage = Stage("speech", network, folder, config.steps, config.rate, seed, ema=0.998, say=say)

    def losses(generator: torch.Generator) -> dict[str, Tensor]:
        chosen = torch.randint(held, len(speech), (config.batch,), generator=generator)
        mel, measures, visemes = draw_windows(speech, chosen, rows, generator)
        with torch.autocast("cpu", torch.bfloat16):
            out = network(roughen(mel, generator))
        classes = functional.cross_entropy(out.visemes.float().transpose(1, 2), visemes, label_smoothing=0.05)
        value = functional.mse_loss(out.measures.float(), measures)
        change = functional.mse_loss(out.measures.float().diff(dim=1), measures.diff(dim=1))
        loss = classes + config.measures_weight * value + config.velocity_weight * change
        return {"loss": loss, "visemes": classes, "measures": value}

    @torch.no_grad()
    def check() -> dict[str, float]:
        generator = torch.Generator().manual_seed(5)
        mel, measures, visemes = draw_windows(speech, torch.arange(held)[:64], rows, generator)
        out = stage.result(normalise(mel, mel.amax(dim=(1, 2), keepdim=True)))
        found = correlations(out.measures.flatten(0, 1), measures.flatten(0, 1))
        hit = (out.visemes.argmax(-1) == visemes).float().mean()
        return {
            "held_visemes": float(hit),
            **{f"held_{p}": float(c) for p, c in zip(PARAMETERS, found, strict=True)},
        }

    stage.run(losses, check)
    result = stage.result
    assert isinstance(result, ArticulationEncoder)
    return result.eval(), stage
