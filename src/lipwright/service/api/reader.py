"""Look-ups of keys and predictions, many at a time: clients poll."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from lipwright.service import keys, predictions
from lipwright.service.api.batches import Batches
from lipwright.service.errors import RequestError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction

LARGEST_BATCH = 200


@dataclass(frozen=True)
class Question:
    """Whose token this is, and the prediction asked for, if any."""

    token: str
    prediction_id: str | None


@dataclass(frozen=True)
class Finding:
    """The key, and the prediction if it exists, is the key's and is not deleted."""

    key: Key
    prediction: Prediction | None


class Reader:
    """Answers questions from one thread. Made and used inside one event loop."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._batches: Batches[Question, Finding] = Batches("reader", self._look_up, LARGEST_BATCH)
        self.close = self._batches.close

    async def find(self, token: str, prediction_id: str | None = None) -> Finding:
        """Raises UnauthorizedError, ForbiddenError, and what the database raises."""
        return await self._batches.ask(Question(token, prediction_id))

    def _look_up(self, questions: list[Question]) -> list[Finding | Exception]:
        with self._engine.connect() as conn:
            owners = {token: _owner(conn, token) for token in {q.token for q in questions}}
            wanted = {q.prediction_id for q in questions if q.prediction_id is not None}
            found = predictions.by_ids(conn, wanted)
        return [_finding(question, owners[question.token], found.get) for question in questions]


def _owner(conn: sa.Connection, token: str) -> Key | RequestError:
    try:
        return keys.authenticate(conn, token)
    except RequestError as error:
        return error


def _finding(
    question: Question, owner: Key | RequestError, found: Callable[[str], Prediction | None]
) -> Finding | Exception:
    if isinstance(owner, RequestError):
        # Each request gets an instance of its own: raising one several times would grow its traceback.
        return type(owner)(str(owner), error_code=owner.error_code, retry_after_s=owner.retry_after_s)
    prediction = None if question.prediction_id is None else found(question.prediction_id)
    if prediction is not None and (prediction.key_id != owner.id or prediction.deleted_us is not None):
        prediction = None
    return Finding(owner, prediction)
