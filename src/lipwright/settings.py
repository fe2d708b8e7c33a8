"""Configurations as files: TOML, JSON or YAML to nested dataclasses, every mistake one sentence.

A file says only what differs from the defaults. On top of it come settings of the command line
(`--set losses.sync=0.1`). Recipes are configurations that ship, by name.
"""

import dataclasses
import json
import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from lipwright.errors import OptionError

Config = TypeVar("Config")
NO_RECIPES: Mapping[str, str] = types.MappingProxyType({})


def load(
    kind: type[Config],
    source: str | None,
    changes: Sequence[str] = (),
    recipes: Mapping[str, str] = NO_RECIPES,
) -> Config:
    """A configuration from a recipe's name or a file (None: the defaults), with `a.b=value` changes on top.

    recipes: text of each, TOML, by name.

    Raises OptionError: file missing or unreadable, a setting unknown or of the wrong type, or what the
    configuration's own check refuses.
    """
    data: dict[str, Any] = {} if source is None else dict(_read(source, recipes))
    where = "the command line" if source is None else source
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise OptionError(f"A setting is written NAME=VALUE, but {change!r} was given.")
        _put(data, name.split("."), _value(value), change)
    return build(kind, data, where)


def build(kind: type[Config], data: Mapping[str, Any], where: str, prefix: str = "") -> Config:
    """A dataclass from a mapping; see `load`."""
    hints = get_type_hints(kind)
    known = {entry.name for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - known):
        raise OptionError(
            f"{where} has the unknown setting {prefix}{unknown[0]}; known here are: "
            f"{', '.join(sorted(known))}."
        )
    values = {}
    for name, value in data.items():
        values[name] = _typed(hints[name], value, where, f"{prefix}{name}")
    return kind(**values)


def to_json(config: object) -> dict[str, Any]:
    """A configuration as plain values, for records."""
    assert dataclasses.is_dataclass(config) and not isinstance(config, type)
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config), default=dict))
    return plain


def _read(source: str, recipes: Mapping[str, str]) -> Mapping[str, Any]:
    if source in recipes:
        return tomllib.loads(recipes[source])
    file = Path(source)
    try:
        text = file.read_text(encoding="utf-8")
        data = _parsed(file, text)
    except FileNotFoundError as error:
        known = f", or one of {', '.join(recipes)}" if recipes else ""
        raise OptionError(f"There is no configuration {source}; give a file{known}.") from error
    except (OSError, ValueError) as error:
        detail = " ".join(str(error).split())[:200]
        raise OptionError(f"The configuration {source} cannot be read ({detail}); mend it.") from error
    if not isinstance(data, Mapping):
        raise OptionError(f"The configuration {source} holds no settings by name; write NAME = VALUE lines.")
    return data


def _parsed(file: Path, text: str) -> Any:
    if file.suffix in (".yaml", ".yml"):
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    if file.suffix == ".json":
        return json.loads(text)
    return tomllib.loads(text)


def _put(data: dict[str, Any], path: Sequence[str], value: Any, change: str) -> None:
    for name in path[:-1]:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            raise OptionError(f"{change!r} reaches into {name}, which is a value and no group of settings.")
        data = inner
    data[path[-1]] = value


def _value(text: str) -> Any:
    """A value of the command line: TOML where it is some, else the text itself."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _typed(hint: Any, value: Any, where: str, name: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise OptionError(f"{where} sets {name} to {value!r}, but it is a group of settings.")
        return build(hint, value, where, f"{name}.")
    origin = get_origin(hint)
    if origin in (types.UnionType, Union):
        inner = [kind for kind in get_args(hint) if kind is not type(None)]
        return None if value is None else _typed(inner[0], value, where, name)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            value = [part for part in str(value).split(",") if part]
        return tuple(_typed(get_args(hint)[0], part, where, name) for part in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        fits = isinstance(value, Mapping)
    elif hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if fits else value
    elif hint is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, hint)
    if not fits:
        wanted = getattr(hint, "__name__", str(hint))
        raise OptionError(f"{where} sets {name} to {value!r}, which is no {wanted}.")
    return value
