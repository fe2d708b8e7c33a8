"""Who asks: `Authorization: Bearer KEY`, the only way that clients of this API use."""

import re

from fastapi import Request

from lipwright.service.api.state import Service
from lipwright.service.errors import NotFoundError, UnauthorizedError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction

_ID = re.compile("[0-9a-f]{32}")


def token_of(request: Request) -> str:
    """The key as sent. Raises UnauthorizedError when there is none."""
    header = request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthorizedError("There is no API key; send it as `Authorization: Bearer KEY`.")
    return token.strip()


async def caller(request: Request) -> Key:
    """The key of the request. Raises UnauthorizedError, ForbiddenError."""
    finding = await Service.of(request).reader.find(token_of(request))
    return finding.key


async def own_prediction(request: Request, prediction_id: str) -> Prediction:
    """A prediction of the caller. Raises NotFoundError also for those of other keys and deleted ones."""
    known = prediction_id if _ID.fullmatch(prediction_id) else None
    finding = await Service.of(request).reader.find(token_of(request), known)
    if finding.prediction is None:
        raise NotFoundError("Prediction not found")
    return finding.prediction
