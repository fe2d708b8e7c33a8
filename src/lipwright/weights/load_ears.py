"""The ears that hear real people: a small folder of their own, also copied into personal bundles.

```text
ears.json            kind, config, sha256 of the weights, licence, how it was trained
ears.safetensors     the weights, fp16
ears.csv             the curve of the training
```
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lipwright.errors import WeightsError
from lipwright.models.listener import Listener, ListenerConfig
from lipwright.weights.bundle import checksum, embedded_folder
from lipwright.weights.load import load_weights, save_weights

FORMAT = 1
KIND = "listener"
DESCRIPTION, WEIGHTS = "ears.json", "ears.safetensors"


def load_ears(folder: Path | None = None) -> Listener:
    """The ears of a folder, for use on the CPU in fp32; None: those that ship with lipwright.

    Raises WeightsError when a file is missing, damaged, or made for another version.
    """
    home = embedded_folder("ears") if folder is None else folder
    info = _description(home)
    weights = home / WEIGHTS
    if not weights.is_file():
        raise WeightsError(f"{home} lacks {WEIGHTS}; make the ears again with `lipwright train ears`.")
    if (found := checksum(weights)) != info["sha256"]:
        raise WeightsError(
            f"{weights} has the wrong checksum (SHA-256 {found[:12]}..., expected {info['sha256'][:12]}...); "
            "it is damaged or was changed: make or copy it again."
        )
    try:
        network = Listener(ListenerConfig.from_json(info["config"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{home / DESCRIPTION} does not describe ears ({error!r}); make it again."
        ) from error
    load_weights(network, weights)
    return network.eval().requires_grad_(False)


def save_ears(network: Listener, folder: Path, record: Mapping[str, Any]) -> None:
    """Write weights and description; `record` tells how they were trained and goes into ears.json."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, folder / WEIGHTS, torch.float16)
    info = {
        "format": FORMAT,
        "kind": KIND,
        "licence": "Apache-2.0",
        "config": network.config.to_json(),
        "sha256": checksum(folder / WEIGHTS),
        **record,
    }
    part = folder / (DESCRIPTION + ".part")
    part.write_text(json.dumps(info, indent=1) + "\n")
    part.replace(folder / DESCRIPTION)


def _description(home: Path) -> dict[str, Any]:
    file = home / DESCRIPTION
    try:
        info: Any = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise WeightsError(f"{home} holds no ears: it has no {DESCRIPTION}.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} cannot be read ({error}); make or copy the ears again.") from error
    if not isinstance(info, dict) or info.get("kind") != KIND or info.get("format") != FORMAT:
        raise WeightsError(
            f"{file} is not a description of ears that this lipwright reads; upgrade it, or make them again."
        )
    if not isinstance(info.get("sha256"), str):
        raise WeightsError(f"{file} gives no checksum; make the ears again.")
    return dict(info)
