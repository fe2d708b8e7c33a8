"""Look-ups of keys and predictions, many at a time.

Clients poll. One look-up is a hop to a thread and two queries; a thousand waiting clients would be a thousand
of each. Here those that arrive while a query runs are answered together by the next one, so a look-up by
itself waits for nobody, and under load the cost is shared.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa

from lipwright.service import keys, predictions
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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._waiting: list[tuple[Question, asyncio.Future[Finding]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def find(self, token: str, prediction_id: str | None = None) -> Finding:
        """Raises UnauthorizedError, ForbiddenError, and what the database raises."""
        future: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()
        self._waiting.append((Question(token, prediction_id), future))
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())
        return await future

    def close(self) -> None:
        """Stop the thread; questions that wait are answered first."""
        self._thread.shutdown()

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                questions = [question for question, _ in batch]
                try:
                    findings = await loop.run_in_executor(self._thread, self._look_up, questions)
                except Exception as error:  # noqa: BLE001  # handed to those who asked
                    findings = [error] * len(batch)
                for (_, future), finding in zip(batch, findings, strict=True):
                    if future.done():  # whoever asked has gone
                        continue
                    if isinstance(finding, Finding):
                        future.set_result(finding)
                    else:
                        future.set_exception(finding)
        finally:
            self._answering = None

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
        return owner
    prediction = None if question.prediction_id is None else found(question.prediction_id)
    if prediction is not None and (prediction.key_id != owner.id or prediction.deleted_us is not None):
        prediction = None
    return Finding(owner, prediction)
