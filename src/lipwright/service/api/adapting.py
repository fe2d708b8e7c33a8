"""The body of a submit to `lipwright/adapt`, checked: whom to learn from which clip."""

from typing import Any

from lipwright.adapt.options import LONGEST_NAME, AdaptOptions
from lipwright.errors import OptionError
from lipwright.options import DEFAULT_MODEL
from lipwright.service import predictions
from lipwright.service.api.submission import (
    Submission,
    calling_schema,
    flag,
    media_url,
    shown_value,
    webhook_of,
)
from lipwright.service.errors import InvalidParameterError
from lipwright.service.settings import Settings

MODEL_TYPE = "training"
"""The catalogue's category of the adapt model."""
VIDEO = "the clip of the person talking"
MOST_FACES = 100


def parse_adapt(body: dict[str, Any], webhook: str | None, settings: Settings) -> Submission:
    """As `parse_submission`. There is nothing to encode in base64, so that flag is dropped as unknown."""
    given = {name: value for name, value in body.items() if value is not None}
    return Submission(
        kind=predictions.ADAPT,
        media={"video": media_url(given, "video", VIDEO)},
        bundle=DEFAULT_MODEL,
        options=_options(given),
        webhook_url=webhook_of(given, webhook, settings),
        sync=flag(given, "enable_sync_mode"),
        base64=False,
    )


def adapt_schema(settings: Settings) -> dict[str, Any]:
    """JSON Schema of the body."""
    properties: dict[str, Any] = {
        "video": {
            "type": "string",
            "minLength": 1,
            "description": "URL of a clip of one person talking, 5 s and more, or a data: URI. Adapt only to "
            "people who agreed to it.",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_NAME,
            "description": "What lists and reports call the bundle.",
        },
        "face": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_FACES,
            "description": "Which of several people, counted from 1, from the left.",
        },
        **calling_schema(settings),
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["video"],
        "x-order-properties": list(properties),
    }


def _options(given: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "name" in given:
        if not isinstance(given["name"], str):
            raise InvalidParameterError(f"name is {shown_value(given['name'])}, but must be a short word.")
        options["name"] = given["name"]
    if "face" in given:
        face = given["face"]
        whole = int(face) if isinstance(face, float) and face.is_integer() else face
        if not isinstance(whole, int) or isinstance(whole, bool) or not 1 <= whole <= MOST_FACES:
            raise InvalidParameterError(
                f"face is {shown_value(face)}, but must be a whole number from 1 to {MOST_FACES}."
            )
        options["face"] = whole
    try:
        AdaptOptions(**options).validate()
    except OptionError as error:
        raise InvalidParameterError(str(error)) from error
    return options
