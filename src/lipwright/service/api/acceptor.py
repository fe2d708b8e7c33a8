"""Accepting predictions: all that it means in one transaction, one flush of the disk for all that wait.

Each has a savepoint of its own, so one that is refused leaves the others alone. None is answered before the
transaction is on the disk.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from lipwright.service import faults, keys, predictions, rates
from lipwright.service.api.batches import Batches
from lipwright.service.db import transaction
from lipwright.service.errors import RequestError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction
from lipwright.service.queue import JobQueue
from lipwright.service.settings import Settings

LARGEST_BATCH = 20
"""Bounds how long the write lock is held: about 5 ms for each."""


@dataclass(frozen=True)
class Offer:
    """A prediction that a key wants accepted; its Idempotency-Key and body's digest stand in it."""

    key: Key
    prediction: Prediction


class Acceptor:
    """Accepts predictions in one thread. Made and used inside one event loop."""

    def __init__(self, engine: sa.Engine, settings: Settings, queue: JobQueue) -> None:
        self._engine = engine
        self._settings = settings
        self._queue = queue
        self._batches: Batches[Offer, Prediction] = Batches("acceptor", self._accept_all, LARGEST_BATCH)
        self.close = self._batches.close

    async def accept(self, key: Key, prediction: Prediction) -> Prediction:
        """The accepted prediction, or the one that was accepted under this Idempotency-Key before.

        Raises RateLimitError, CreditError, ConflictError, and what the database raises.
        """
        return await self._batches.ask(Offer(key, prediction))

    def _accept_all(self, offers: list[Offer]) -> list[Prediction | Exception]:
        with transaction(self._engine) as conn:
            answers = [self._accept(conn, offer) for offer in offers]
        faults.reached(faults.ACCEPTED)
        return answers

    def _accept(self, conn: sa.Connection, offer: Offer) -> Prediction | Exception:
        try:
            with conn.begin_nested():
                return self._accepted(conn, offer.key, offer.prediction)
        except (RequestError, sa.exc.StatementError) as error:
            return error  # the savepoint took it back; without a connection that would have raised

    def _accepted(self, conn: sa.Connection, key: Key, asked: Prediction) -> Prediction:
        if asked.idempotency_key is not None and asked.body_sha256 is not None:
            earlier = predictions.repeated(conn, key.id, asked.idempotency_key, asked.body_sha256)
            if earlier is not None:
                return earlier
        rates.count_request(conn, key.id, keys.limits(key, self._settings).rate_per_minute)
        self._queue.enqueue(conn, asked)
        return asked
