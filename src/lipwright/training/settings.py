"""Configurations of training: those of `lipwright.settings`, with the recipes that ship."""

from collections.abc import Sequence
from importlib import resources
from typing import TypeVar

from lipwright import settings
from lipwright.settings import build, to_json

__all__ = ["build", "load", "recipes", "to_json"]

Config = TypeVar("Config")


def recipes() -> list[str]:
    """Names of the configurations that ship."""
    return sorted(_texts())


def load(kind: type[Config], source: str | None, changes: Sequence[str] = ()) -> Config:
    """A configuration from a recipe's name or a file (None: the defaults), with `a.b=value` changes on top.

    Raises OptionError as `lipwright.settings.load`.
    """
    return settings.load(kind, source, changes, _texts())


def _texts() -> dict[str, str]:
    folder = resources.files("lipwright.training").joinpath("recipes")
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return {entry.name.removesuffix(".toml"): entry.read_text() for entry in sorted(files, key=str)}
