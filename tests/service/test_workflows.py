"""What is relied on of DBOS: recovery of begun workflows by the next controller, and an end to it."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from lipwright.service import dispatch, predictions, workflows
from lipwright.service.db import transaction
from lipwright.service.dispatch import Dispatcher
from lipwright.service.queue import JobQueue
from lipwright.service.reconcile import Reconciler
from lipwright.service.settings import Settings
from service.accounts import draft, new_key
from service.server import until


class Bodies:
    """Stands for the jobs: notes what was run, and moves the row as the real body does."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.prepared: list[str] = []
        self.error: Exception | None = None
        self.hold = threading.Event()
        self.hold.set()

    def prepare(self, prediction_id: str) -> None:
        """Let it wait for a slot."""
        self.prepared.append(prediction_id)
        if self.error is not None:
            raise self.error
        self.hold.wait(30)
        with transaction(self._engine) as conn:
            predictions.set_progress(conn, prediction_id, dispatch.READY, 0)

    def render(self, prediction_id: str) -> None:
        """Nothing comes so far in these tests."""


class Controller:
    """A controller's DBOS, without the controller."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.bodies = Bodies(engine)
        self.abandoned = threading.Event()

    def launch(self) -> None:
        """As controller.py does."""
        workflows.register(self.bodies, self.abandoned.set)  # type: ignore[arg-type]
        workflows.configure(self.engine)
        workflows.launch(self.settings, slots=1)


@pytest.fixture
def controller(database: sa.Engine, settings: Settings, client: DBOSClient) -> Iterator[Controller]:
    """Not launched yet; ended after the test."""
    made = Controller(database, settings)
    yield made
    made.bodies.hold.set()
    DBOS.destroy(destroy_registry=True)


def begun(controller: Controller, client: DBOSClient) -> str:
    """A prediction with a workflow that waits to be taken."""
    one = draft(new_key(controller.engine))
    with transaction(controller.engine) as conn:
        JobQueue(controller.engine, controller.settings).enqueue(conn, one)
    assert Dispatcher(controller.engine, controller.settings, client, slots=1).step() == 1
    return one.id


def killed_meanwhile(engine: sa.Engine, client: DBOSClient, id: str, attempts: int) -> None:
    """Leave the workflow as a killed controller does, having begun it so often."""
    schema = "" if engine.dialect.name == "sqlite" else "dbos."
    with transaction(engine) as conn:
        conn.execute(
            sa.text(
                f"UPDATE {schema}workflow_status SET status = 'PENDING', executor_id = :executor, "
                "recovery_attempts = :attempts WHERE workflow_uuid = :name"
            ),
            {
                "executor": workflows.EXECUTOR,
                "attempts": attempts,
                "name": dispatch.workflow_id(dispatch.PREPARE, id),
            },
        )


def stage(controller: Controller, id: str) -> str:
    """Of a prediction."""
    with controller.engine.connect() as conn:
        row = predictions.get(conn, id)
    assert row is not None
    return row.stage


def test_a_workflow_runs_under_names_that_outlive_its_controller(
    controller: Controller, client: DBOSClient
) -> None:
    """A random executor or a version made of the source would leave begun jobs lying after a restart."""
    id = begun(controller, client)
    controller.launch()
    until("the workflow", lambda: stage(controller, id) == dispatch.READY)
    (workflow,) = client.list_workflows()
    assert (workflow.executor_id, workflow.app_version) == ("ctl-0", "wf-1")
    assert workflow.queue_name == dispatch.PREPARE_QUEUE


def test_a_workflow_of_a_killed_controller_is_begun_again(controller: Controller, client: DBOSClient) -> None:
    """By the next one, at once."""
    id = begun(controller, client)
    killed_meanwhile(controller.engine, client, id, attempts=1)
    controller.launch()
    until("the workflow", lambda: stage(controller, id) == dispatch.READY)
    assert controller.bodies.prepared == [id]


def test_a_workflow_is_not_begun_for_ever(controller: Controller, client: DBOSClient) -> None:
    """Then the prediction fails, and is refunded."""
    id = begun(controller, client)
    killed_meanwhile(controller.engine, client, id, attempts=workflows.MAX_RECOVERIES + 1)
    controller.launch()
    reconciler = Reconciler(controller.engine, client)
    until("the end", lambda: reconciler.step() == [id])
    assert controller.bodies.prepared == []


def test_a_failing_database_ends_the_controller(controller: Controller, client: DBOSClient) -> None:
    """The job is not failed for it: the next controller begins it again."""
    id = begun(controller, client)
    controller.bodies.error = sa.exc.OperationalError("SELECT 1", {}, Exception("gone"))
    controller.launch()
    assert controller.abandoned.wait(30)
    assert stage(controller, id) == dispatch.FETCHING


def test_draining_waits_for_what_runs(controller: Controller, client: DBOSClient) -> None:
    """But takes nothing more."""
    first = begun(controller, client)
    controller.bodies.hold.clear()
    controller.launch()
    until("the workflow", lambda: controller.bodies.prepared == [first])
    threading.Timer(0.3, controller.bodies.hold.set).start()
    workflows.drain(30)
    assert stage(controller, first) == dispatch.READY


def test_draining_waits_no_longer_than_it_should(controller: Controller, client: DBOSClient) -> None:
    """What still runs is left to the next controller."""
    first = begun(controller, client)
    controller.bodies.hold.clear()
    controller.launch()
    until("the workflow", lambda: controller.bodies.prepared == [first])
    workflows.drain(0.2)
    assert stage(controller, first) == dispatch.FETCHING
