"""Personal bundles: whose they are, and their files in the store.

A bundle is there when its row is, and the row is written in the transaction that completes the job which made
it; files without a row are nobody's. The files lie under `bundles/<id>/`, are never served, and go with the
row. A job that uses a bundle gets a copy in its own folder, so a deleted face is nowhere on the disk once the
last job with it has ended.
"""

import re
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lipwright.service import predictions
from lipwright.service import tables as t
from lipwright.service.errors import InvalidParameterError, RateLimitError
from lipwright.service.predictions import Prediction
from lipwright.service.settings import Settings
from lipwright.service.storage import Storage

BUNDLES = "bundles"
DESCRIPTION = "model.json"
"""The file that makes a folder a bundle; published last."""
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class PersonalBundle:
    """One row. `created_us`: UTC microseconds since the epoch; `size`: bytes of all files."""

    id: str
    """That of the adapt job which made it."""
    key_id: str
    name: str
    base: str
    """The bundle whose networks it uses."""
    size: int
    created_us: int


_COLUMNS = [t.bundles.c[each.name] for each in fields(PersonalBundle)]


def is_id(text: str) -> bool:
    """Whether a text has the form of a personal bundle's id."""
    return _ID.fullmatch(text) is not None


def name_of(prediction: Prediction) -> str:
    """What an adapt job calls its bundle."""
    return str(prediction.options.get("name", f"face-{prediction.id[:8]}"))


def insert(conn: sa.Connection, bundle: PersonalBundle) -> None:
    """Make a published bundle its key's."""
    conn.execute(
        sa.insert(t.bundles).values({each.name: getattr(bundle, each.name) for each in fields(bundle)})
    )


def get(conn: sa.Connection, id: str, key_id: str) -> PersonalBundle | None:
    """A bundle of this key; those of other keys are None."""
    row = conn.execute(
        sa.select(*_COLUMNS).where(t.bundles.c.id == id, t.bundles.c.key_id == key_id)
    ).one_or_none()
    return None if row is None else _bundle(row)


def of_key(conn: sa.Connection, key_id: str) -> list[PersonalBundle]:
    """The bundles of a key, newest first."""
    c = t.bundles.c
    rows = conn.execute(sa.select(*_COLUMNS).where(c.key_id == key_id).order_by(c.created_us.desc(), c.id))
    return [_bundle(row) for row in rows]


def remove(conn: sa.Connection, id: str, key_id: str) -> bool:
    """Take a bundle from its key; False when it has none of this id. `empty` removes the files afterwards."""
    c = t.bundles.c
    return conn.execute(sa.delete(t.bundles).where(c.id == id, c.key_id == key_id)).rowcount == 1


def check_room(conn: sa.Connection, key_id: str, settings: Settings) -> None:
    """Raise RateLimitError when a key, with its unfinished adapt jobs, has as many bundles as it may."""
    c = t.predictions.c
    held = sa.select(sa.func.count()).select_from(t.bundles).where(t.bundles.c.key_id == key_id)
    coming = (
        sa.select(sa.func.count())
        .select_from(t.predictions)
        .where(c.key_id == key_id, c.kind == predictions.ADAPT, c.status.in_(predictions.UNFINISHED))
    )
    count = conn.execute(held).scalar_one() + conn.execute(coming).scalar_one()
    if count >= settings.bundles_per_key:
        raise RateLimitError(
            f"This key has {count} personal bundles, unfinished ones included, and may have "
            f"{settings.bundles_per_key}; delete one that is no longer needed."
        )


def publish(storage: Storage, id: str, folder: Path) -> int:
    """Store the files of a bundle; their bytes. The same again changes nothing. Raises StorageError."""
    files = sorted(folder.iterdir(), key=lambda each: (each.name == DESCRIPTION, each.name))
    for file in files:
        storage.publish(file, f"{BUNDLES}/{id}/{file.name}", "application/octet-stream")
    return sum(file.stat().st_size for file in files)


def fetch(engine: sa.Engine, storage: Storage, id: str, key_id: str, target: Path) -> None:
    """Copy a key's bundle to the folder `target`, which appears whole or not at all.

    Raises InvalidParameterError when the key has no such bundle (any more), StorageError.
    """
    if target.is_dir():
        return
    with engine.connect() as conn:
        known = get(conn, id, key_id)
    if known is None:
        raise InvalidParameterError(f"The model {id} was deleted; nothing was charged.")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for each in storage.list(f"{BUNDLES}/{id}"):
        storage.fetch(each.key, part / each.key.rpartition("/")[2])
    part.rename(target)


def empty(storage: Storage, id: str) -> None:
    """Remove the files of a bundle from the store. Raises StorageError."""
    for each in list(storage.list(f"{BUNDLES}/{id}")):
        storage.delete(each.key)


def _bundle(row: sa.Row[*tuple[Any, ...]]) -> PersonalBundle:
    return PersonalBundle(**row._mapping)
