"""The body of a submit, checked: what runs, on what, with which options. Ranges come from options.py."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lipwright.errors import OptionError
from lipwright.options import KNOBS, Knob, SyncOptions
from lipwright.service import bundles, predictions
from lipwright.service.api.limits import check_text
from lipwright.service.errors import InvalidParameterError, MissingParameterError, NotFoundError
from lipwright.service.settings import Settings

MODELS = ("bytedance/latentsync", "wavespeed-ai/latentsync", "lipwright/latentsync")
"""Model ids of the wire format that make videos; all run the same."""
ADAPT_MODEL = "lipwright/adapt"
"""The one that learns a person (adapting.py)."""
PERSONAL = "lipwright/"
"""Before a personal bundle's id this makes a model id: clients expect a slash in one."""
MODEL_TYPE = "digital-human"
"""The catalogue's category of these models."""

SERVERS_OWN = ("force", "device", "dtype")
"""Options of a job that the server decides, not its clients."""
OPTIONS: tuple[Knob, ...] = tuple(knob for knob in KNOBS if knob.name not in SERVERS_OWN)
MEDIA = {"video": "the video with the face", "audio": "the speech"}
MAX_URL_LENGTH = 8192
BASE64_AND_WEBHOOK = (
    "webhook callback does not support base64 output, please use the normal API to use base64 output"
)
"""Word for word what WaveSpeed answers."""


@dataclass(frozen=True)
class Submission:
    """What a client asks for."""

    kind: str
    """predictions.SYNC or ADAPT."""
    media: dict[str, str]
    """URLs of the inputs by their names."""
    bundle: str
    options: dict[str, Any]
    """The options that were given."""
    webhook_url: str | None
    sync: bool
    """Whether to wait for the result."""
    base64: bool
    """Whether outputs are to be base64 instead of URLs."""

    @property
    def as_input(self) -> dict[str, Any]:
        """The prediction's `input`: the fields that were given and are known."""
        model = {"model": self.bundle} if self.kind == predictions.SYNC else {}
        return {**self.media, **model, **self.options}


def parse_submission(body: dict[str, Any], webhook: str | None, settings: Settings) -> Submission:
    """Check a body and the query's `webhook`, which wins over the body's `webhook_url`.

    Unknown fields are dropped, and null counts as "not given". A `bundle` that is none of the server's has
    the form of a personal one's id; whether the key has that is still to be seen. Raises
    MissingParameterError, InvalidParameterError.
    """
    given = {name: value for name, value in body.items() if value is not None}
    media = {name: media_url(given, name, meaning) for name, meaning in MEDIA.items()}
    bundle = given.get("model", settings.default_model)
    if bundle not in settings.models and not (isinstance(bundle, str) and bundles.is_id(bundle)):
        raise unknown_bundle(bundle, settings)
    submission = Submission(
        kind=predictions.SYNC,
        media={"audio": media["audio"], "video": media["video"]},
        bundle=bundle,
        options=_options(given),
        webhook_url=webhook_of(given, webhook, settings),
        sync=flag(given, "enable_sync_mode"),
        base64=flag(given, "enable_base64_output"),
    )
    if submission.base64 and submission.webhook_url is not None:
        raise InvalidParameterError(BASE64_AND_WEBHOOK)
    return submission


def personal_id(model_id: str) -> str | None:
    """The id of the personal bundle that a model id stands for, if it has that form."""
    id = model_id.removeprefix(PERSONAL)
    return id if id != model_id and bundles.is_id(id) else None


def unknown_model(model_id: str) -> NotFoundError:
    """What a call is told that names a model id which does not exist, or not for its key."""
    known = ", ".join((*MODELS, ADAPT_MODEL))
    return NotFoundError(f"There is no model {model_id[:200]!r} here; there is {known}.")


def unknown_bundle(bundle: object, settings: Settings) -> InvalidParameterError:
    """What a submit with a model is told that neither the server nor its key has."""
    return InvalidParameterError(
        f"model is {shown_value(bundle)}, but this server has {', '.join(settings.models)}, and personal "
        "bundles for the key that made them."
    )


def input_schema(settings: Settings, own: Sequence[str] = ()) -> dict[str, Any]:
    """JSON Schema of a submit's body, also what the model catalogue shows.

    own: ids of the key's personal bundles.
    """
    properties: dict[str, Any] = {
        "audio": {
            "type": "string",
            "minLength": 1,
            "description": "URL of the speech (mp3, aac, wav, m4a, flac, ogg), or a data: URI.",
        },
        "video": {
            "type": "string",
            "minLength": 1,
            "description": "URL of the video with the face (mp4 and others), or a data: URI.",
        },
        "model": {
            "type": "string",
            "enum": [*settings.models, *own],
            "default": settings.default_model,
            "description": "Which model bundle renders: one of this server, or a personal one of this key.",
        },
    }
    properties |= {knob.name: _knob_schema(knob) for knob in OPTIONS}
    properties |= calling_schema(settings)
    properties["enable_base64_output"] = {
        "type": "boolean",
        "default": False,
        "description": "Outputs as base64 instead of URLs; not together with a webhook.",
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["audio", "video"],
        "x-order-properties": ["video", "audio", *(n for n in properties if n not in MEDIA)],
    }


def calling_schema(settings: Settings) -> dict[str, Any]:
    """Of the fields that say how the result is told; every kind of job has them."""
    return {
        "webhook_url": {
            "type": "string",
            "description": "URL that is sent the finished prediction; the query's `webhook` does the same.",
        },
        "enable_sync_mode": {
            "type": "boolean",
            "default": False,
            "description": f"Wait for the result, for up to {settings.sync_window_s:g} s.",
        },
    }


def _knob_schema(knob: Knob) -> dict[str, Any]:
    names = {int: "integer", float: "number", str: "string", bool: "boolean"}
    schema: dict[str, Any] = {"type": names[knob.type], "description": knob.meaning}
    if knob.choices:
        schema["enum"] = list(knob.choices)
    whole = knob.type is int
    if knob.low is not None:
        schema["minimum"] = int(knob.low) if whole else knob.low
    if knob.high is not None:
        schema["maximum"] = int(knob.high) if whole else knob.high
    if knob.default is not None:
        schema["default"] = knob.default
    return schema


def media_url(given: dict[str, Any], name: str, meaning: str) -> str:
    """The input `name`, a URL or a data: URI. Raises MissingParameterError, InvalidParameterError."""
    value = given.get(name)
    if value is None or value == "":
        raise MissingParameterError(f"{name} is missing; give the URL of {meaning}.")
    if not isinstance(value, str):
        raise InvalidParameterError(f"{name} is {shown_value(value)}, but must be the URL of {meaning}.")
    if value[:5].lower() == "data:":
        return value
    return _url(name, value, f"the http(s) URL or the data: URI of {meaning}")


def _options(given: dict[str, Any]) -> dict[str, Any]:
    options = {knob.name: _whole(knob, given[knob.name]) for knob in OPTIONS if knob.name in given}
    try:
        SyncOptions(**options).validate()
    except OptionError as error:
        raise InvalidParameterError(str(error)) from error
    return options


def _whole(knob: Knob, value: Any) -> Any:
    """20.0 as 20 where a whole number is wanted: to JSON they are the same, and some clients write it so."""
    if knob.type is int and isinstance(value, float) and value.is_integer():
        return int(value)
    # A sentence about a value quotes it, so a huge one is refused before.
    if isinstance(value, str | list | dict) and len(str(value)) > 100:
        raise InvalidParameterError(f"{knob.name} is {shown_value(value)}, which is too long.")
    return value


def webhook_of(given: dict[str, Any], query: str | None, settings: Settings) -> str | None:
    """Where the end is to be told. Raises InvalidParameterError."""
    value = query if query else given.get("webhook_url")
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidParameterError(f"webhook_url is {shown_value(value)}, but must be a URL.")
    url = _url("webhook", value, "an https URL")
    if urlsplit(url).scheme.lower() != "https" and not settings.allow_private_urls:
        raise InvalidParameterError(f"webhook is {shown_value(value)}, but must be an https URL.")
    return url


def _url(name: str, value: str, wanted: str) -> str:
    """`value` if it has the form of an http(s) URL; where it leads is checked when it is fetched."""
    check_text(name, value)
    url = value.strip()
    if len(url) > MAX_URL_LENGTH:
        raise InvalidParameterError(
            f"{name} has {len(url)} characters, but a URL here may have {MAX_URL_LENGTH} at most."
        )
    try:
        parts = urlsplit(url)
        ok = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and _port_ok(parts.port)
        if ok and parts.hostname is not None and ":" in parts.hostname:
            ipaddress.ip_address(parts.hostname.partition("%")[0])
    except ValueError:
        ok = False
    if not ok or any(c <= " " or c == "\x7f" for c in url):
        raise InvalidParameterError(f"{name} is {shown_value(value)}, but must be {wanted}.")
    return url


def _port_ok(port: int | None) -> bool:
    return port is None or port > 0


def flag(given: dict[str, Any], name: str) -> bool:
    """A yes or no, by default no. Raises InvalidParameterError."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise InvalidParameterError(f"{name} is {shown_value(value)}, but must be true or false.")
    return value


def shown_value(value: object) -> str:
    """A client's value for a sentence: on one line and not too long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
