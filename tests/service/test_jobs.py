"""The bodies of the workflows: what ends a job how, and that running them again changes nothing."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.service import bundles, dispatch, predictions
from lipwright.service import jobs as module
from lipwright.service import tables as t
from lipwright.service.channel import Rendered, RenderJob
from lipwright.service.db import transaction
from lipwright.service.errors import (
    CODE_CREDIT,
    CODE_EXECUTION,
    CODE_FAILED,
    CODE_FETCH,
    CODE_INTERNAL,
    CODE_MODERATION,
    CODE_TIMEOUT,
    CreditError,
    FetchError,
)
from lipwright.service.jobs import Jobs
from lipwright.service.pool import (
    NoWorkerError,
    OnProgress,
    RenderRefused,
    RenderStopped,
    ShouldStop,
    WorkerDied,
)
from lipwright.service.predictions import Prediction
from lipwright.service.preparing import Prepared
from lipwright.service.queue import JobQueue
from lipwright.service.settings import Settings
from lipwright.service.storage import LocalStorage
from service.accounts import draft, new_key


class Pool:
    """A pool whose renders end as told, one after the other; without orders they succeed."""

    slots = 1

    def __init__(self) -> None:
        self.orders: list[Exception] = []
        self.renders = 0
        self.job: RenderJob | None = None
        self.nsfw: tuple[bool, ...] = ()
        self.meanwhile: Callable[[ShouldStop, OnProgress], None] = lambda _stop, _progress: None

    def start(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to end."""

    def render(self, job: RenderJob, should_stop: ShouldStop, on_progress: OnProgress) -> Rendered:
        """See GpuPool."""
        self.renders += 1
        self.job = job
        self.meanwhile(should_stop, on_progress)
        if self.orders:
            raise self.orders.pop(0)
        if job.adapt:
            Path(job.out).mkdir()
            (Path(job.out) / "model.json").write_bytes(b"about")
        else:
            Path(job.out).write_bytes(b"video")
        Path(job.report).write_text("{}")
        return Rendered(7.5, 1234, self.nsfw)


class Desk:
    """A controller's parts without the controller."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.pool = Pool()
        self.storage = LocalStorage(settings.stored)
        self.trouble: Exception | None = None
        self.jobs = Jobs(engine, settings, self.storage, self.pool, self._prepare, lambda: None)  # type: ignore[arg-type]

    def _prepare(self, prediction: Prediction, folder: Path) -> Prepared:
        if self.trouble is not None:
            raise self.trouble
        return Prepared(folder / "video", folder / "audio", 7.5)

    def begun(self, stage: str = dispatch.RENDERING, **values: Any) -> str:
        """A prediction that reached a stage."""
        one = draft(new_key(self.engine), **values)
        with transaction(self.engine) as conn:
            predictions.insert(conn, one)
            assert predictions.start(conn, one.id)
            predictions.set_progress(conn, one.id, stage, 0)
        (self.settings.work / one.id).mkdir(parents=True)
        return one.id

    def row(self, id: str) -> Prediction:
        """As stored."""
        with self.engine.connect() as conn:
            found = predictions.get(conn, id)
        assert found is not None
        return found

    def order(self, id: str) -> tuple[str, int]:
        """State and amount of a prediction's order."""
        with self.engine.connect() as conn:
            row = conn.execute(sa.select(t.orders).where(t.orders.c.prediction_id == id)).one()
        return row.state, row.amount_micro


@pytest.fixture
def desk(database: sa.Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """On either database."""
    monkeypatch.setattr(module, "CRASH_PAUSE_S", 0.0)
    return Desk(database, settings)


def test_a_job_is_prepared_once(desk: Desk) -> None:
    """The second run finds it at a later stage."""
    id = desk.begun(dispatch.FETCHING)
    desk.jobs.prepare(id)
    assert desk.row(id).stage == dispatch.READY
    desk.trouble = FetchError("never asked")
    desk.jobs.prepare(id)
    assert desk.row(id).status == predictions.PROCESSING


@pytest.mark.parametrize(
    "trouble, code", [(FetchError("Gone."), CODE_FETCH), (CreditError("Short."), CODE_CREDIT)]
)
def test_inputs_that_cannot_be_used_end_the_job_with_a_refund(
    desk: Desk, trouble: Exception, code: int
) -> None:
    """The sentence is the error's."""
    id = desk.begun(dispatch.FETCHING)
    desk.trouble = trouble
    desk.jobs.prepare(id)
    row = desk.row(id)
    assert (row.status, row.code, row.error) == (predictions.FAILED, code, str(trouble))
    assert desk.order(id) == ("released", 0)
    assert not (desk.settings.work / id).exists()


def test_a_render_is_published_settled_and_announced(desk: Desk) -> None:
    """Video and report; the folder is gone."""
    id = desk.begun()
    desk.jobs.render(id)
    row = desk.row(id)
    assert (row.status, row.output_s, row.inference_ms, row.attempts) == (predictions.COMPLETED, 7.5, 1234, 1)
    assert [desk.storage.size(key) for key in (*row.outputs, str(row.report_key))] == [5, 2]
    assert desk.order(id) == ("settled", row.cost_micro)
    assert not (desk.settings.work / id).exists()


def test_what_is_rendered_is_not_rendered_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between render and publish costs no second render."""
    id = desk.begun()
    with monkeypatch.context() as broken:
        broken.setattr(desk.storage, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.jobs.render(id)
    desk.jobs.render(id)
    assert (desk.row(id).status, desk.pool.renders) == (predictions.COMPLETED, 1)


def test_running_a_finished_job_again_changes_nothing(desk: Desk) -> None:
    """As after a kill between the settlement and the workflow's end."""
    id = desk.begun()
    desk.jobs.render(id)
    before = desk.row(id)
    desk.jobs.render(id)
    assert desk.row(id) == before
    assert desk.storage.size(before.outputs[0]) == 5


def killed(*_: object, **__: object) -> None:
    """What is not an Exception passes all handlers, as a kill does."""
    raise KeyboardInterrupt


def test_a_dead_worker_is_replaced_twice(desk: Desk) -> None:
    """And the job completed."""
    id = desk.begun()
    desk.pool.orders = [WorkerDied("signal 9")] * 2
    desk.jobs.render(id)
    row = desk.row(id)
    assert (row.status, row.crashes, row.attempts) == (predictions.COMPLETED, 2, 3)


def test_the_third_dead_worker_ends_the_job(desk: Desk) -> None:
    """Not billed, and the sentence says why."""
    id = desk.begun()
    desk.pool.orders = [WorkerDied("signal 9")] * 3
    desk.jobs.render(id)
    row = desk.row(id)
    assert (row.status, row.code, row.crashes) == (predictions.FAILED, CODE_FAILED, 3)
    assert row.error.startswith("worker_crashed: ")
    assert desk.order(id) == ("released", 0)


def test_strikes_are_counted_across_controllers(desk: Desk) -> None:
    """A restart forgives nothing."""
    id = desk.begun()
    with transaction(desk.engine) as conn:
        predictions.count_crash(conn, id)
        predictions.count_crash(conn, id)
    desk.pool.orders = [WorkerDied("signal 9")]
    desk.jobs.render(id)
    assert (desk.row(id).status, desk.pool.renders) == (predictions.FAILED, 1)


@pytest.mark.parametrize(
    "error, code",
    [
        (RenderRefused("The video shows no face.", CODE_EXECUTION), CODE_EXECUTION),
        (NoWorkerError("none"), CODE_INTERNAL),
        (RenderStopped("timeout"), CODE_TIMEOUT),
        (ZeroDivisionError("a bug of ours"), CODE_INTERNAL),
    ],
)
def test_how_renders_fail(desk: Desk, error: Exception, code: int) -> None:
    """A code and a sentence, never a traceback; refunded."""
    id = desk.begun()
    desk.pool.orders = [error]
    desk.jobs.render(id)
    row = desk.row(id)
    assert (row.status, row.code) == (predictions.FAILED, code)
    assert row.error.endswith(".") and "ZeroDivision" not in row.error
    assert desk.order(id) == ("released", 0)


def test_a_cancel_during_the_render_is_noticed_and_its_result_dropped(desk: Desk) -> None:
    """Here the render is finished all the same, because nobody can stop it in time."""
    id = desk.begun()
    asked: list[str | None] = []

    def cancel(should_stop: ShouldStop, _progress: OnProgress) -> None:
        JobQueue(desk.engine, desk.settings).cancel(id)
        asked.append(should_stop())

    desk.pool.meanwhile = cancel
    desk.jobs.render(id)
    assert asked == ["cancelled"]
    assert desk.row(id).status == predictions.CANCELLED
    assert list(desk.storage.list()) == []
    assert not (desk.settings.work / id).exists()


def test_progress_is_written_and_never_goes_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Following the face is the first fifth."""
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    id = desk.begun()
    seen: list[tuple[str, float]] = []

    def tell(_stop: ShouldStop, progress: OnProgress) -> None:
        for said in [("track", 5, 10), ("track", 10, 10), ("paint", 0, 4), ("track", 3, 10), ("paint", 2, 4)]:
            progress(*said)
            seen.append((desk.row(id).stage, desk.row(id).progress))

    desk.pool.meanwhile = tell
    desk.jobs.render(id)
    assert seen == [("track", 0.1), ("track", 0.2), ("paint", 0.2), ("track", 0.2), ("paint", 0.6)]


@pytest.mark.parametrize("nsfw, status", [("block", predictions.FAILED), ("report", predictions.COMPLETED)])
def test_a_finding_blocks_where_it_is_set(
    database: sa.Engine, settings: Settings, nsfw: str, status: str
) -> None:
    """Else it is reported."""
    desk = Desk(database, settings.model_copy(update={"nsfw": nsfw}))
    desk.pool.nsfw = (True,)
    id = desk.begun()
    desk.jobs.render(id)
    row = desk.row(id)
    assert row.status == status
    assert (row.code, row.nsfw) == ((CODE_MODERATION, ()) if nsfw == "block" else (0, (True,)))


def learning(desk: Desk) -> str:
    """An adapt job that waits for its render."""
    return desk.begun(
        kind=predictions.ADAPT, options={"name": "Ann"}, input={"video": "https://example.com/v"}
    )


def test_an_adapt_job_makes_a_bundle_of_its_key(desk: Desk) -> None:
    """Owned from the transaction on that completes and charges the job; run again, nothing more happens."""
    id = learning(desk)
    for _ in range(2):
        desk.jobs.render(id)
    row = desk.row(id)
    assert (row.status, row.outputs, row.output_s) == (predictions.COMPLETED, (), 7.5)
    assert desk.order(id) == ("settled", row.cost_micro)
    assert desk.pool.job is not None
    assert desk.pool.job.adapt and desk.pool.job.options == {"name": "Ann", "minutes": 5.0}
    with desk.engine.connect() as conn:
        (made,) = bundles.of_key(conn, row.key_id)
    assert (made.id, made.name, made.base, made.size) == (id, "Ann", "tiny", 5)
    assert sorted(each.key for each in desk.storage.list()) == [
        f"bundles/{id}/model.json",
        f"outputs/{id}/report.json",
    ]


def test_a_kill_while_a_bundle_is_published_leaves_one_bundle(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not learned again, and nobody sees it half done."""
    id = learning(desk)
    with monkeypatch.context() as broken:
        broken.setattr(predictions, "complete", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.jobs.render(id)
    with desk.engine.connect() as conn:
        assert bundles.of_key(conn, desk.row(id).key_id) == []
    desk.jobs.render(id)
    with desk.engine.connect() as conn:
        assert [each.id for each in bundles.of_key(conn, desk.row(id).key_id)] == [id]
    assert desk.pool.renders == 1


def test_a_cancelled_adapt_job_leaves_nothing(desk: Desk) -> None:
    """Neither files nor a bundle, also when it was learned all the same."""
    id = learning(desk)

    def cancel(_stop: ShouldStop, _progress: OnProgress) -> None:
        JobQueue(desk.engine, desk.settings).cancel(id)

    desk.pool.meanwhile = cancel
    desk.jobs.render(id)
    assert desk.row(id).status == predictions.CANCELLED
    assert list(desk.storage.list()) == []
    with desk.engine.connect() as conn:
        assert bundles.of_key(conn, desk.row(id).key_id) == []


def test_clips_have_a_price_of_their_own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting that of outputs: see above."""
    dear = desk.settings.model_copy(update={"adapt_price_unit_usd": Decimal("0.5")})
    monkeypatch.setattr(desk.jobs, "_settings", dear)
    id, plain = learning(desk), desk.begun()
    desk.jobs.render(id)
    desk.jobs.render(plain)
    assert desk.row(id).cost_micro == 800_000  # 7.5 s: 8 s in units of 5 s
    assert desk.row(plain).cost_micro == 240_000
