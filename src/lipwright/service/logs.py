"""Logs: one JSON object per line on standard error, with the prediction's id and without secrets.

Everything goes through one formatter, libraries' records too. What looks like a secret is cut out of every
value whatever its name: bearer tokens, our keys, webhook secrets, signatures, query strings and passwords of
URLs, and the contents of data: URIs.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, cast

import structlog

LEVEL_VARIABLE = "LIPWRIGHT_LOG_LEVEL"

CUT = "[cut]"
_SECRET_NAMES = re.compile(
    r"authorization|cookie|token|secret|password|signature|api[-_]?key|access[-_]?key|idempotency", re.I
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"data:[\w.+-]*/?[\w.+-]*[;,][^\s\"']*", re.I), f"data:{CUT}"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',]+", re.I), rf"\1 {CUT}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), f"whsec_{CUT}"),
    (re.compile(r"\b(lw|wsk|lwk|sk)_[A-Za-z0-9_-]{8,}"), rf"\1_{CUT}"),
    (re.compile(r"\bv3,[0-9a-f]{16,}"), f"v3,{CUT}"),
    (re.compile(r"(?<=://)[^/\s@\"']+@"), f"{CUT}@"),
    (re.compile(r"(\w+://[^\s?\"'#]+|/[^\s?\"'#]*)\?[^\s\"']+"), rf"\1?{CUT}"),
    (re.compile(r"\b(signature|token|secret|password)=[^\s&\"']+", re.I), rf"\1={CUT}"),
)

Event = dict[str, Any]


def redact(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def clean(value: Any, name: str = "") -> Any:
    """A value of a log line without secrets, containers too; `name` is what it is filed under."""
    if name and _SECRET_NAMES.search(name) and isinstance(value, str | bytes):
        return CUT
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {str(key): clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _cut_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """structlog processor: the last before the line is made."""
    return {name: clean(value, name) for name, value in event.items() if not name.startswith("_")}


def configure(level: str, *, process: str) -> None:
    """Send all logs of this process to standard error; `process` names it in every line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _logger, _method, event: {**event, "process": process},
            cast("structlog.typing.Processor", _cut_secrets),
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line per request is the API's own (without query strings); one per outgoing request is noise.
    for name in ("uvicorn.access", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "dbos", "alembic"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
    for name in ("dbos", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def log(name: str = "lipwright") -> structlog.stdlib.BoundLogger:
    """The logger; fields are keyword arguments, the event is a few words."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))
