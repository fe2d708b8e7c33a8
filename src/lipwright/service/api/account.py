"""Balance, bills, usage and the webhook secret of the calling key; also under the older /account paths."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from lipwright.service import billing
from lipwright.service.api.auth import caller
from lipwright.service.api.describe import answers, call, query_of
from lipwright.service.api.envelope import success
from lipwright.service.api.limits import check_text, read_object
from lipwright.service.api.predictions import microseconds
from lipwright.service.api.schemas import Balance, BillingsBody, Body, Secret, UsageBody, check
from lipwright.service.api.state import Service
from lipwright.service.api.submission import MODEL_TYPE
from lipwright.service.billing import Billing, ModelUsage, Usage
from lipwright.service.errors import InvalidParameterError
from lipwright.service.keys import Key
from lipwright.service.money import dollars
from lipwright.service.wire import timestamp

router = APIRouter(tags=["account"])
LONGEST_USAGE = timedelta(days=31)
FIRST_YEAR = 2000
"""No usage is older; and a month before it is still a date."""
UNLIMITED_USD = 1_000_000.0
"""What the balance of an unlimited key reads as: clients want a number, and some stop at 0."""


class Days(Body):
    """Days of usage, both included; at most 31."""

    start_date: Annotated[str | None, Field(max_length=40, description="YYYY-MM-DD; 30 days ago.")] = None
    end_date: Annotated[str | None, Field(max_length=40, description="YYYY-MM-DD; today.")] = None
    model: Annotated[str | None, Field(max_length=200, description="Only of this model id.")] = None


@router.get("/balance", responses=answers(Balance), openapi_extra=call())
@router.get("/account/balance", responses=answers(Balance), openapi_extra=call())
async def balance(request: Request) -> Response:
    """What the key may still spend, in US dollars; 1000000 for an unlimited key."""
    key = await caller(request)
    amount = UNLIMITED_USD if key.unlimited else dollars(key.balance_micro)
    return success({"balance": amount, "currency": "USD"})


@router.get("/webhook/secret", responses=answers(Secret), openapi_extra=call())
async def webhook_secret(request: Request) -> Response:
    """The secret that signs the webhooks of this key's predictions."""
    key = await caller(request)
    # Sources disagree on whether the secret stands in `data` or beside it; both find it here.
    return success({"secret": key.webhook_secret}, secret=key.webhook_secret)


@router.post(
    "/billings/search", responses=answers(dict[str, Any], 400, 413), openapi_extra=call(BillingsBody)
)
async def search_billings(request: Request) -> Response:
    """The key's bill: one entry for each prediction (`deduct`) and each grant (`recharge`)."""
    key = await caller(request)
    service = Service.of(request)
    body = check(BillingsBody, await read_object(request, service.settings.max_json_bytes))
    return await _billings(service, key, body)


@router.get(
    "/account/billings",
    responses=answers(dict[str, Any], 400),
    openapi_extra=call(
        None, *(each for each in query_of(BillingsBody) if each["name"] != "prediction_uuids")
    ),
)
async def list_billings(request: Request) -> Response:
    """The same by query."""
    key = await caller(request)
    given = {name: check_text(name, value) for name, value in request.query_params.items()}
    given.pop("prediction_uuids", None)
    return await _billings(Service.of(request), key, check(BillingsBody, given))


@router.post("/user/usage_stats", responses=answers(dict[str, Any], 400, 413), openapi_extra=call(UsageBody))
async def usage_stats(request: Request) -> Response:
    """Completed predictions and their cost by model and by day; at most 31 days."""
    key = await caller(request)
    service = Service.of(request)
    body = check(UsageBody, await read_object(request, service.settings.max_json_bytes))
    used = await _usage(service, key, body.start_time, body.end_time, body.model_uuid)
    return success(
        {
            "per_model_usage": [
                _model_usage(each) | {"last_used_date": timestamp(each.last_used_us)} for each in used.models
            ],
            "daily_usage": [
                {
                    "date": day.date,
                    "amount": dollars(day.cost_micro),
                    "count": day.completed,
                    "models": [_model_usage(each) for each in day.models],
                }
                for day in used.days
            ],
            "summary": {
                "total_cost": dollars(used.cost_micro),
                "total_requests": used.requests,
                "success_requests": used.completed,
            },
        }
    )


@router.get(
    "/account/usage", responses=answers(dict[str, Any], 400), openapi_extra=call(None, *query_of(Days))
)
async def usage_by_days(request: Request) -> Response:
    """Completed predictions and their cost by model."""
    key = await caller(request)
    given = {name: check_text(name, value) for name, value in request.query_params.items()}
    wanted = check(Days, given)
    today = datetime.now(UTC)
    end = _day("end_date", wanted.end_date, today)
    start = _day("start_date", wanted.start_date, end - timedelta(days=30))
    used = await _usage(
        Service.of(request),
        key,
        datetime.combine(start, time.min, UTC),
        datetime.combine(end, time.max, UTC),
        wanted.model,
    )
    return success(
        {
            "period": {"start_date": f"{start:%Y-%m-%d}", "end_date": f"{end:%Y-%m-%d}"},
            "total_requests": used.requests,
            "total_cost": dollars(used.cost_micro),
            "by_model": [
                {"model": each.model, "requests": each.completed, "cost": dollars(each.cost_micro)}
                for each in used.models
            ],
        }
    )


async def _billings(service: Service, key: Key, wanted: BillingsBody) -> Response:
    found, total = await service.work(_search, service, key, wanted)
    return success(
        {
            "page": wanted.page,
            "total": total,
            "has_more": wanted.page * wanted.page_size < total,
            "items": [_billing(key, each) for each in found],
        }
    )


def _search(service: Service, key: Key, wanted: BillingsBody) -> tuple[list[Billing], int]:
    if wanted.access_key_uuid is not None and wanted.access_key_uuid != key.id:
        return [], 0  # a key sees only its own bill
    with service.engine.connect() as conn:
        return billing.search(
            conn,
            key.id,
            wanted.page,
            wanted.page_size,
            billing_type=wanted.billing_type,
            prediction_ids=None if wanted.prediction_uuids is None else tuple(wanted.prediction_uuids),
            model=wanted.model_uuid,
            start_us=None if wanted.start_time is None else wanted.start_time * 1000,
            end_us=None if wanted.end_time is None else wanted.end_time * 1000,
            oldest_first=wanted.sort == "created_at ASC",
        )


def _billing(key: Key, entry: Billing) -> dict[str, Any]:
    price = dollars(entry.price_micro)
    return {
        "uuid": entry.uuid,
        "access_key_id": key.id,
        "access_key_name": key.name,
        "billing_type": entry.billing_type,
        "price": price,
        "created_at": timestamp(entry.created_us),
        "updated_at": timestamp(entry.updated_us),
        "order": {
            "uuid": entry.uuid,
            "state": entry.state,
            "price": price,
            "origin_price": price,
            "status": entry.status,
            "ak_id": key.id,
        },
        "prediction": {
            "uuid": _text(entry.prediction_id),
            "model_uuid": _text(entry.model),
            "status": _text(entry.prediction_status),
        },
    }


def _text(value: str | None) -> str:
    """Never null on the wire."""
    return "" if value is None else value


async def _usage(service: Service, key: Key, start: datetime, end: datetime, model: str | None) -> Usage:
    start_us, end_us = microseconds(start), microseconds(end)
    assert start_us is not None and end_us is not None
    if end_us < start_us:
        raise InvalidParameterError("The end of the time lies before its start.")
    if end_us - start_us > LONGEST_USAGE / timedelta(microseconds=1):
        raise InvalidParameterError(f"The time is longer than {LONGEST_USAGE.days} days, which is the limit.")

    def query() -> Usage:
        with service.engine.connect() as conn:
            return billing.usage(conn, key.id, start_us, end_us, model)

    return await service.work(query)


def _model_usage(used: ModelUsage) -> dict[str, Any]:
    return {
        "model_uuid": used.model,
        "model_type": MODEL_TYPE,
        "unit_price": dollars(used.cost_micro // used.completed),
        "total_cost": dollars(used.cost_micro),
        "total_count": used.completed,
    }


def _day(name: str, text: str | None, otherwise: datetime) -> datetime:
    if text is None:
        return otherwise
    try:
        day = datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        day = None
    if day is None or day.year < FIRST_YEAR:
        raise InvalidParameterError(
            f"{name} is {text!r}, but must be a day such as {otherwise:%Y-%m-%d}, from {FIRST_YEAR} on."
        )
    return day
