"""Predictions: what changes state, what cannot, and that money and webhooks go with it, once."""

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from lipwright.service import money, predictions
from lipwright.service import tables as t
from lipwright.service.db import transaction
from lipwright.service.errors import CODE_EXECUTION, ConflictError, CreditError, NotFoundError
from lipwright.service.money import MICRO
from service.accounts import COST, OUTCOME, RULE, draft, finished, new_key, running, submit


def count(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def balance(engine: sa.Engine, key_id: str) -> int | None:
    with engine.connect() as conn:
        return money.balance(conn, key_id)


def stored(engine: sa.Engine, id: str) -> predictions.Prediction:
    with engine.connect() as conn:
        found = predictions.get(conn, id)
    assert found is not None
    return found


def test_a_row_comes_back_as_it_went_in(database: sa.Engine) -> None:
    key = new_key(database)
    inputs = {"video": "https://example.com/ü.mp4", "audio": "a", "seed": 0, "nothing": None}
    sent = submit(database, key, input=inputs, idempotency_key="k", body_sha256="0" * 64, nsfw=(True, False))
    assert stored(database, sent.id) == sent
    assert list(stored(database, sent.id).input) == list(inputs)


def test_completing_settles_and_announces_once(database: sa.Engine) -> None:
    key = new_key(database)
    job = running(database, key)
    with transaction(database) as conn:
        assert predictions.complete(conn, job.id, OUTCOME, RULE)
        assert not predictions.complete(conn, job.id, OUTCOME, RULE)
        assert not predictions.fail(conn, job.id, code=CODE_EXECUTION, error="Too late.")
    done = stored(database, job.id)
    assert (done.status, done.outputs, done.cost_micro) == ("completed", OUTCOME.outputs, COST)
    assert (done.progress, done.error, done.code, done.inference_ms) == (1.0, "", 0, 1234)
    assert done.started_us is not None and done.finished_us is not None
    assert (count(database, t.usage), count(database, t.webhooks)) == (1, 1)
    assert balance(database, key.id) == 10 * MICRO - COST


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("begun", [False, True])
def test_failing_refunds_and_announces_once(database: sa.Engine, status: str, begun: bool) -> None:
    key = new_key(database)
    job = (running if begun else submit)(database, key)
    with transaction(database) as conn:
        assert predictions.fail(conn, job.id, code=CODE_EXECUTION, error="No face.", status=status)
        assert not predictions.fail(conn, job.id, code=CODE_EXECUTION, error="Again.")
        assert not predictions.complete(conn, job.id, OUTCOME, RULE)
        assert not predictions.start(conn, job.id)
    done = stored(database, job.id)
    assert (done.status, done.error, done.code) == (status, "No face.", CODE_EXECUTION)
    assert (done.outputs, done.cost_micro) == ((), 0)
    assert (count(database, t.usage), count(database, t.webhooks)) == (0, 1)
    assert balance(database, key.id) == 10 * MICRO


def test_only_a_processing_job_completes(database: sa.Engine) -> None:
    job = submit(database, new_key(database))
    with transaction(database) as conn:
        assert not predictions.complete(conn, job.id, OUTCOME, RULE)
        assert predictions.start(conn, job.id)
        assert not predictions.start(conn, job.id)
        assert not predictions.complete(conn, "0" * 32, OUTCOME, RULE)


def test_without_a_webhook_nothing_is_announced(database: sa.Engine) -> None:
    finished(database, new_key(database), webhook_url=None)
    assert count(database, t.webhooks) == 0


def test_a_crash_before_the_commit_leaves_the_job_running(database: sa.Engine) -> None:
    key = new_key(database)
    job = running(database, key)
    with pytest.raises(ZeroDivisionError), transaction(database) as conn:
        assert predictions.complete(conn, job.id, OUTCOME, RULE)
        _ = 1 // 0
    assert stored(database, job.id).status == "processing"
    assert (count(database, t.usage), count(database, t.webhooks)) == (0, 0)
    assert balance(database, key.id) == 10 * MICRO - RULE.least


def test_of_many_that_end_a_job_at_once_one_wins(database: sa.Engine) -> None:
    key = new_key(database)
    for _ in range(3):
        job = running(database, key)
        before = count(database, t.usage), count(database, t.webhooks)
        together = Barrier(6)
        won: list[str] = []

        def end(
            how: str, job: predictions.Prediction = job, together: Barrier = together, won: list[str] = won
        ) -> None:
            together.wait()
            with transaction(database) as conn:
                if how == "complete":
                    ended = predictions.complete(conn, job.id, OUTCOME, RULE)
                else:
                    ended = predictions.fail(conn, job.id, code=CODE_EXECUTION, error="Broken.")
            if ended:
                won.append(how)

        threads = [Thread(target=end, args=(how,)) for how in ("complete", "fail") * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        completed = won == ["complete"]
        assert stored(database, job.id).status == ("completed" if completed else "failed")
        assert count(database, t.usage) - before[0] == int(completed)
        assert count(database, t.webhooks) - before[1] == 1
    with database.connect() as conn:
        charged = conn.execute(sa.select(sa.func.coalesce(sa.func.sum(t.usage.c.cost_micro), 0))).scalar_one()
    assert balance(database, key.id) == 10 * MICRO - charged


def test_a_short_balance_accepts_nothing(database: sa.Engine) -> None:
    key = new_key(database, 0.1)
    with pytest.raises(CreditError), transaction(database) as conn:
        predictions.insert(conn, draft(key))
    assert [count(database, table) for table in (t.predictions, t.orders)] == [0, 0]
    assert balance(database, key.id) == 100_000


def test_an_idempotency_key_means_one_request(database: sa.Engine) -> None:
    key, other = new_key(database), new_key(database)
    first = submit(database, key, idempotency_key="k", body_sha256="a" * 64)
    submit(database, other, idempotency_key="k", body_sha256="b" * 64)
    with database.connect() as conn:
        assert predictions.repeated(conn, key.id, "k", "a" * 64) == first
        assert predictions.repeated(conn, key.id, "l", "a" * 64) is None
        with pytest.raises(ConflictError, match=first.id):
            predictions.repeated(conn, key.id, "k", "c" * 64)
    with pytest.raises(ConflictError, match="being accepted"), transaction(database) as conn:
        predictions.insert(conn, draft(key, idempotency_key="k", body_sha256="a" * 64))
    assert count(database, t.predictions) == 2


def test_other_keys_predictions_are_not_there(database: sa.Engine) -> None:
    key, other = new_key(database), new_key(database)
    job = finished(database, key)
    with transaction(database) as conn:
        assert predictions.get(conn, job.id, key.id) == job
        assert predictions.get(conn, job.id, other.id) is None
        assert predictions.mark_deleted(conn, [job.id], other.id) == 0
        assert predictions.search(conn, other.id, 1, 10) == ([], 0)


def test_search_pages_newest_first(database: sa.Engine) -> None:
    key = new_key(database)
    made = [submit(database, key, created_us=1000 + number, model="ab"[number % 2]) for number in range(5)]
    made.reverse()
    with database.connect() as conn:

        def found(page: int, size: int, **wanted: object) -> tuple[list[predictions.Prediction], int]:
            return predictions.search(conn, key.id, page, size, **wanted)  # type: ignore[arg-type]

        assert found(1, 2) == (made[:2], 5)
        assert found(3, 2) == (made[4:], 5)
        assert found(4, 2) == ([], 5)
        assert found(1, 9, model="b") == ([made[1], made[3]], 2)
        assert found(1, 9, status="created")[1] == 5
        assert found(1, 9, status="failed")[1] == 0
        assert found(1, 9, created_after_us=1001, created_before_us=1003) == (made[1:4], 3)


def test_only_finished_predictions_are_deleted(database: sa.Engine) -> None:
    key = new_key(database)
    done, busy = finished(database, key), running(database, key)
    with transaction(database) as conn:
        assert predictions.mark_deleted(conn, [done.id, busy.id, "0" * 32], key.id) == 1
        assert predictions.mark_deleted(conn, [done.id], key.id) == 0
        assert predictions.mark_deleted(conn, [], key.id) == 0
        left, total = predictions.search(conn, key.id, 1, 9)
        assert ([each.id for each in left], total) == ([busy.id], 1)
    assert stored(database, done.id).deleted_us is not None


def test_a_cancel_is_noted_once_and_seen_by_who_runs_it(database: sa.Engine) -> None:
    job = running(database, new_key(database))
    with transaction(database) as conn:
        assert not predictions.cancel_requested(conn, job.id)
        first = predictions.request_cancel(conn, job.id)
        assert first.cancel_requested_us is not None
        assert predictions.request_cancel(conn, job.id) == first
        assert predictions.cancel_requested(conn, job.id)
        assert predictions.cancel_requested(conn, "0" * 32)
        with pytest.raises(NotFoundError):
            predictions.request_cancel(conn, "0" * 32)


def test_a_finished_job_cannot_be_cancelled(database: sa.Engine) -> None:
    job = finished(database, new_key(database))
    with transaction(database) as conn:
        assert predictions.request_cancel(conn, job.id) == job


def test_progress_attempts_and_crashes(database: sa.Engine) -> None:
    job = running(database, new_key(database))
    with transaction(database) as conn:
        predictions.set_progress(conn, job.id, "render", 0.5)
        assert predictions.begin_attempt(conn, job.id)
        assert [predictions.count_crash(conn, job.id) for _ in range(2)] == [1, 2]
        with pytest.raises(NotFoundError):
            predictions.count_crash(conn, "0" * 32)
    now = stored(database, job.id)
    assert (now.stage, now.progress, now.attempts, now.crashes) == ("render", 0.5, 1, 2)
    with transaction(database) as conn:
        predictions.complete(conn, job.id, OUTCOME, RULE)
        predictions.set_progress(conn, job.id, "render", 0.7)
        assert not predictions.begin_attempt(conn, job.id)
    assert stored(database, job.id).progress == 1.0


def test_counts(database: sa.Engine) -> None:
    key, other = new_key(database), new_key(database)
    with transaction(database) as conn:
        assert predictions.queue_counts(conn) == {"created": 0, "processing": 0}
    for make, owner in ((submit, key), (submit, other), (running, key), (finished, key)):
        make(database, owner)
    with transaction(database) as conn:
        assert predictions.queue_counts(conn) == {"created": 2, "processing": 1}
        assert (predictions.unfinished_of(conn, key.id), predictions.unfinished_of(conn, other.id)) == (2, 1)


def test_a_job_can_be_free(database: sa.Engine) -> None:
    key = new_key(database, 0)
    free = replace(RULE, unit_micro=0)
    job = running(database, key, reserved_micro=free.least)
    with transaction(database) as conn:
        assert predictions.complete(conn, job.id, OUTCOME, free)
    assert stored(database, job.id).cost_micro == 0


def test_a_bad_row_is_refused(database: sa.Engine) -> None:
    key = new_key(database)
    breakers: list[Callable[[], predictions.Prediction]] = [
        lambda: draft(key, status="lost"),
        lambda: draft(replace(key, id="0" * 32)),
    ]
    for broken in breakers:
        with pytest.raises(sa.exc.IntegrityError), transaction(database) as conn:
            predictions.insert(conn, broken())
