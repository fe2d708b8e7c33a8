"""Results, lists, deletion, cancelling, reports."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from lipwright.service import predictions
from lipwright.service.api import links
from lipwright.service.api.auth import caller, own_prediction
from lipwright.service.api.describe import answers, call, query_of
from lipwright.service.api.envelope import success
from lipwright.service.api.limits import check_text, read_object
from lipwright.service.api.schemas import DeleteBody, Deleted, ListBody, Page, check
from lipwright.service.api.schemas import Prediction as PredictionAnswer
from lipwright.service.api.state import Service
from lipwright.service.db import transaction
from lipwright.service.errors import NotFoundError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction
from lipwright.service.wire import prediction_object

router = APIRouter(tags=["predictions"])
_ID = re.compile("[0-9a-f]{32}")


async def shown(service: Service, prediction: Prediction) -> dict[str, Any]:
    """The wire object, with outputs as the client asked for them: URLs or base64."""
    urls = links.output_urls(service, prediction)
    if not prediction.base64 or not urls:
        return prediction_object(prediction, urls)
    sizes = [await service.work(_size, service, key) for key in prediction.outputs]
    most = service.settings.max_base64_bytes
    if sum(sizes) > most:
        return prediction_object(prediction, []) | {
            "error": f"The output has {sum(sizes)} bytes, but base64 is for {most} at most; fetch {urls[0]}"
        }
    encoded = [await service.work(_encoded, service, key) for key in prediction.outputs]
    return prediction_object(prediction, encoded)


@router.get(
    "/predictions/{prediction_id}/result", responses=answers(PredictionAnswer, 404), openapi_extra=call()
)
@router.get("/predictions/{prediction_id}", responses=answers(PredictionAnswer, 404), openapi_extra=call())
async def result(request: Request, prediction_id: str) -> Response:
    """A prediction as it is now. HTTP 200 whatever its state, also when the task failed."""
    prediction = await own_prediction(request, prediction_id)
    return success(await shown(Service.of(request), prediction))


@router.get("/predictions", responses=answers(Page, 400), openapi_extra=call(None, *query_of(ListBody)))
async def list_by_query(request: Request) -> Response:
    """Predictions of this key, newest first."""
    key = await caller(request)
    given = {name: check_text(name, value) for name, value in request.query_params.items()}
    return await _list(Service.of(request), key, check(ListBody, given))


@router.post("/predictions", responses=answers(Page, 400, 413), openapi_extra=call(ListBody))
async def list_by_body(request: Request) -> Response:
    """Predictions of this key, newest first."""
    key = await caller(request)
    service = Service.of(request)
    return await _list(
        service, key, check(ListBody, await read_object(request, service.settings.max_json_bytes))
    )


@router.post("/predictions/delete", responses=answers(Deleted, 400, 413), openapi_extra=call(DeleteBody))
async def delete(request: Request) -> Response:
    """Delete finished predictions and their outputs; other ids are passed over."""
    key = await caller(request)
    service = Service.of(request)
    body = check(DeleteBody, await read_object(request, service.settings.max_json_bytes))
    ids = sorted({each for each in body.ids if _ID.fullmatch(each)})
    return success({"deleted_count": await service.write(_delete, service, key, ids)})


@router.post(
    "/predictions/{prediction_id}/cancel", responses=answers(PredictionAnswer, 404), openapi_extra=call()
)
@router.delete("/predictions/{prediction_id}", responses=answers(PredictionAnswer, 404), openapi_extra=call())
async def cancel(request: Request, prediction_id: str) -> Response:
    """Stop a prediction; nothing is charged. A finished one stays as it is."""
    prediction = await own_prediction(request, prediction_id)
    service = Service.of(request)
    if not prediction.terminal:
        prediction = await service.write(service.queue.cancel, prediction.id)
    return success(await shown(service, prediction))


@router.get(
    "/predictions/{prediction_id}/report", responses=answers(dict[str, Any], 404), openapi_extra=call()
)
async def report(request: Request, prediction_id: str) -> Response:
    """The report of a completed run: frames, faces, options, seed, timings, warnings."""
    prediction = await own_prediction(request, prediction_id)
    if prediction.report_key is None:
        raise NotFoundError(f"Prediction {prediction.id} has no report; only completed ones do.")
    service = Service.of(request)
    return success(json.loads(await service.work(_contents, service, prediction.report_key)))


async def _list(service: Service, key: Key, wanted: ListBody) -> Response:
    found: list[Prediction] = []
    if wanted.status is not None and wanted.status not in predictions.STATUSES:
        total = 0  # a state of WaveSpeed's that does not occur here
    else:
        found, total = await service.work(_search, service, key, wanted)
    return success(
        {
            "page": wanted.page,
            "total": total,
            "has_more": wanted.page * wanted.page_size < total,
            "items": [prediction_object(each, links.output_urls(service, each)) for each in found],
        }
    )


def _search(service: Service, key: Key, wanted: ListBody) -> tuple[list[Prediction], int]:
    with service.engine.connect() as conn:
        return predictions.search(
            conn,
            key.id,
            wanted.page,
            wanted.page_size,
            model=wanted.model,
            status=wanted.status,
            created_after_us=microseconds(wanted.created_after),
            created_before_us=microseconds(wanted.created_before),
        )


def microseconds(moment: datetime | None) -> int | None:
    """Since the epoch; a time without a zone is UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def _delete(service: Service, key: Key, ids: list[str]) -> int:
    with transaction(service.engine) as conn:
        count = predictions.mark_deleted(conn, ids, key.id)
        gone = [each for each in predictions.by_ids(conn, ids).values() if each.key_id == key.id]
    for each in gone:
        if each.deleted_us is not None:
            for stored in (*each.outputs, *([] if each.report_key is None else [each.report_key])):
                service.storage.delete(stored)
    return count


def _encoded(service: Service, key: str) -> str:
    return base64.b64encode(_contents(service, key)).decode("ascii")


def _contents(service: Service, key: str) -> bytes:
    return b"".join(service.storage.open_range(key))


def _size(service: Service, key: str) -> int:
    size = service.storage.size(key)
    if size is None:
        raise NotFoundError("The output is no longer there.")
    return size
