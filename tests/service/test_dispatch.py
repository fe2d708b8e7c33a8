"""The order of the waiting line, and its gates."""

from collections import Counter

import sqlalchemy as sa
from dbos import DBOSClient

from lipwright.service import dispatch, predictions
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.dispatch import Candidate, Dispatcher, Turns
from lipwright.service.keys import Key
from lipwright.service.queue import JobQueue
from lipwright.service.settings import Settings
from service.accounts import draft, new_key


def candidate(key: str, number: int, priority: int = 100) -> Candidate:
    """The `number`th job of a key."""
    return Candidate(f"{key}{number}", key, priority, number)


def test_the_jobs_of_one_key_keep_their_order() -> None:
    """First come, first served."""
    assert [
        one.id for one in Turns().choose([candidate("a", n) for n in (3, 1, 2)], 3, Counter(), {"a": 9})
    ] == [
        "a1",
        "a2",
        "a3",
    ]


def test_keys_take_turns_however_many_jobs_one_of_them_queued() -> None:
    """The second key does not wait behind all jobs of the first."""
    line = [candidate("a", n) for n in range(1, 5)] + [candidate("b", 9), candidate("b", 10)]
    served = [one.id for one in Turns().choose(line, 6, Counter(), {"a": 9, "b": 9})]
    assert served == ["a1", "b9", "a2", "b10", "a3", "a4"]


def test_turns_are_remembered_between_choices() -> None:
    """One at a time is the same order."""
    turns, line = Turns(), [candidate("a", 1), candidate("a", 2), candidate("b", 3)]
    served = []
    while line:
        (one,) = turns.choose(line, 1, Counter(), {"a": 9, "b": 9})
        line.remove(one)
        served.append(one.id)
    assert served == ["a1", "b3", "a2"]


def test_a_smaller_priority_goes_first() -> None:
    """Before turns and age."""
    line = [candidate("a", 1), candidate("b", 2, priority=5), candidate("b", 3, priority=5)]
    assert [one.id for one in Turns().choose(line, 3, Counter(), {"a": 9, "b": 9})] == ["b2", "b3", "a1"]


def test_a_key_never_has_more_than_its_limit() -> None:
    """What it already has counts; others pass."""
    line = [candidate("a", 1), candidate("a", 2), candidate("b", 3)]
    assert [one.id for one in Turns().choose(line, 3, Counter({"a": 1}), {"a": 2, "b": 1})] == ["a1", "b3"]


def enqueue(engine: sa.Engine, settings: Settings, key: Key, count: int) -> list[str]:
    """Jobs that wait, in order."""
    line = JobQueue(engine, settings)
    ids = []
    for number in range(count):
        one = draft(key, created_us=1000 + number)
        with transaction(engine) as conn:
            line.enqueue(conn, one)
        ids.append(one.id)
    return ids


def stages(engine: sa.Engine) -> Counter[str]:
    """How many jobs are at each stage; those that wait have none."""
    with engine.connect() as conn:
        return Counter(conn.execute(sa.select(t.predictions.c.stage)).scalars())


def workflows_of(client: DBOSClient) -> set[str]:
    """Ids of all workflows."""
    return {each.workflow_id for each in client.list_workflows()}


def test_only_as_many_are_prepared_as_can_soon_be_rendered(
    database: sa.Engine, settings: Settings, client: DBOSClient
) -> None:
    """Two slots and four at a time: six leave the line, each with its workflow; the rest waits."""
    ids = enqueue(database, settings, new_key(database), 12)
    more = enqueue(database, settings, new_key(database), 2)
    dispatcher = Dispatcher(database, settings, client, slots=2)
    assert dispatcher.step() == settings.prepare_concurrent + 2
    assert dispatcher.step() == 0
    with database.connect() as conn:
        fetching = {id for id in ids + more if predictions.get(conn, id).stage == dispatch.FETCHING}  # type: ignore[union-attr]
    assert fetching == {*ids[:4], *more}
    assert workflows_of(client) == {f"{id}-prepare" for id in fetching}


def test_a_slot_is_given_to_the_job_that_was_first(
    database: sa.Engine, settings: Settings, client: DBOSClient
) -> None:
    """Of three that are ready, one slot takes the oldest; the next when it is over."""
    ids = enqueue(database, settings, new_key(database), 3)
    dispatcher = Dispatcher(database, settings, client, slots=1)
    dispatcher.step()
    with transaction(database) as conn:
        for id in ids:
            predictions.set_progress(conn, id, dispatch.READY, 0)
    dispatcher.step()
    assert stages(database)[dispatch.RENDERING] == 1
    assert ids[0] in workflows_of(client)
    JobQueue(database, settings).cancel(ids[0])
    dispatcher.step()
    assert ids[1] in workflows_of(client) and ids[2] not in workflows_of(client)


def test_a_keys_own_limit_holds_at_the_slots(
    database: sa.Engine, settings: Settings, client: DBOSClient
) -> None:
    """A key that may have one job at a time leaves seven of eight slots to others."""
    key = new_key(database)
    with transaction(database) as conn:
        conn.execute(sa.update(t.keys).where(t.keys.c.id == key.id).values(concurrent=1))
    ids = enqueue(database, settings, key, 4)
    dispatcher = Dispatcher(database, settings, client, slots=8)
    assert dispatcher.step() == 2  # one to render, and the next one prepared meanwhile
    with transaction(database) as conn:
        for id in ids[:2]:
            predictions.set_progress(conn, id, dispatch.READY, 0)
    dispatcher.step()
    assert stages(database)[dispatch.RENDERING] == 1


def test_a_job_that_was_cancelled_meanwhile_passes_no_gate(
    database: sa.Engine, settings: Settings, client: DBOSClient
) -> None:
    """Neither row nor workflow."""
    (id,) = enqueue(database, settings, new_key(database), 1)
    JobQueue(database, settings).cancel(id)
    assert Dispatcher(database, settings, client, slots=1).step() == 0
    assert workflows_of(client) == set()
