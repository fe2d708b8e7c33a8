"""A few cells of the kill matrix; `make test-kill` runs all of them, and more."""

from collections.abc import Iterator

import pytest

from kill.ground import Ground, killing_ground
from kill.matrix import kill_at
from lipwright.service import faults

CELLS = [
    (faults.ACCEPTED, "api"),
    (faults.RENDER, "worker"),
    (faults.RENDER, "controller"),
    (faults.PUBLISHED, "group"),
]
LEARNED = [(faults.RENDER, "worker"), (faults.PUBLISHED, "controller")]
"""Of jobs that learn a person; they go the same way but for what they publish and settle."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One server for all cells."""
    with killing_ground(tmp_path_factory.mktemp("kill"), None) as made:
        yield made


@pytest.mark.slow
def test_killed_jobs_are_completed_billed_and_announced_once(ground: Ground) -> None:
    """Whatever died, and when; and nothing else was accepted, charged or announced."""
    cells = [kill_at(ground, point, victim) for point, victim in CELLS]
    learned = [kill_at(ground, point, victim, adapt=True) for point, victim in LEARNED]
    files = ["model.json", "person.safetensors"]
    assert ground.personal_bundles() == {id: files for cell in learned for id in cell.ids}
    cells += learned
    assert [cell for cell in cells if not cell.count.good] == []
    assert max(cell.count.renders for cell in cells) <= 2
    ground.balances([id for cell in cells for id in cell.ids])
