"""The waiting line, as the API sees it: join it in the transaction that accepts a job, or leave it.

The line is the predictions table itself: a row in state `created` waits. Accepting a job is thus one commit,
and no second store can disagree with it. The controller takes rows from the line (dispatch.py) and gives each
a durable workflow in the transaction that changes its state.
"""

import sqlalchemy as sa

from lipwright.service import bundles, faults, predictions
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.errors import CODE_FAILED, RateLimitError
from lipwright.service.predictions import Prediction
from lipwright.service.settings import Settings

CANCELLED_SENTENCE = "Cancelled on request; nothing was charged."
FULL_RETRY_S = 30
"""What `Retry-After` says while the line is full."""


class JobQueue:
    """The line of one server. Safe to use from several threads."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    def enqueue(self, conn: sa.Connection, prediction: Prediction) -> None:
        """Accept a prediction in the caller's transaction: its row, its reservation, its place in the line.

        It is accepted when that transaction commits. Raises RateLimitError when too many jobs wait
        or the key has too many personal bundles, CreditError and ConflictError as `predictions.insert`; then
        the caller must roll back.
        """
        self._check_room(conn, prediction.key_id)
        if prediction.kind == predictions.ADAPT:
            bundles.check_room(conn, prediction.key_id, self._settings)
        predictions.insert(conn, prediction)
        faults.reached(faults.SUBMIT)

    def cancel(self, prediction_id: str) -> Prediction:
        """End a prediction as `cancelled`, refund it, and have whatever works on it stopped.

        A finished one stays as it is. Returns the row afterwards. Raises NotFoundError. The state is final at
        once; a running render stops within a denoising step, and its result would be dropped anyway.
        """
        with transaction(self._engine) as conn:
            asked = predictions.request_cancel(conn, prediction_id)
            if asked.terminal:
                return asked
            predictions.fail(
                conn,
                prediction_id,
                code=CODE_FAILED,
                error=CANCELLED_SENTENCE,
                status=predictions.CANCELLED,
            )
            done = predictions.get(conn, prediction_id)
        assert done is not None
        return done

    def _check_room(self, conn: sa.Connection, key_id: str) -> None:
        if predictions.unfinished_of(conn, key_id) >= self._settings.max_queued_per_key:
            raise RateLimitError(
                f"This key already has {self._settings.max_queued_per_key} unfinished predictions; wait for "
                "some of them.",
                retry_after_s=FULL_RETRY_S,
            )
        waiting = conn.execute(
            sa.select(sa.func.count())
            .select_from(t.predictions)
            .where(t.predictions.c.status.in_(predictions.UNFINISHED))
        ).scalar_one()
        if waiting >= self._settings.max_queued:
            raise RateLimitError(
                "The server has as many unfinished predictions as it takes; try again later.",
                retry_after_s=FULL_RETRY_S,
            )
