"""The state of a run on disk: written beside the old one and renamed, read only by the run it belongs to."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lipwright.errors import OptionError, OutputError, WeightsError

STATE_FILE = "state.pt"
FORMAT = 1


def save_state(folder: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write the state of the run `identity`. Raises OutputError when it cannot; the old state stays whole."""
    part = folder / (STATE_FILE + ".part")
    try:
        torch.save({"format": FORMAT, "identity": json.dumps(identity, sort_keys=True), **state}, part)
        part.replace(folder / STATE_FILE)
    except (OSError, RuntimeError) as error:  # torch tells a full disk as a RuntimeError
        part.unlink(missing_ok=True)
        detail = " ".join(str(error).split())[:120]
        raise OutputError(
            f"The training state cannot be written to {folder} ({detail}); the last one is whole: make "
            "room and run the same command again."
        ) from error


def load_state(folder: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state of the run `identity`, None where there is none yet.

    Raises WeightsError for a file that is no state, OptionError naming the first difference when it belongs
    to another run.
    """
    file = folder / STATE_FILE
    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        found = json.loads(state["identity"])
        number = state["format"]
    except (
        OSError,
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise WeightsError(
            f"{file} is no training state that can be read; move it away to begin anew, or restore it."
        ) from error
    if number != FORMAT:
        raise WeightsError(
            f"{file} has format {number!r}, this lipwright reads {FORMAT}; use the one it is from."
        )
    if difference := _difference(found, dict(identity)):
        raise OptionError(
            f"{file} belongs to another run: {difference}; use another folder, or the settings it began with."
        )
    return state


def _difference(found: Any, wanted: Any, name: str = "") -> str:
    """The first place where two trees of plain values differ, in words; empty where they are equal."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(set(found) | set(wanted)):
            inner = _difference(found.get(key), wanted.get(key), f"{name}.{key}" if name else key)
            if inner:
                return inner
        return ""
    if json.loads(json.dumps(wanted)) == found:
        return ""
    return f"{name} is {_short(found)} there and {_short(wanted)} here"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
