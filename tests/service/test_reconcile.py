"""Predictions whose workflow was given up end, and old workflows are forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from dbos import DBOSClient

from lipwright.service import dispatch, predictions
from lipwright.service.db import transaction
from lipwright.service.dispatch import Dispatcher
from lipwright.service.errors import CODE_FAILED
from lipwright.service.queue import JobQueue
from lipwright.service.reconcile import GIVEN_UP_SENTENCE, Reconciler
from lipwright.service.settings import Settings
from service.accounts import draft, new_key


@pytest.fixture
def begun(database: sa.Engine, settings: Settings, client: DBOSClient) -> str:
    """A prediction that is being prepared, with its workflow."""
    one = draft(new_key(database))
    with transaction(database) as conn:
        JobQueue(database, settings).enqueue(conn, one)
    assert Dispatcher(database, settings, client, slots=1).step() == 1
    return one.id


def status(engine: sa.Engine, id: str) -> tuple[str, int, str]:
    """Status, code and sentence of a prediction."""
    with engine.connect() as conn:
        row = predictions.get(conn, id)
    assert row is not None
    return row.status, row.code, row.error


def test_a_prediction_with_a_living_workflow_is_left_alone(
    database: sa.Engine, client: DBOSClient, begun: str
) -> None:
    """However often one looks."""
    reconciler = Reconciler(database, client)
    assert [reconciler.step() for _ in range(3)] == [[], [], []]
    assert status(database, begun)[0] == predictions.PROCESSING


@pytest.mark.parametrize("lost", ["ended", "gone"])
def test_a_prediction_whose_workflow_was_given_up_fails_and_is_refunded(
    database: sa.Engine, client: DBOSClient, begun: str, lost: str
) -> None:
    """At the second look: the first may fall between a workflow's end and its row's."""
    name = dispatch.workflow_id(dispatch.PREPARE, begun)
    if lost == "ended":
        client.cancel_workflow(name)  # any end will do; running out of attempts is one
    else:
        client.delete_workflows([name])
    reconciler = Reconciler(database, client)
    assert reconciler.step() == []
    assert reconciler.step() == [begun]
    assert status(database, begun) == (predictions.FAILED, CODE_FAILED, GIVEN_UP_SENTENCE)
    assert reconciler.step() == []


def test_a_prediction_that_waits_for_a_slot_has_no_workflow_and_needs_none(
    database: sa.Engine, client: DBOSClient, begun: str
) -> None:
    """Its prepare workflow ended; the dispatcher will give it the next."""
    with transaction(database) as conn:
        predictions.set_progress(conn, begun, dispatch.READY, 0)
    client.delete_workflows([dispatch.workflow_id(dispatch.PREPARE, begun)])
    reconciler = Reconciler(database, client)
    assert [reconciler.step() for _ in range(3)] == [[], [], []]


def test_workflows_that_ended_long_ago_are_forgotten(
    database: sa.Engine, client: DBOSClient, begun: str
) -> None:
    """Not those of today, and not those that have not ended."""
    reconciler = Reconciler(database, client)
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    reconciler.forget(tomorrow)
    assert len(client.list_workflows()) == 1
    client.cancel_workflow(dispatch.workflow_id(dispatch.PREPARE, begun))
    reconciler.forget()
    assert len(client.list_workflows()) == 1
    reconciler.forget(tomorrow)
    assert client.list_workflows() == []
