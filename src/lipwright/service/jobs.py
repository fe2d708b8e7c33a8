"""What is done for a job: prepare, then render, publish and settle.

Both functions are the bodies of durable workflows (workflows.py) and may be run again from their beginning
at any time, after any kill: whatever they find done they leave done. Inputs and results lie in the job's
own folder under names that appear by a rename; the state, the charge and the webhook change in one
transaction, guarded by the state they start from.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
import structlog

from lipwright.errors import Cancelled
from lipwright.service import bundles, dispatch, faults, files, metrics, predictions
from lipwright.service.bundles import PersonalBundle
from lipwright.service.channel import Rendered, RenderJob
from lipwright.service.db import now_us, transaction
from lipwright.service.errors import (
    InternalTaskError,
    ModerationError,
    ServiceError,
    TaskError,
    TaskTimeoutError,
)
from lipwright.service.logs import log
from lipwright.service.money import PriceRule
from lipwright.service.pool import GpuPool, NoWorkerError, RenderStopped, WorkerDied
from lipwright.service.predictions import Outcome, Prediction
from lipwright.service.preparing import Preparer
from lipwright.service.settings import Settings
from lipwright.service.storage import Storage

STRIKES = 3
"""A job that killed so many workers is not given another one."""
CRASH_PAUSE_S = 1.0
LOOK_S = 0.25
"""How often a render looks into the database whether it was cancelled, and writes its progress."""
INTERNAL_SENTENCE = "The server failed while it worked on this; nothing was charged."

FIRST_SHARE = {predictions.SYNC: 0.2, predictions.ADAPT: 0.7}
"""How much of a job following the face is, as the progress tells it; measured on two cores."""

VIDEO = "video.mp4"
BUNDLE = "bundle"
REPORT = "report.json"
RESULT = "result.json"
RENDERED = "rendered"


class Jobs:
    """The work of one controller."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        storage: Storage,
        pool: GpuPool,
        prepare: Preparer,
        wake: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._storage = storage
        self._pool = pool
        self._prepare_inputs = prepare
        self._wake = wake

    def prepare(self, prediction_id: str) -> None:
        """Fetch and check the inputs, then let the job wait for a slot."""
        self._run(prediction_id, self._prepare)

    def render(self, prediction_id: str) -> None:
        """Render, publish, settle."""
        self._run(prediction_id, self._render)

    def _run(self, prediction_id: str, body: Callable[[Prediction], None]) -> None:
        """Do a body's work, and end the prediction when that fails.

        A failing database passes through: then nothing can be written anyway, and the workflow is run again.
        """
        with structlog.contextvars.bound_contextvars(prediction_id=prediction_id):
            prediction = self._row(prediction_id)
            try:
                if prediction is not None and not prediction.terminal:
                    body(prediction)
            except RenderStopped as stopped:
                log().info("render stopped", why=stopped.why)
            except Cancelled:
                log().info("stopped while it was prepared")
            except ServiceError as error:
                self._fail(prediction_id, error.task_code, str(error))
            except sa.exc.SQLAlchemyError:
                raise
            except Exception:  # noqa: BLE001 - the edge of a workflow: nothing above would tell the client
                log().exception("job broke")
                self._fail(prediction_id, InternalTaskError.task_code, INTERNAL_SENTENCE)
            self._tidy(prediction_id)
            self._wake()

    def _prepare(self, prediction: Prediction) -> None:
        if prediction.stage != dispatch.FETCHING:
            return  # done before a kill
        assert prediction.started_us is not None
        metrics.STAGE_SECONDS.labels("wait").observe((prediction.started_us - prediction.created_us) / 1e6)
        folder = self._folder(prediction.id)
        folder.mkdir(parents=True, exist_ok=True)
        with metrics.timed("fetch"):
            self._prepare_inputs(prediction, folder)
        with transaction(self._engine) as conn:
            predictions.set_progress(conn, prediction.id, dispatch.READY, 0.0)
        log().info("prepared")

    def _render(self, prediction: Prediction) -> None:
        folder = self._folder(prediction.id)
        made = folder / RENDERED
        if not (made / RESULT).is_file():
            with metrics.timed("render"):
                self._make(prediction, folder)
        rendered = Rendered.read(made / RESULT)
        if any(rendered.nsfw) and self._settings.nsfw == "block":
            raise ModerationError("The safety check found something in the result that this server blocks.")
        faults.reached(faults.RENDERED)
        size = self._publish(prediction, made)
        faults.reached(faults.PUBLISHED)
        adapted = prediction.kind == predictions.ADAPT
        outcome = Outcome(
            outputs=() if adapted else (files.output_key(prediction.id, VIDEO),),
            report_key=files.output_key(prediction.id, REPORT),
            nsfw=rendered.nsfw,
            inference_ms=rendered.inference_ms,
            output_s=rendered.output_s,
        )
        rule = PriceRule.of(self._settings, adapt=adapted)
        with metrics.timed("settle"), transaction(self._engine) as conn:
            won = predictions.complete(conn, prediction.id, outcome, rule)
            if won and adapted:
                bundles.insert(conn, _bundle(prediction, size))
        faults.reached(faults.SETTLED)
        if won:
            metrics.JOBS.labels(predictions.COMPLETED, 0).inc()
            log().info("completed", output_s=rendered.output_s, inference_ms=rendered.inference_ms)
        elif (now := self._row(prediction.id)) is None or now.status != predictions.COMPLETED:
            self._withdraw(prediction.id)

    def _publish(self, prediction: Prediction, made: Path) -> int:
        """Store what was made; the bytes of the result, without the report."""
        result = made / result_name(prediction)
        with metrics.timed("publish"):
            if prediction.kind == predictions.ADAPT:
                size = bundles.publish(self._storage, prediction.id, result)
            else:
                size = result.stat().st_size
                self._storage.publish(result, files.output_key(prediction.id, VIDEO), "video/mp4")
            faults.reached(faults.PUBLISH)
            report_key = files.output_key(prediction.id, REPORT)
            self._storage.publish(made / REPORT, report_key, "application/json")
        return size

    def _withdraw(self, prediction_id: str) -> None:
        """Remove the result of a job that was cancelled meanwhile: nobody may fetch or use it."""
        for name in (VIDEO, REPORT):
            self._storage.delete(files.output_key(prediction_id, name))
        bundles.empty(self._storage, prediction_id)

    def _make(self, prediction: Prediction, folder: Path) -> None:
        """Render into `rendered`, on a fresh worker again when one dies. Raises TaskError."""
        while True:
            with transaction(self._engine) as conn:
                if not predictions.begin_attempt(conn, prediction.id):
                    raise RenderStopped("finished")
            attempt = folder / f"try-{uuid4().hex}"  # no other attempt can write here, not even an orphan
            attempt.mkdir()
            try:
                rendered = self._pool.render(
                    self._job(prediction, folder, attempt),
                    _Stop(self._engine, prediction.id, self._settings.render_timeout_s),
                    _ProgressRow(self._engine, prediction.id, FIRST_SHARE[prediction.kind]),
                )
            except WorkerDied as death:
                self._strike(prediction.id, death)
                continue
            except NoWorkerError as error:
                raise InternalTaskError("No render worker could be started; nothing was charged.") from error
            except RenderStopped as stopped:
                if stopped.why == _TIMEOUT:
                    raise TaskTimeoutError(
                        f"Rendering took longer than the {self._settings.render_timeout_s:g} s that this "
                        "server allows; nothing was charged."
                    ) from stopped
                raise
            (attempt / RESULT).write_text(rendered.to_json())
            attempt.rename(folder / RENDERED)
            return

    def _strike(self, prediction_id: str, death: WorkerDied) -> None:
        """Count a killed worker; raise TaskError when it was one too many."""
        metrics.WORKER_DEATHS.inc()
        with transaction(self._engine) as conn:
            crashes = predictions.count_crash(conn, prediction_id)
        log().warning("render worker died", crashes=crashes, error=str(death))
        if crashes >= STRIKES:
            raise TaskError(
                f"worker_crashed: rendering this ended the render worker {crashes} times, so it was given "
                "up; nothing was charged."
            )
        time.sleep(CRASH_PAUSE_S * crashes)

    def _job(self, prediction: Prediction, folder: Path, attempt: Path) -> RenderJob:
        # There already; fetched again if the folder was lost.
        inputs = self._prepare_inputs(prediction, folder)
        adapted = prediction.kind == predictions.ADAPT
        options = prediction.options
        if adapted:
            options = options | {
                "name": bundles.name_of(prediction),
                "minutes": self._settings.adapt_minutes,
            }
        return RenderJob(
            id=prediction.id,
            bundle=prediction.bundle,
            video=str(inputs.video),
            audio="" if inputs.audio is None else str(inputs.audio),
            out=str(attempt / result_name(prediction)),
            report=str(attempt / REPORT),
            options=options,
            adapt=adapted,
            person=None if inputs.person is None else str(inputs.person),
        )

    def _fail(self, prediction_id: str, code: int, sentence: str) -> None:
        with transaction(self._engine) as conn:
            won = predictions.fail(conn, prediction_id, code=code, error=sentence)
        if won:
            metrics.JOBS.labels(predictions.FAILED, code).inc()
            log().info("failed", code=code, error=sentence)

    def _tidy(self, prediction_id: str) -> None:
        """Remove the folder of a job that is over."""
        prediction = self._row(prediction_id)
        if prediction is None or prediction.terminal:
            shutil.rmtree(self._folder(prediction_id), ignore_errors=True)

    def _folder(self, prediction_id: str) -> Path:
        return self._settings.work / prediction_id

    def _row(self, prediction_id: str) -> Prediction | None:
        with self._engine.connect() as conn:
            return predictions.get(conn, prediction_id)


def result_name(prediction: Prediction) -> str:
    """What the result of a job is called in its folder: a video, or a bundle's folder."""
    return BUNDLE if prediction.kind == predictions.ADAPT else VIDEO


def _bundle(prediction: Prediction, size: int) -> PersonalBundle:
    return PersonalBundle(
        id=prediction.id,
        key_id=prediction.key_id,
        name=bundles.name_of(prediction),
        base=prediction.bundle,
        size=size,
        created_us=now_us(),
    )


_TIMEOUT = "timeout"
_CANCELLED = "cancelled"


class _Stop:
    """Whether a render should stop: its time is over, or its row is."""

    def __init__(self, engine: sa.Engine, prediction_id: str, timeout_s: float) -> None:
        self._engine = engine
        self._id = prediction_id
        self._end = time.monotonic() + timeout_s
        self._looked = 0.0

    def __call__(self) -> str | None:
        now = time.monotonic()
        if now > self._end:
            return _TIMEOUT
        if now - self._looked < LOOK_S:
            return None
        self._looked = now
        with self._engine.connect() as conn:
            return _CANCELLED if predictions.cancel_requested(conn, self._id) else None


class _ProgressRow:
    """Writes progress to the row, a few times a second and never backwards.

    Following the face is the first part of the whole, painting or learning the mouth the rest.
    """

    def __init__(self, engine: sa.Engine, prediction_id: str, first_share: float) -> None:
        self._engine = engine
        self._id = prediction_id
        self._first_share = first_share
        self._written_us = 0
        self._first: str | None = None
        self._whole = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if self._first is None:
            self._first = stage
        part = 0.0 if not total else min(1.0, done / total)
        whole = part * self._first_share
        if stage != self._first:
            whole = self._first_share + part * (1 - self._first_share)
        self._whole = max(self._whole, round(whole, 4))
        now = now_us()
        if now - self._written_us < LOOK_S * 1_000_000:
            return
        self._written_us = now
        with transaction(self._engine) as conn:
            predictions.set_progress(conn, self._id, stage, self._whole)
