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


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One server for all cells."""
    with killing_ground(tmp_path_factory.mktemp("kill"), None) as made:
        yield made


@pytest.mark.slow
def test_killed_jobs_are_completed_billed_and_announced_once(ground: Ground) -> None:
    """Whatever died, and when; and nothing else was accepted, charged or announced."""
    cells = [kill_at(ground, point, victim) for point, victim in CELLS]
    assert [cell for cell in cells if not cell.count.good] == []
    assert max(cell.count.renders for cell in cells) <= 2
    ground.balances([id for cell in cells for id in cell.ids])
