"""The catalogue of models, with the schema that clients check inputs against, and prices before a run."""

from typing import Any

from fastapi import APIRouter, Request, Response

from lipwright.service.api import links
from lipwright.service.api.adopting import stored_seconds
from lipwright.service.api.auth import caller
from lipwright.service.api.describe import answers, call
from lipwright.service.api.envelope import success
from lipwright.service.api.limits import read_object
from lipwright.service.api.schemas import Price, PriceBody, UnitPrice, check
from lipwright.service.api.state import Service
from lipwright.service.api.submission import MODEL_TYPE, MODELS, input_schema
from lipwright.service.errors import InvalidParameterError, NotFoundError
from lipwright.service.keys import Key
from lipwright.service.money import PriceRule, dollars

router = APIRouter(tags=["models"])
LONGEST_DURATION_S = 10_000_000


@router.get("/models", responses=answers(list[dict[str, Any]]), openapi_extra=call())
async def models(request: Request) -> Response:
    """The models of this server; the three ids run the same."""
    await caller(request)
    service = Service.of(request)
    base_url = links.base_url(service, request)
    return success([_entry(service, base_url, number, each) for number, each in enumerate(MODELS)])


@router.post("/model/price", responses=answers(Price, 400, 404, 413), openapi_extra=call(PriceBody))
async def price(request: Request) -> Response:
    """The price of a submit: of `inputs.duration` seconds, of an uploaded `inputs.audio`, else the least."""
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


def formula(rule: PriceRule) -> str:
    """The price rule as JSONata, in the words of WaveSpeed's catalogue."""
    seconds = "$ceil(get_duration_v3(audio))"
    if rule.round_s != 1:
        seconds = f"$ceil(get_duration_v3(audio) / {rule.round_s}) * {rule.round_s}"
    clamped = f"$max([{rule.minimum_s}, $min([{seconds}, {rule.cap_s}])])"
    return f'{{"total_price": {clamped} / {rule.unit_s} * base_price}}'


def _entry(service: Service, base_url: str, number: int, model_id: str) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "name": model_id,
        "description": "A video and a voice in, a video whose mouth follows that voice out.",
        "type": MODEL_TYPE,
        "base_price": dollars(service.rule.unit_micro),
        "sort_order": number,
        "formula": formula(service.rule),
        "api_schema": {
            "api_schemas": [
                {
                    "type": "model_run",
                    "method": "POST",
                    "server": base_url,
                    "api_path": f"/api/v3/{model_id}",
                    "request_schema": input_schema(service.settings),
                }
            ]
        },
    }


async def _priced(request: Request) -> tuple[str, int]:
    """Model id and micro-dollars."""
    key = await caller(request)
    service = Service.of(request)
    body = check(PriceBody, await read_object(request, service.settings.max_json_bytes))
    if body.model_id not in MODELS:
        raise NotFoundError(f"There is no model {body.model_id!r} here; there is {', '.join(MODELS)}.")
    seconds = await _seconds(service, key, request, {} if body.inputs is None else body.inputs)
    return body.model_id, service.rule.price(seconds)


async def _seconds(service: Service, key: Key, request: Request, inputs: dict[str, Any]) -> float:
    """How long the output would be, as far as the inputs say; 0 for unknown, which has the least price."""
    given = inputs.get("duration")
    if given is None:
        audio = inputs.get("audio")
        if not isinstance(audio, str):
            return 0
        found = links.ours(audio, links.base_url(service, request))
        return 0 if found is None else await service.work(stored_seconds, service, key, found)
    ok = isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= LONGEST_DURATION_S
    if not ok:
        raise InvalidParameterError(
            f"duration is {str(given)[:100]!r}, but must be seconds from 0 to {LONGEST_DURATION_S}."
        )
    return float(given)
