"""What the workflows themselves cannot do: end predictions whose workflow was given up, and forget old
workflows."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from dbos import DBOSClient

from lipwright.service import dispatch, metrics, predictions
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.errors import CODE_FAILED
from lipwright.service.logs import log

GIVEN_UP_SENTENCE = "The server was interrupted too often while it worked on this; nothing was charged."
ALIVE = ("ENQUEUED", "PENDING", "DELAYED")
FORGOTTEN_AFTER = timedelta(days=1)
FORGOTTEN_AT_ONCE = 500

_c = t.predictions.c


class Reconciler:
    """Compares predictions with workflows. `step` is called by one thread only."""

    def __init__(self, engine: sa.Engine, client: DBOSClient) -> None:
        self._engine = engine
        self._client = client
        self._suspects: set[tuple[str, str]] = set()

    def step(self) -> list[str]:
        """End the predictions that no workflow works on; their ids.

        A workflow ends a moment after the row that it works for changed, so a prediction must look
        abandoned at the same stage in two steps in a row.
        """
        with self._engine.connect() as conn:
            rows = conn.execute(
                sa.select(_c.id, _c.stage).where(
                    _c.status == predictions.PROCESSING, _c.stage != dispatch.READY
                )
            ).all()
        workflow = {
            row.id: dispatch.workflow_id(
                dispatch.PREPARE if row.stage == dispatch.FETCHING else dispatch.RENDER, row.id
            )
            for row in rows
        }
        alive = self._alive(list(workflow.values()))
        suspects = {(id, name) for id, name in workflow.items() if name not in alive}
        given_up = sorted(id for id, _ in suspects & self._suspects)
        self._suspects = suspects
        return [id for id in given_up if self._end(id)]

    def forget(self, now: datetime | None = None) -> None:
        """Remove workflows that ended long ago; the predictions are what remembers them."""
        before = (datetime.now(UTC) if now is None else now) - FORGOTTEN_AFTER
        ended = self._client.list_workflows(
            completed_before=before.isoformat(),
            limit=FORGOTTEN_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if ended:
            self._client.delete_workflows([workflow.workflow_id for workflow in ended])

    def _alive(self, ids: list[str]) -> set[str]:
        if not ids:
            return set()
        found = self._client.list_workflows(
            workflow_ids=ids, status=list(ALIVE), load_input=False, load_output=False
        )
        return {workflow.workflow_id for workflow in found}

    def _end(self, id: str) -> bool:
        with transaction(self._engine) as conn:
            ended = predictions.fail(conn, id, code=CODE_FAILED, error=GIVEN_UP_SENTENCE)
        if ended:
            metrics.JOBS.labels(predictions.FAILED, CODE_FAILED).inc()
            log().error("gave up a prediction without a workflow", prediction_id=id)
        return ended
