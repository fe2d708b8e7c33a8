"""Webhooks as WaveSpeed sends them: the payload's bytes, signature version 3, an attempt, the schedule.

Receivers check `webhook-signature: v3,<hex>`, an HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`
under the text of the key's secret without `whsec_` (as ASCII, not decoded), and refuse time stamps that are
more than 300 s off. So each attempt has a time stamp and a signature of its own; id and body stay.
"""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from lipwright.service import predictions
from lipwright.service.guard import Budget, ExchangeError, Policy, RefusedURL, exchange, parsed
from lipwright.service.keys import WEBHOOK_PREFIX
from lipwright.service.predictions import Prediction
from lipwright.service.signing import signed_url
from lipwright.service.wire import bundle_ids, webhook_object

RETRY_AFTER_S = (10, 60, 300, 900, 3600, 3 * 3600, 6 * 3600)
"""Seconds from a failed attempt to the next; the last one repeats until the time is over."""
WINDOW_S = 300
"""How far a receiver lets the time stamp be off."""
_HEADER_ID, _HEADER_TIME, _HEADER_SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


@dataclass(frozen=True)
class Attempt:
    """What became of one attempt."""

    at_us: int
    """UTC microseconds since the epoch."""
    duration_ms: int
    http_status: int | None
    """None when no answer came."""
    error: str
    """Why it failed, a clause; "" when it did not."""

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return not self.error


def payload(prediction: Prediction, url_secret: bytes, retention_us: int) -> bytes:
    """The body for a finished prediction; its output URLs are good as long as the files are kept."""
    assert prediction.finished_us is not None
    expires = (prediction.finished_us + retention_us) // 1_000_000
    outputs = [signed_url(prediction.base_url, url_secret, key, expires) for key in prediction.outputs]
    if prediction.kind == predictions.ADAPT:
        outputs = bundle_ids(prediction)
    text = json.dumps(webhook_object(prediction, outputs), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`."""
    key = secret.removeprefix(WEBHOOK_PREFIX).encode("ascii")
    signed = f"{webhook_id}.{timestamp}.".encode("ascii") + body
    return f"v3,{hmac.new(key, signed, hashlib.sha256).hexdigest()}"


def verify(secret: str, headers: dict[str, str], body: bytes, now_s: float) -> bool:
    """What a receiver does: whether a delivery is genuine and fresh. `headers` have lower-case names."""
    timestamp = headers.get(_HEADER_TIME, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    expected = signature(secret, headers.get(_HEADER_ID, ""), int(timestamp), body)
    genuine = hmac.compare_digest(expected.encode(), headers.get(_HEADER_SIGNATURE, "").encode())
    return genuine and abs(now_s - int(timestamp)) <= WINDOW_S


def deliver(
    policy: Policy, url: str, webhook_id: str, body: bytes, secret: str, *, now_us: int, timeout_s: float
) -> Attempt:
    """Send a body once. Any 2xx within the time is success; redirects are not followed. Never raises for what
    the receiver does.
    """
    began = time.monotonic()
    timestamp = now_us // 1_000_000
    headers = {
        "content-type": "application/json",
        _HEADER_ID: webhook_id,
        _HEADER_TIME: str(timestamp),
        _HEADER_SIGNATURE: signature(secret, webhook_id, timestamp, body),
    }
    status, error = None, ""
    try:
        at = parsed(url)
        if at.scheme != "https" and not policy.allow_private:
            raise RefusedURL("webhooks are sent to https URLs only; use one")
        budget = Budget(timeout_s, timeout_s)
        with exchange(policy, budget, "POST", at, headers=headers, content=body) as answer:
            status = answer.status_code
        if 300 <= status < 400:
            error = f"the receiver answered {status}, and redirects are not followed; give the final URL"
        elif not 200 <= status < 300:
            error = f"the receiver answered {status}; it must answer 2xx"
    except ExchangeError as failure:
        error = str(failure)
    return Attempt(now_us, round((time.monotonic() - began) * 1000), status, error)


def next_attempt_us(attempts: int, first_us: int, now_us: int, retry_h: float) -> int | None:
    """When to try again after so many failed attempts; None when the time for that is over."""
    wait_s = RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S)) - 1]
    due = now_us + wait_s * 1_000_000
    return due if due <= first_us + round(retry_h * 3600 * 1_000_000) else None
