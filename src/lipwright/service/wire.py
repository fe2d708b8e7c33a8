"""A prediction as clients see it: in the result call, in lists and in webhooks.

Every field is there in every state and none is ever null: typed clients fail on less. Strings are "" when
there is nothing to say, times have nanosecond digits, `urls` holds absolute URLs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lipwright.service import predictions
from lipwright.service.predictions import Prediction


def timestamp(us: int) -> str:
    """UTC microseconds since the epoch as ISO 8601 with nine digits of a second and Z."""
    return f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{us % 1_000_000:06d}000Z"


def bundle_ids(prediction: Prediction) -> list[str]:
    """The outputs of an adapt job: the id of what it made, which is its own."""
    return [prediction.id] if prediction.status == predictions.COMPLETED else []


def prediction_urls(prediction: Prediction) -> dict[str, str]:
    """Where a prediction can be asked for; `get` is what WaveSpeed has."""
    at = f"{prediction.base_url}/api/v3/predictions/{prediction.id}"
    return {"get": f"{at}/result", "cancel": f"{at}/cancel"}


def webhook_object(prediction: Prediction, outputs: Sequence[str]) -> dict[str, Any]:
    """What is sent to a webhook, with the keys in the documented order.

    outputs: URLs, or `bundle_ids`.
    """
    return {
        "id": prediction.id,
        "model": prediction.model,
        "input": prediction.input,
        "outputs": list(outputs),
        "urls": prediction_urls(prediction),
        "has_nsfw_contents": list(prediction.nsfw),
        "status": prediction.status,
        "created_at": timestamp(prediction.created_us),
        "error": prediction.error,
        "executionTime": prediction.inference_ms,
        "timings": {"inference": prediction.inference_ms},
    }


def prediction_object(prediction: Prediction, outputs: Sequence[str]) -> dict[str, Any]:
    """What the result call answers: the webhook's fields and the task code, stage and progress (0 to 1)."""
    return webhook_object(prediction, outputs) | {
        "code": prediction.code,
        "stage": prediction.stage,
        "progress": prediction.progress,
    }
