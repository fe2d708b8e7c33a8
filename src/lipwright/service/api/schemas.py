"""What the other calls take and answer, as types: bodies are checked by them, and /docs is made from them."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lipwright.service.errors import InvalidParameterError, MissingParameterError

MAX_PAGE = 100_000
Listed = Literal["created", "processing", "completed", "failed", "cancelled", "timeout", "deleted", "pending"]
"""Statuses that clients may search for; WaveSpeed has more of them than occur here."""


def _whole_text(value: object) -> object:
    """Numbers in a query or a body that a client sent as text."""
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19
        else value
    )


class Body(BaseModel):
    """A request body. Unknown fields are dropped; numbers may come as text, as in a query."""

    model_config = ConfigDict(extra="ignore")


class ListBody(Body):
    """Which predictions to list."""

    page: Annotated[int, Field(ge=1, le=MAX_PAGE, description="From 1.")] = 1
    page_size: Annotated[int, Field(ge=1, le=100, description="Predictions on a page.")] = 100
    model: Annotated[str | None, Field(max_length=200, description="Only of this model id.")] = None
    status: Annotated[Listed | None, Field(description="Only in this state.")] = None
    created_after: Annotated[datetime | None, Field(description="ISO 8601; UTC unless it says more.")] = None
    created_before: Annotated[datetime | None, Field(description="ISO 8601; UTC unless it says more.")] = None


class DeleteBody(Body):
    """Which finished predictions to delete."""

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)]


class TicketBody(Body):
    """A file that is to be uploaded."""

    filename: Annotated[str, Field(min_length=1, max_length=1024, description="Its name; the ending counts.")]
    size: Annotated[int, Field(ge=1, strict=True, description="Its bytes, exactly.")]
    content_type: Annotated[str | None, Field(max_length=255, description="Its MIME type.")] = None


class PriceBody(Body):
    """A submit that is to be priced."""

    model_id: Annotated[str, Field(max_length=200)]
    inputs: Annotated[
        dict[str, Any] | None,
        Field(description="As for a submit; `duration` in seconds, or an uploaded `audio`, sets the price."),
    ] = None


class BillingsBody(Body):
    """Which billings to list."""

    page: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    billing_type: Annotated[str | None, Field(max_length=50)] = None
    prediction_uuids: Annotated[list[Annotated[str, Field(max_length=64)]] | None, Field(max_length=1000)] = (
        None
    )
    sort: Literal["created_at ASC", "created_at DESC"] | None = None
    start_time: Annotated[
        int | None,
        BeforeValidator(_whole_text),
        Field(ge=0, le=2**52, description="Milliseconds since 1970."),
    ] = None
    end_time: Annotated[
        int | None,
        BeforeValidator(_whole_text),
        Field(ge=0, le=2**52, description="Milliseconds since 1970."),
    ] = None
    model_uuid: Annotated[str | None, Field(max_length=200)] = None
    access_key_uuid: Annotated[str | None, Field(max_length=64)] = None


class UsageBody(Body):
    """The time that usage is summed over, at most 31 days."""

    start_time: datetime
    end_time: datetime
    model_uuid: Annotated[str | None, Field(max_length=200)] = None


# ---- answers


class ErrorAnswer(BaseModel):
    """Something is wrong; `message` and `error` hold the same sentence."""

    code: int
    message: str
    error: str
    error_code: Annotated[str | None, Field(description="With 403: a word for programs.")] = None


class Urls(BaseModel):
    """Absolute URLs of a prediction."""

    get: str
    cancel: str


class Prediction(BaseModel):
    """A prediction; every field is always there."""

    id: str
    model: str
    input: dict[str, Any]
    outputs: Annotated[
        list[str],
        Field(
            description="Signed URLs of mp4 files, or base64; of an adapt job the id of its bundle. Empty "
            "until completed."
        ),
    ]
    urls: Urls
    has_nsfw_contents: Annotated[
        list[bool], Field(description="One for each output; empty without a checker.")
    ]
    status: Literal["created", "processing", "completed", "failed", "cancelled"]
    created_at: str
    error: Annotated[str, Field(description='One sentence when it failed, else "".')]
    executionTime: Annotated[int, Field(description="Milliseconds of rendering.")]
    timings: dict[str, float]
    code: Annotated[int, Field(description="Task code; 0 when all is well.")]
    stage: str
    progress: Annotated[float, Field(ge=0, le=1)]


class Page(BaseModel):
    """One page of predictions, newest first."""

    page: int
    total: int
    has_more: bool
    items: list[Prediction]


class Deleted(BaseModel):
    """How many were deleted."""

    deleted_count: int


class Instruction(BaseModel):
    """How to send the bytes of an upload."""

    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: str


class Ticket(BaseModel):
    """Where to put a file, and the URL that it has afterwards."""

    type: Literal["image", "video", "audio"]
    download_url: str
    filename: str
    size: int
    upload: Instruction


class Uploaded(BaseModel):
    """A stored file."""

    type: Literal["image", "video", "audio"]
    download_url: str
    url: str
    filename: str
    size: int


class Balance(BaseModel):
    """US dollars."""

    balance: float
    currency: Literal["USD"]


class Price(BaseModel):
    """What a submit would cost, in US dollars."""

    model_id: str
    price: float
    discounted_price: float
    discount_rate: int
    currency: Literal["USD"]


class UnitPrice(BaseModel):
    """The older form of a price."""

    model_id: str
    unit_price: float
    currency: Literal["USD"]


class Secret(BaseModel):
    """The secret that signs webhooks of this key."""

    secret: str


T = TypeVar("T")
B = TypeVar("B", bound=Body)


class Answer(BaseModel, Generic[T]):
    """The envelope of every success."""

    code: Literal[200]
    message: Literal["success"]
    data: T


def check(kind: type[B], given: dict[str, Any]) -> B:
    """`given` as `kind`; null counts as "not given". Raises MissingParameterError, InvalidParameterError."""
    try:
        return kind.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        raise MissingParameterError(f"{name} is missing.")
    shown = repr(first["input"])
    reason = first["msg"][:1].lower() + first["msg"][1:]
    raise InvalidParameterError(
        f"{name} is {shown if len(shown) <= 100 else shown[:100] + '...'}, but {reason}."
    )
