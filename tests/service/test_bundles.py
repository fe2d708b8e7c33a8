"""Personal bundles: rows and files."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from lipwright.service import bundles, predictions
from lipwright.service.bundles import PersonalBundle
from lipwright.service.db import transaction
from lipwright.service.errors import InvalidParameterError, RateLimitError
from lipwright.service.keys import Key
from lipwright.service.queue import JobQueue
from lipwright.service.settings import Settings
from lipwright.service.storage import LocalStorage
from service.accounts import draft, new_key

ID = "c" * 32


@pytest.fixture
def storage(settings: Settings) -> LocalStorage:
    """The store of `settings`."""
    return LocalStorage(settings.stored)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a bundle."""
    folder = tmp_path / "made"
    folder.mkdir()
    for name in ("model.json", "mouths.mkv", "person.safetensors"):
        (folder / name).write_text(name)
    return folder


def given(engine: sa.Engine, key: Key, id: str = ID, created_us: int = 1) -> PersonalBundle:
    """A bundle of a key."""
    bundle = PersonalBundle(id, key.id, "somebody", "tiny", 38, created_us)
    with transaction(engine) as conn:
        bundles.insert(conn, bundle)
    return bundle


def test_a_bundle_is_its_keys_alone(database: sa.Engine) -> None:
    key, other = new_key(database), new_key(database)
    bundle, newer = given(database, key), given(database, key, "d" * 32, 2)
    with transaction(database) as conn:
        assert bundles.get(conn, ID, key.id) == bundle
        assert bundles.get(conn, ID, other.id) is None
        assert bundles.of_key(conn, key.id) == [newer, bundle]
        assert bundles.of_key(conn, other.id) == []
        assert not bundles.remove(conn, ID, other.id)
        assert bundles.remove(conn, ID, key.id)
        assert not bundles.remove(conn, ID, key.id)


def test_files_come_back_as_they_were_published(
    database: sa.Engine, storage: LocalStorage, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description is published last; a fetch that was cut off leaves nothing that looks complete."""
    key = new_key(database)
    order: list[str] = []
    publish = storage.publish

    def noted(source: Path, key: str, content_type: str) -> None:
        order.append(key)
        publish(source, key, content_type)

    monkeypatch.setattr(storage, "publish", noted)
    assert bundles.publish(storage, ID, made) == sum(len(each.read_bytes()) for each in made.iterdir())
    assert order[-1] == f"bundles/{ID}/model.json" and len(order) == 3
    given(database, key)
    target = tmp_path / "job" / "person"
    with monkeypatch.context() as broken:
        broken.setattr(storage, "fetch", _killed)
        with pytest.raises(KeyboardInterrupt):
            bundles.fetch(database, storage, ID, key.id, target)
    assert not target.exists()
    for _ in range(2):
        bundles.fetch(database, storage, ID, key.id, target)
    assert {each.name: each.read_text() for each in target.iterdir()} == {n: n for n in _names(made)}
    bundles.empty(storage, ID)
    assert list(storage.list("bundles")) == []


def test_what_is_deleted_or_of_another_key_is_not_fetched(
    database: sa.Engine, storage: LocalStorage, made: Path, tmp_path: Path
) -> None:
    bundles.publish(storage, ID, made)
    given(database, new_key(database))
    with pytest.raises(InvalidParameterError, match="was deleted"):
        bundles.fetch(database, storage, ID, new_key(database).id, tmp_path / "person")


def test_a_key_has_room_for_so_many(database: sa.Engine, settings: Settings) -> None:
    """Unfinished jobs count, else a hundred at once would pass."""
    few = settings.model_copy(update={"bundles_per_key": 2})
    queue, key, other = JobQueue(database, few), new_key(database), new_key(database)
    given(database, key)
    with transaction(database) as conn:
        queue.enqueue(conn, draft(key, kind=predictions.ADAPT))
    with pytest.raises(RateLimitError, match="2 personal bundles"), transaction(database) as conn:
        queue.enqueue(conn, draft(key, kind=predictions.ADAPT))
    with transaction(database) as conn:
        queue.enqueue(conn, draft(key))
        queue.enqueue(conn, draft(other, kind=predictions.ADAPT))


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]
