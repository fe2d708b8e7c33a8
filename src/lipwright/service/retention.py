"""What is old is removed: predictions, their outputs, uploads, work folders. Money and usage stay.

Files go first and rows last, so that a sweep that was cut off is finished by the next one. Nothing that an
unfinished prediction has or reads is touched, however old; nor a prediction whose webhook is still being
tried.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa

from lipwright.service import rates
from lipwright.service import tables as t
from lipwright.service.bundles import BUNDLES
from lipwright.service.db import transaction
from lipwright.service.errors import StorageError
from lipwright.service.files import OUTPUTS, UPLOADS
from lipwright.service.predictions import UNFINISHED
from lipwright.service.settings import Settings
from lipwright.service.storage import LocalStorage, Storage

BATCH = 200
"""Rows per transaction: a sweep never holds the write lock for long."""
DAY_US = 86_400_000_000
WORK_IDLE_US = 3_600_000_000
"""A finished job's work folder is left alone until nothing was written to it for this long."""

_ID = re.compile(r"[0-9a-f]{32}")
_OWN_FILE = re.compile(rf"/files/((?:{UPLOADS}|{OUTPUTS})/[^?#\s]+)")


@dataclass(frozen=True)
class Swept:
    """How many of each were removed."""

    predictions: int
    outputs: int
    """Files of predictions: of old ones, of those that clients deleted, and strays."""
    uploads: int
    work_folders: int
    bundles: int = 0
    """Personal bundles, rows or files, that are old or nobody's."""


def sweep(engine: sa.Engine, storage: Storage, settings: Settings, now: int) -> Swept:
    """Remove what is older than `retention_days` at `now` (UTC microseconds). Raises StorageError."""
    before = now - settings.retention_us
    with engine.connect() as conn:
        in_use = _files_in_use(conn)
    hidden = _remove_deleted_outputs(engine, storage, in_use)
    predictions, outputs = _remove_predictions(engine, storage, before, in_use)
    uploads = _remove_uploads(engine, storage, now, in_use)
    strays = _remove_strays(engine, storage, before - DAY_US)
    bundles = _remove_bundles(engine, storage, settings, now)
    folders = _remove_work(engine, settings.work, now)
    with transaction(engine) as conn:
        rates.forget_before(conn, now)
    if isinstance(storage, LocalStorage):
        storage.remove_unfinished(now - DAY_US)
    return Swept(predictions, hidden + outputs + strays, uploads, folders, bundles)


def _files_in_use(conn: sa.Connection) -> set[str]:
    """Storage keys that unfinished predictions read."""
    c = t.predictions.c
    inputs = conn.execute(sa.select(c.input).where(c.status.in_(UNFINISHED))).scalars()
    texts = (value for each in inputs for value in each.values() if isinstance(value, str))
    return {unquote(key) for text in texts for key in _OWN_FILE.findall(text)}


def _remove_predictions(
    engine: sa.Engine, storage: Storage, before: int, in_use: set[str]
) -> tuple[int, int]:
    """Finished predictions from before `before`, with their files; how many of each."""
    c = t.predictions.c
    awaited = sa.exists().where(t.webhooks.c.prediction_id == c.id, t.webhooks.c.state == "pending")
    old = sa.select(c.id).where(c.status.not_in(UNFINISHED), c.finished_us < before, sa.not_(awaited))
    read = {key.split("/")[1] for key in in_use if key.startswith(f"{OUTPUTS}/")}
    rows = files = 0
    last = ""
    while True:
        with engine.connect() as conn:
            ids = list(conn.execute(old.where(c.id > last).order_by(c.id).limit(BATCH)).scalars())
        if not ids:
            return rows, files
        last = ids[-1]
        gone = [id for id in ids if id not in read]
        files += sum(_empty(storage, f"{OUTPUTS}/{id}") for id in gone)
        with transaction(engine) as conn:
            conn.execute(sa.delete(t.deliveries).where(t.deliveries.c.prediction_id.in_(gone)))
            conn.execute(sa.delete(t.webhooks).where(t.webhooks.c.prediction_id.in_(gone)))
            rows += conn.execute(sa.delete(t.predictions).where(c.id.in_(gone))).rowcount


def _remove_deleted_outputs(engine: sa.Engine, storage: Storage, in_use: set[str]) -> int:
    """Files of predictions that clients deleted: at once, while the row stays until it is old."""
    c = t.predictions.c
    has_files = sa.or_(c.report_key.is_not(None), sa.cast(c.outputs, sa.Text) != "[]")
    with engine.connect() as conn:
        ids = conn.execute(sa.select(c.id).where(c.deleted_us.is_not(None), has_files)).scalars().all()
    read = {key.split("/")[1] for key in in_use if key.startswith(f"{OUTPUTS}/")}
    gone = [id for id in ids if id not in read]
    files = sum(_empty(storage, f"{OUTPUTS}/{id}") for id in gone)
    for batch in _batches(gone):
        with transaction(engine) as conn:
            conn.execute(sa.update(t.predictions).where(c.id.in_(batch)).values(outputs=[], report_key=None))
    return files


def _remove_uploads(engine: sa.Engine, storage: Storage, now: int, in_use: set[str]) -> int:
    """Uploads that expired, and tickets that nobody used."""
    c = t.files.c
    # A day's grace: an upload that began while its ticket was good may still be on its way.
    unused = sa.and_(c.stored_us.is_(None), c.ticket_expires_us < now - DAY_US)
    with engine.connect() as conn:
        old = conn.execute(
            sa.select(c.id, c.storage_key).where(sa.or_(c.expires_us < now, unused)).order_by(c.id)
        ).all()
    gone = [row for row in old if row.storage_key not in in_use]
    for row in gone:
        storage.delete(row.storage_key)
    for batch in _batches([row.id for row in gone]):
        with transaction(engine) as conn:
            conn.execute(sa.delete(t.files).where(c.id.in_(batch)))
    return len(gone)


def _remove_strays(engine: sa.Engine, storage: Storage, before: int) -> int:
    """Outputs without a prediction, last written before `before`: jobs that were cut off left them."""
    old = [each.key for each in storage.list(OUTPUTS) if each.modified_us < before]
    owners = {key: key.split("/")[1] for key in old}
    known = _known(engine, set(owners.values()))
    strays = [key for key, id in owners.items() if id not in known]
    for key in strays:
        storage.delete(key)
    return len(strays)


def _remove_bundles(engine: sa.Engine, storage: Storage, settings: Settings, now: int) -> int:
    """Personal bundles that are past their time or whose key was revoked so long ago that its predictions are
    gone, and files without a row: of jobs that were cut off, and of deletions that were.
    """
    c = t.bundles.c
    revoked = sa.select(t.keys.c.id).where(t.keys.c.revoked_us < now - settings.retention_us)
    past: list[sa.ColumnElement[bool]] = [c.key_id.in_(revoked)]
    if settings.bundle_retention_us is not None:
        past.append(c.created_us < now - settings.bundle_retention_us)
    with transaction(engine) as conn:
        gone = set(conn.execute(sa.delete(t.bundles).where(sa.or_(*past)).returning(c.id)).scalars())
    stored = {each.key.split("/")[1]: each.modified_us for each in storage.list(BUNDLES)}
    old = {id for id, modified_us in stored.items() if modified_us < now - DAY_US}
    # In this order: a job that completes in between is unfinished for the first or has a row for the second.
    busy = _known(engine, old, t.predictions.c.status.in_(UNFINISHED))
    with engine.connect() as conn:
        kept = set(conn.execute(sa.select(c.id)).scalars())
    gone |= old - busy - kept
    for id in gone:
        _empty(storage, f"{BUNDLES}/{id}")
    return len(gone)


def _remove_work(engine: sa.Engine, work: Path, now: int) -> int:
    """Work folders of jobs that are finished or gone, which their job should have removed itself."""
    if not work.is_dir():
        return 0
    idle = [path for path in work.iterdir() if _ID.fullmatch(path.name) and _idle(path, now - WORK_IDLE_US)]
    busy = _known(engine, {path.name for path in idle}, t.predictions.c.status.in_(UNFINISHED))
    gone = [path for path in idle if path.name not in busy]
    for path in gone:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            continue  # its job removed it at last
        except OSError as error:
            raise StorageError(f"The work folder {path} cannot be removed: {error.strerror}.") from error
    return len(gone)


def _idle(folder: Path, before: int) -> bool:
    """Whether a folder was last changed before `before`; one that its job removes just now is not."""
    try:
        return folder.is_dir() and folder.stat().st_mtime_ns // 1000 < before
    except FileNotFoundError:
        return False


def _known(engine: sa.Engine, ids: set[str], *conditions: sa.ColumnElement[bool]) -> set[str]:
    """Those of the ids that are predictions and meet the conditions."""
    found: set[str] = set()
    c = t.predictions.c
    with engine.connect() as conn:
        for batch in _batches(sorted(ids)):
            found |= set(conn.execute(sa.select(c.id).where(c.id.in_(batch), *conditions)).scalars())
    return found


def _empty(storage: Storage, folder: str) -> int:
    """Remove all files of a folder of the store; how many."""
    keys = [each.key for each in storage.list(folder)]
    for key in keys:
        storage.delete(key)
    return len(keys)


def _batches(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
