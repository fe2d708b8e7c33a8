"""Command-line flags made from the table of options, so that help, ranges and defaults are stated once."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from lipwright.options import KNOBS, Knob, SyncOptions


def with_options(command: Callable[..., None], knobs: Sequence[Knob] = KNOBS) -> Callable[..., None]:
    """`command` with its parameter `options: SyncOptions` replaced by one flag per row of the table.

    The flags' values are checked before `command` is called. It raises OptionError.
    """

    @functools.wraps(command)
    def flagged(**given: Any) -> None:
        values = {knob.name: given.pop(knob.name) for knob in knobs}
        options = SyncOptions(**values)
        options.validate()
        command(**given, options=options)

    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "options"]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + [
        _flag(knob) for knob in knobs
    ]
    flagged.__dict__["__signature__"] = inspect.Signature(parameters)
    flagged.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flagged


def _flag(knob: Knob) -> inspect.Parameter:
    kind = knob.type | None if knob.optional else knob.type
    name = knob.name.replace("_", "-")
    option = typer.Option(
        f"--{name}/--no-{name}" if knob.default is True else f"--{name}",
        help=_help(knob),
        metavar=None if knob.type is bool else knob.type.__name__.replace("str", "word").upper(),
        show_default=not knob.optional and knob.type is not bool,
    )
    return inspect.Parameter(
        knob.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=knob.default,
        annotation=Annotated[kind, option],
    )


def _help(knob: Knob) -> str:
    if knob.choices:
        return f"{knob.meaning} One of: {', '.join(knob.choices)}."
    if knob.low is not None and knob.high is not None and knob.high < 2**31:
        return f"{knob.meaning} {knob.range_text().capitalize()}."
    return knob.meaning
