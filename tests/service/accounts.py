"""Keys and predictions for tests, through the product's own functions."""

from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from lipwright.service import keys, predictions
from lipwright.service.db import now_us, transaction
from lipwright.service.keys import Key
from lipwright.service.money import MICRO, PriceRule
from lipwright.service.predictions import Outcome, Prediction
from lipwright.service.settings import load_settings

RULE = PriceRule.of(load_settings())
OUTCOME = Outcome(outputs=("outputs/x/out.mp4",), report_key=None, nsfw=(), inference_ms=1234, output_s=9.2)
COST = RULE.price(OUTCOME.output_s)


def new_key(engine: sa.Engine, dollars: float | None = 10.0, name: str | None = None) -> Key:
    """A key with this balance, or an unlimited one."""
    with transaction(engine) as conn:
        amount = None if dollars is None else round(dollars * MICRO)
        return keys.create(conn, uuid4().hex if name is None else name, balance_micro=amount)[0]


def draft(key: Key, **values: Any) -> Prediction:
    """A prediction of a key as the API would make it, not stored."""
    given: dict[str, Any] = {
        "id": uuid4().hex,
        "key_id": key.id,
        "model": "bytedance/latentsync",
        "bundle": "tiny",
        "kind": "sync",
        "status": "created",
        "input": {"video": "https://example.com/v.mp4", "audio": "https://example.com/a.wav"},
        "options": {"steps": 2},
        "webhook_url": "https://example.com/hook",
        "base64": False,
        "base_url": "http://localhost:8000",
        "created_us": now_us(),
        "reserved_micro": RULE.least,
    }
    return Prediction(**given | values)


def submit(engine: sa.Engine, key: Key, **values: Any) -> Prediction:
    """An accepted prediction."""
    prediction = draft(key, **values)
    with transaction(engine) as conn:
        predictions.insert(conn, prediction)
    return prediction


def running(engine: sa.Engine, key: Key, **values: Any) -> Prediction:
    """A prediction that is being processed."""
    prediction = submit(engine, key, **values)
    with transaction(engine) as conn:
        assert predictions.start(conn, prediction.id)
    return prediction


def finished(engine: sa.Engine, key: Key, **values: Any) -> Prediction:
    """A completed prediction, as stored."""
    prediction = running(engine, key, **values)
    with transaction(engine) as conn:
        assert predictions.complete(conn, prediction.id, OUTCOME, RULE)
        done = predictions.get(conn, prediction.id)
    assert done is not None
    return done
