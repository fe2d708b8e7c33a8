"""The checker of shapes and types that tests run under: calls and results must be what annotations say.

The pytest option `--jaxtyping-packages` (see pyproject.toml) wraps every annotated function with `check`.
"""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

# An int is accepted where a float is asked for, as type checkers do.
_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its arguments and result checked; itself where annotations cannot be checked.

    Those are protocols that are not `runtime_checkable` and unions of number formats within an array type.
    """
    try:
        return _checked(function)
    except BeartypeDecorHintException:
        return function
