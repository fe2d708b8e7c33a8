"""Submitting a prediction: checked, then accepted in one transaction, then, if asked for, waited for."""

import asyncio
import hashlib
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

from fastapi import Request, Response

from lipwright.service import bundles, keys, predictions
from lipwright.service.api import links
from lipwright.service.api.adapting import parse_adapt
from lipwright.service.api.adopting import adopt
from lipwright.service.api.auth import caller, token_of
from lipwright.service.api.envelope import success
from lipwright.service.api.limits import parse_object, read_body, refuse_media, too_large
from lipwright.service.api.predictions import shown
from lipwright.service.api.state import Service
from lipwright.service.api.submission import (
    ADAPT_MODEL,
    Submission,
    parse_submission,
    personal_id,
    unknown_bundle,
    unknown_model,
)
from lipwright.service.data_uri import is_data_uri
from lipwright.service.db import now_us
from lipwright.service.errors import CODE_TIMEOUT, InvalidParameterError, NotFoundError, UnavailableError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction

LONGEST_IDEMPOTENCY_KEY = 255
SYNC_TIMED_OUT = "Sync mode timed out after"
"""Clients look for these words."""
STILL_PROCESSING = "The prediction is still processing asynchronously."
RESTART_S = 10
"""What `Retry-After` says while the server stops."""
SYNC_POLL_S = (0.1, 1.0)
"""First and longest pause between looks at a prediction that a request waits for."""


async def submit(request: Request) -> Response:
    """Accept a prediction. HTTP 200 and its id; it is durable from then on.

    With `enable_sync_mode` the answer comes when it is finished, or after the server's window with code 5004.
    """
    service = Service.of(request)
    key = await caller(request)
    if service.stopping():
        raise UnavailableError("The server is stopping; try again soon.", retry_after_s=RESTART_S)
    refuse_media(request)
    body = await read_body(request, service.settings.max_data_uri_bytes)
    model = request.url.path.split("/", 3)[3]
    asked = await _parsed(service, request, model, body)
    idempotency_key = _idempotency_key(request)
    digest = _digest(model, request, body)
    earlier = None
    if idempotency_key is not None:
        earlier = await service.work(_repeated, service, key, idempotency_key, digest)
    if earlier is None:
        prediction = await _new(service, request, key, model, asked)
        accepted = await service.acceptor.accept(
            key, replace(prediction, idempotency_key=idempotency_key, body_sha256=digest)
        )
    else:
        accepted = earlier
    headers = {} if earlier is None else {"Idempotent-Replayed": "true"}
    if not asked.sync:
        return success(await shown(service, accepted), headers)
    return success(await _finished(service, request, accepted), headers)


async def submit_elsewhere(request: Request) -> Response:
    """A submit to a personal bundle by its id; any other model is unknown."""
    path = request.path_params["model_id"]
    if personal_id(path) is not None:
        return await submit(request)
    await caller(request)
    raise unknown_model(path)


async def _parsed(service: Service, request: Request, model: str, body: bytes) -> Submission:
    settings = service.settings
    if len(body) > settings.max_json_bytes:
        fields = await service.work(parse_object, body)
        if not any(isinstance(value, str) and is_data_uri(value) for value in fields.values()):
            too_large(settings.max_json_bytes)
    else:
        fields = parse_object(body)
    webhook = links.raw_webhook(request)
    if model == ADAPT_MODEL:
        return parse_adapt(fields, webhook, settings)
    person = personal_id(model)
    if person is not None:
        fields["model"] = person
    return parse_submission(fields, webhook, settings)


def _idempotency_key(request: Request) -> str | None:
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    if not 1 <= len(value) <= LONGEST_IDEMPOTENCY_KEY or not (value.isascii() and value.isprintable()):
        raise InvalidParameterError(
            f"Idempotency-Key must have 1 to {LONGEST_IDEMPOTENCY_KEY} printable ASCII characters."
        )
    return value


def _digest(model: str, request: Request, body: bytes) -> str:
    """Of what makes two submits the same."""
    said = hashlib.sha256()
    for part in (model.encode(), request.url.query.encode(), body):
        said.update(len(part).to_bytes(8, "big") + part)
    return said.hexdigest()


async def _new(service: Service, request: Request, key: Key, model: str, asked: Submission) -> Prediction:
    base_url = links.base_url(service, request)
    adapted = asked.kind == predictions.ADAPT
    if not adapted and asked.bundle not in service.settings.models:
        await service.work(_check_owned, service, key, model, asked.bundle)
    media = asked.media
    if any(is_data_uri(url) or links.ours(url, base_url) for url in media.values()):
        media = await service.work(adopt, service, key, base_url, media)
    return Prediction(
        id=uuid4().hex,
        key_id=key.id,
        model=model,
        bundle=asked.bundle,
        kind=asked.kind,
        status=predictions.CREATED,
        input=asked.as_input | media,
        options=asked.options,
        webhook_url=asked.webhook_url,
        base64=asked.base64,
        base_url=base_url,
        created_us=now_us(),
        reserved_micro=(service.adapt_rule if adapted else service.rule).least,
        priority=keys.limits(key, service.settings).priority,
    )


def _check_owned(service: Service, key: Key, model: str, id: str) -> None:
    """Raise the error of an unknown model unless a personal bundle is the key's."""
    with service.engine.connect() as conn:
        if bundles.get(conn, id, key.id) is not None:
            return
    named = personal_id(model) is not None
    raise unknown_model(model) if named else unknown_bundle(id, service.settings)


def _repeated(service: Service, key: Key, idempotency_key: str, digest: str) -> Prediction | None:
    with service.engine.connect() as conn:
        return predictions.repeated(conn, key.id, idempotency_key, digest)


async def _finished(service: Service, request: Request, prediction: Prediction) -> dict[str, Any]:
    """The wire object once it is terminal; or, after the window, as it is then with the timeout's code."""
    window = service.settings.sync_window_s
    until = time.monotonic() + window
    pause, longest = SYNC_POLL_S
    token = token_of(request)
    while not prediction.terminal:
        left = until - time.monotonic()
        if left <= 0 or service.stopping():
            late = f"{SYNC_TIMED_OUT} {window:g} seconds. {STILL_PROCESSING}"
            return await shown(service, prediction) | {"code": CODE_TIMEOUT, "error": late}
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, longest)
        found = (await service.reader.find(token, prediction.id)).prediction
        if found is None:
            raise NotFoundError("Prediction not found")
        prediction = found
    return await shown(service, prediction)
