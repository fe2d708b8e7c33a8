"""Retention: what is old goes, what is in use stays, and a sweep that was cut off is finished by the next."""

import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from lipwright.service import billing, bundles, files, keys, predictions
from lipwright.service import tables as t
from lipwright.service.bundles import PersonalBundle
from lipwright.service.db import now_us, transaction
from lipwright.service.errors import StorageError
from lipwright.service.keys import Key
from lipwright.service.predictions import Prediction
from lipwright.service.retention import Swept, sweep
from lipwright.service.settings import Settings
from lipwright.service.storage import LocalStorage
from service.accounts import OUTCOME, RULE, finished, new_key, running

DAY_US = 86_400_000_000
NOTHING = Swept(0, 0, 0, 0)


@pytest.fixture
def storage(settings: Settings) -> LocalStorage:
    """The store of `settings`."""
    return LocalStorage(settings.stored)


@pytest.fixture
def key(database: sa.Engine) -> Key:
    """A key with money."""
    return new_key(database)


def put(storage: LocalStorage, key: str, age_days: float = 0) -> str:
    """Store a file, and say that it was written some days ago."""
    source = storage.root.parent / "made"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(b"x")
    storage.publish(source, key, "video/mp4")
    path = storage.local_path(key)
    assert path is not None
    moment = now_us() / 1_000_000 - age_days * 86_400
    os.utime(path, (moment, moment))
    return key


def done_with_output(engine: sa.Engine, storage: LocalStorage, key: Key, age_days: float = 0) -> Prediction:
    """A completed prediction with a stored output, its webhook delivered."""
    job = running(engine, key)
    names = tuple(put(storage, files.output_key(job.id, name), age_days) for name in ("v.mp4", "report.json"))
    with transaction(engine) as conn:
        outcome = replace(OUTCOME, outputs=names[:1], report_key=names[1])
        assert predictions.complete(conn, job.id, outcome, RULE)
        c = t.predictions.c
        when = now_us() - round(age_days * DAY_US)
        conn.execute(sa.update(t.predictions).where(c.id == job.id).values(created_us=when, finished_us=when))
        conn.execute(sa.update(t.webhooks).values(state="delivered"))
        done = predictions.get(conn, job.id)
    assert done is not None
    return done


def upload(engine: sa.Engine, storage: LocalStorage, settings: Settings, key: Key, age_days: float) -> str:
    """Storage key of an upload that was made some days ago."""
    with transaction(engine) as conn:
        made = files.create_ticket(conn, key.id, "a.mp4", 1, None, settings)
        put(storage, made.storage_key, age_days)
        files.mark_stored(conn, made.id)
        age_us = round(age_days * DAY_US)
        c = t.files.c
        conn.execute(sa.update(t.files).where(c.id == made.id).values(expires_us=made.expires_us - age_us))
    return made.storage_key


def known(engine: sa.Engine, id: str) -> bool:
    with engine.connect() as conn:
        return predictions.get(conn, id) is not None


def stored(storage: LocalStorage) -> set[str]:
    return {each.key for each in storage.list()}


def test_old_predictions_go_with_their_files(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key
) -> None:
    old, young = (done_with_output(database, storage, key, days) for days in (7.1, 6.9))
    assert sweep(database, storage, settings, now_us()) == Swept(1, 2, 0, 0)
    assert (known(database, old.id), known(database, young.id)) == (False, True)
    assert stored(storage) == {*young.outputs, young.report_key}
    with database.connect() as conn:
        assert conn.execute(sa.select(t.webhooks.c.prediction_id)).scalars().all() == [young.id]
        assert billing.usage(conn, key.id, 0, 2**60).completed == 2
    assert sweep(database, storage, settings, now_us()) == NOTHING


def test_unfinished_predictions_and_what_they_read_stay(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key
) -> None:
    earlier = done_with_output(database, storage, key, 30)
    mine, gone = (upload(database, storage, settings, key, 30) for _ in range(2))
    inputs = {
        "video": f"http://localhost:8000/files/{earlier.outputs[0]}?expires=1&signature=2",
        "audio": f"http://localhost:8000/files/{mine}?expires=1&signature=2",
        "seed": 1,
    }
    job = running(database, key, input=inputs, created_us=1)
    (settings.work / job.id).mkdir(parents=True)
    os.utime(settings.work / job.id, (1, 1))
    put(storage, files.output_key(job.id, "early.mp4"), 30)
    assert sweep(database, storage, settings, now_us()) == Swept(0, 0, 1, 0)
    assert known(database, job.id) and known(database, earlier.id)
    assert {earlier.outputs[0], mine} < stored(storage) and gone not in stored(storage)
    assert (settings.work / job.id).is_dir()
    with transaction(database) as conn:
        assert predictions.fail(conn, job.id, code=1403, error="No face.")
    swept = sweep(database, storage, settings, now_us())
    assert swept == Swept(1, 2, 1, 1)


def test_a_webhook_that_is_still_tried_keeps_its_prediction(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key
) -> None:
    old = done_with_output(database, storage, key, 30)
    with transaction(database) as conn:
        conn.execute(sa.update(t.webhooks).values(state="pending"))
    assert sweep(database, storage, settings, now_us()) == NOTHING
    assert known(database, old.id)


def test_what_a_client_deleted_goes_at_once(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key
) -> None:
    job = done_with_output(database, storage, key)
    with transaction(database) as conn:
        assert predictions.mark_deleted(conn, [job.id], key.id) == 1
    assert sweep(database, storage, settings, now_us()) == Swept(0, 2, 0, 0)
    assert stored(storage) == set()
    with database.connect() as conn:
        left = predictions.get(conn, job.id)
    assert left is not None and (left.outputs, left.report_key) == ((), None)
    assert sweep(database, storage, settings, now_us()) == NOTHING


def test_tickets_that_nobody_used_go_after_a_day(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key
) -> None:
    with transaction(database) as conn:
        files.create_ticket(conn, key.id, "a.mp4", 1, None, settings)
    good_for_us = settings.upload_ticket_s * 1_000_000
    assert sweep(database, storage, settings, now_us() + good_for_us + DAY_US // 2) == NOTHING
    assert sweep(database, storage, settings, now_us() + good_for_us + DAY_US).uploads == 1


def test_strays_and_work_folders_go(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key
) -> None:
    put(storage, "outputs/00000000000000000000000000000000/v.mp4", 9)
    put(storage, "outputs/11111111111111111111111111111111/v.mp4", 7.5)
    job = finished(database, key)
    for name in (job.id, "2" * 32, "not-a-job"):
        (settings.work / name / "inside").mkdir(parents=True)
        os.utime(settings.work / name, (1, 1))
    (settings.work / ("3" * 32)).mkdir()
    assert sweep(database, storage, settings, now_us()) == Swept(0, 1, 0, 2)
    assert sorted(path.name for path in settings.work.iterdir()) == ["3" * 32, "not-a-job"]


def test_a_sweep_that_was_cut_off_is_finished_by_the_next(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = done_with_output(database, storage, key, 30)

    class Failing(LocalStorage):
        """A store whose disk fails at the second removal."""

        removed = 0

        def delete(self, key: str) -> None:
            self.removed += 1
            if self.removed == 2:
                raise StorageError("The disk is gone.")
            super().delete(key)

    with pytest.raises(StorageError):
        sweep(database, Failing(settings.stored), settings, now_us())
    assert known(database, old.id) and len(stored(storage)) == 1
    assert sweep(database, storage, settings, now_us()) == Swept(1, 1, 0, 0)


def test_many_are_swept_in_batches(
    database: sa.Engine, settings: Settings, storage: LocalStorage, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwright.service.retention.BATCH", 2)
    for _ in range(5):
        done_with_output(database, storage, key, 30)
    assert sweep(database, storage, settings, now_us()) == Swept(5, 10, 0, 0)


def test_an_empty_server_has_nothing_to_sweep(
    database: sa.Engine, settings: Settings, storage: LocalStorage, tmp_path: Path
) -> None:
    assert sweep(database, storage, settings, now_us()) == NOTHING


def bundle(engine: sa.Engine, storage: LocalStorage, key: Key, age_days: float = 0) -> str:
    """Id of a personal bundle that was made some days ago."""
    id = uuid4().hex
    put(storage, f"bundles/{id}/model.json", age_days)
    made = PersonalBundle(id, key.id, "somebody", "tiny", 1, now_us() - round(age_days * DAY_US))
    with transaction(engine) as conn:
        bundles.insert(conn, made)
    return id


def stored_bundles(storage: LocalStorage) -> set[str]:
    """Ids of the bundles that have files."""
    return {each.key.split("/")[1] for each in storage.list("bundles")}


def test_personal_bundles_are_kept_until_they_are_deleted(
    database: sa.Engine, storage: LocalStorage, settings: Settings, key: Key
) -> None:
    """Unless the setting says for how long; then only the old one goes."""
    old, new = bundle(database, storage, key, 400), bundle(database, storage, key)
    assert sweep(database, storage, settings, now_us()) == NOTHING
    assert stored_bundles(storage) == {old, new}
    short = settings.model_copy(update={"bundle_retention_days": 30.0})
    assert sweep(database, storage, short, now_us()) == replace(NOTHING, bundles=1)
    assert stored_bundles(storage) == {new}
    with database.connect() as conn:
        assert [each.id for each in bundles.of_key(conn, key.id)] == [new]


def test_personal_bundles_of_a_revoked_key_go_with_its_predictions(
    database: sa.Engine, storage: LocalStorage, settings: Settings, key: Key
) -> None:
    """Nobody could delete them any more."""
    bundle(database, storage, key)
    with transaction(database) as conn:
        keys.revoke(conn, key.name)
    assert sweep(database, storage, settings, now_us()) == NOTHING
    later = now_us() + settings.retention_us + DAY_US
    assert sweep(database, storage, settings, later) == replace(NOTHING, bundles=1)
    assert stored_bundles(storage) == set()


def test_files_of_a_bundle_that_nobody_has_are_removed(
    database: sa.Engine, storage: LocalStorage, settings: Settings, key: Key
) -> None:
    """A day after they were written, unless the job that makes them still runs."""
    making = running(database, key, kind=predictions.ADAPT).id
    for id, age_days in ((making, 2), ("a" * 32, 2), ("b" * 32, 0)):
        put(storage, f"bundles/{id}/model.json", age_days)
    assert sweep(database, storage, settings, now_us()) == replace(NOTHING, bundles=1)
    assert stored_bundles(storage) == {making, "b" * 32}
