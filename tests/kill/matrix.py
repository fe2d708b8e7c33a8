"""Kills at named points: every point of a job's life, every victim."""

import threading
from dataclasses import dataclass

from kill.ground import Count, Ground
from lipwright.service import faults

VICTIMS = ("api", "controller", "worker", "group")
AT_SUBMIT = (faults.SUBMIT, faults.ACCEPTED)
"""Points in the API's answer to a submit; all others come after it."""


@dataclass(frozen=True)
class Cell:
    """One point, one victim, and what became of the job."""

    point: str
    victim: str
    count: Count
    ids: list[str]


def kill_at(ground: Ground, point: str, victim: str, *, adapt: bool = False) -> Cell:
    """Submit a job, stop it at a point, kill the victim, and wait for the job's end. adapt: see `submit`."""
    ground.arm(point)
    ids: list[str] = []
    client = threading.Thread(target=lambda: ids.append(ground.submit(adapt=adapt)), daemon=True)
    client.start()
    ground.wait_reached(point)
    ground.kill(victim)
    ground.release(point)
    client.join()
    assert ids, f"the submit was never answered ({point}, {victim})"
    ground.wait_ended(ids)
    return Cell(point, victim, ground.count(ids), ids)
