"""`lipwright train ears`: synthesise, train, and write the folder that weights.load_ears reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lipwright.errors import OptionError
from lipwright.models.listener import Listener
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.training.ears_config import EarsConfig
from lipwright.training.ears_speech import make_ears_speech
from lipwright.training.loop import Stage
from lipwright.training.train_ears import train_ears
from lipwright.weights.load_ears import save_ears


def make_ears(
    work: Path, out: Path, config: EarsConfig, *, processes: int = 2, say: Callable[[str], None] = print
) -> Listener:
    """Run, or go on with, everything in `work`, then write the ears to `out`.

    Raises OptionError for a seed of evaluation, InputError when a voice is missing, LipwrightError on NaN.
    """
    if not 0 <= config.seed < EVALUATION_SEED:
        raise OptionError(
            f"The training seed {config.seed} is not below {EVALUATION_SEED}; seeds from there on are for "
            "evaluation only."
        )
    work.mkdir(parents=True, exist_ok=True)
    material = make_ears_speech(work / "material", config, processes, say)
    network, stages = train_ears(work, config, material, say)
    write_ears(out, network, stages, config, {"minutes": material.minutes()})
    return network


def write_ears(
    out: Path, network: Listener, stages: list[Stage], config: EarsConfig, more: dict[str, Any]
) -> None:
    """Weights, record and curves."""
    out.mkdir(parents=True, exist_ok=True)
    curves = []
    for stage in stages:
        curve = stage.write_curve()
        (out / curve.name).write_bytes(curve.read_bytes())
        curves.append(curve.name)
    record = {
        "about": "Sound to mouth measures, from synthetic speech only; see docs/ears.md.",
        "training": {
            "command": f"lipwright train ears --seed {config.seed}",
            "config": config.to_json(),
            "steps": sum(stage.step for stage in stages),
            "parameters": sum(value.numel() for value in network.parameters()),
            "last": stages[-1].curve[-1] if stages[-1].curve else {},
            "curves": curves,
            **more,
        },
    }
    save_ears(network, out, record)
