"""The catalogue of models, with the schema that clients check inputs against, and prices before a run."""

from typing import Any

from fastapi import APIRouter, Request, Response

from lipwright.service import bundles
from lipwright.service.api import adapting, links
from lipwright.service.api.adopting import stored_seconds
from lipwright.service.api.auth import caller
from lipwright.service.api.describe import answers, call
from lipwright.service.api.envelope import success
from lipwright.service.api.limits import read_object
from lipwright.service.api.schemas import Deleted, Price, PriceBody, UnitPrice, check
from lipwright.service.api.state import Service
from lipwright.service.api.submission import (
    ADAPT_MODEL,
    MODEL_TYPE,
    MODELS,
    PERSONAL,
    input_schema,
    personal_id,
    unknown_model,
)
from lipwright.service.bundles import PersonalBundle
from lipwright.service.check import Kind
from lipwright.service.db import transaction
from lipwright.service.errors import InvalidParameterError, NotFoundError
from lipwright.service.keys import Key
from lipwright.service.money import PriceRule, dollars
from lipwright.service.wire import timestamp

router = APIRouter(tags=["models"])
LONGEST_DURATION_S = 10_000_000
PERSONAL_TYPE = "personal"
"""The catalogue's category of personal bundles."""


@router.get("/models", responses=answers(list[dict[str, Any]]), openapi_extra=call())
async def models(request: Request) -> Response:
    """The models of this server, the first three of which run the same, and this key's personal bundles."""
    key = await caller(request)
    service = Service.of(request)
    base_url = links.base_url(service, request)
    own = await service.work(_own, service, key)
    schema = input_schema(service.settings, [each.id for each in own])
    entries = [
        *(_entry(service, base_url, each, schema) for each in MODELS),
        _adapt_entry(service, base_url),
        *(_personal_entry(service, base_url, each) for each in own),
    ]
    return success([entry | {"sort_order": number} for number, entry in enumerate(entries)])


@router.delete("/models/{bundle_id}", responses=answers(Deleted, 404), openapi_extra=call())
async def delete(request: Request, bundle_id: str) -> Response:
    """Delete a personal bundle of this key for good."""
    key = await caller(request)
    service = Service.of(request)
    if not bundles.is_id(bundle_id) or not await service.write(_remove, service, key, bundle_id):
        raise NotFoundError(f"There is no personal bundle {bundle_id[:200]!r} of this key.")
    await service.work(bundles.empty, service.storage, bundle_id)
    return success({"deleted_count": 1})


@router.post("/model/price", responses=answers(Price, 400, 404, 413), openapi_extra=call(PriceBody))
async def price(request: Request) -> Response:
    """The price of a submit: of `inputs.duration` seconds, of an uploaded `inputs.audio` (of an adapt job
    `inputs.video`), else the least.
    """
    model_id, micro = await _priced(request)
    amount = dollars(micro)
    return success(
        {
            "model_id": model_id,
            "price": amount,
            "discounted_price": amount,
            "discount_rate": 100,
            "currency": "USD",
        }
    )


@router.post("/model/pricing", responses=answers(UnitPrice, 400, 404, 413), openapi_extra=call(PriceBody))
async def pricing(request: Request) -> Response:
    """The same in the older form."""
    model_id, micro = await _priced(request)
    return success({"model_id": model_id, "unit_price": dollars(micro), "currency": "USD"})


def formula(rule: PriceRule, medium: str = "audio") -> str:
    """The price rule as JSONata, in the words of WaveSpeed's catalogue. medium: whose length counts."""
    seconds = f"$ceil(get_duration_v3({medium}))"
    if rule.round_s != 1:
        seconds = f"$ceil(get_duration_v3({medium}) / {rule.round_s}) * {rule.round_s}"
    clamped = f"$max([{rule.minimum_s}, $min([{seconds}, {rule.cap_s}])])"
    return f'{{"total_price": {clamped} / {rule.unit_s} * base_price}}'


def _entry(service: Service, base_url: str, model_id: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "name": model_id,
        "description": "A video and a voice in, a video whose mouth follows that voice out.",
        "type": MODEL_TYPE,
        "base_price": dollars(service.rule.unit_micro),
        "formula": formula(service.rule),
        "api_schema": _api_schema(base_url, model_id, schema),
    }


def _adapt_entry(service: Service, base_url: str) -> dict[str, Any]:
    return {
        "model_id": ADAPT_MODEL,
        "name": ADAPT_MODEL,
        "description": "A clip of one person talking in, the id of a personal bundle out.",
        "type": adapting.MODEL_TYPE,
        "base_price": dollars(service.adapt_rule.unit_micro),
        "formula": formula(service.adapt_rule, "video"),
        "api_schema": _api_schema(base_url, ADAPT_MODEL, adapting.adapt_schema(service.settings)),
    }


def _personal_entry(service: Service, base_url: str, bundle: PersonalBundle) -> dict[str, Any]:
    """A personal bundle: a submit to its model id is one to it."""
    schema = input_schema(service.settings)
    schema["properties"]["model"] |= {"enum": [bundle.id], "default": bundle.id}
    return _entry(service, base_url, PERSONAL + bundle.id, schema) | {
        "name": bundle.name,
        "description": "One person's own mouths, learned from their clip. Use it for this person only.",
        "type": PERSONAL_TYPE,
        "base": bundle.base,
        "size": bundle.size,
        "created_at": timestamp(bundle.created_us),
    }


def _api_schema(base_url: str, model_id: str, schema: dict[str, Any]) -> dict[str, Any]:
    run = {
        "type": "model_run",
        "method": "POST",
        "server": base_url,
        "api_path": f"/api/v3/{model_id}",
        "request_schema": schema,
    }
    return {"api_schemas": [run]}


def _own(service: Service, key: Key) -> list[PersonalBundle]:
    with service.engine.connect() as conn:
        return bundles.of_key(conn, key.id)


def _remove(service: Service, key: Key, id: str) -> bool:
    with transaction(service.engine) as conn:
        return bundles.remove(conn, id, key.id)


async def _priced(request: Request) -> tuple[str, int]:
    """Model id and micro-dollars."""
    key = await caller(request)
    service = Service.of(request)
    body = check(PriceBody, await read_object(request, service.settings.max_json_bytes))
    adapted = body.model_id == ADAPT_MODEL
    known = adapted or body.model_id in MODELS or await service.work(_has, service, key, body.model_id)
    if not known:
        raise unknown_model(body.model_id)
    inputs = {} if body.inputs is None else body.inputs
    seconds = await _seconds(service, key, request, inputs, "video" if adapted else "audio")
    return body.model_id, (service.adapt_rule if adapted else service.rule).price(seconds)


def _has(service: Service, key: Key, model_id: str) -> bool:
    id = personal_id(model_id)
    with service.engine.connect() as conn:
        return id is not None and bundles.get(conn, id, key.id) is not None


async def _seconds(
    service: Service, key: Key, request: Request, inputs: dict[str, Any], medium: Kind
) -> float:
    """How many seconds are charged, as far as the inputs say; 0 for unknown, which has the least price."""
    given = inputs.get("duration")
    if given is None:
        url = inputs.get(medium)
        if not isinstance(url, str):
            return 0
        found = links.ours(url, links.base_url(service, request))
        return 0 if found is None else await service.work(stored_seconds, service, key, found, medium)
    ok = isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= LONGEST_DURATION_S
    if not ok:
        raise InvalidParameterError(
            f"duration is {str(given)[:100]!r}, but must be seconds from 0 to {LONGEST_DURATION_S}."
        )
    return float(given)
