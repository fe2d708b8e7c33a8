"""Kills at random moments, under load."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa

from kill.ground import Count, Ground
from kill.matrix import VICTIMS
from lipwright.service import tables as t
from lipwright.service.jobs import STRIKES

CLIENTS = 4
LONGEST_PAUSE = 2.0
"""Pauses between kills are drawn evenly from 0 to this many times what one job takes on this machine, so that
kills fall everywhere and yet something gets done between them."""
LEAST_JOB_S = 1.5


@dataclass(frozen=True)
class Rampage:
    """What was killed, and what became of the jobs."""

    kills: Counter[str]
    count: Count
    seconds: float
    ids: list[str]


def rampage(ground: Ground, kills: int, seed: int) -> Rampage:
    """Kill random victims at random moments while clients submit; then wait for every job's end."""
    draw = random.Random(seed)
    done: Counter[str] = Counter()
    over = threading.Event()
    began = time.monotonic()
    first = ground.submit()
    ground.wait_ended([first])
    longest_s = LONGEST_PAUSE * max(LEAST_JOB_S, time.monotonic() - began)
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(_client, ground, over) for _ in range(CLIENTS)]
        try:
            while done.total() < kills and not any(client.done() for client in clients):
                time.sleep(draw.uniform(0, longest_s))
                victim = draw.choice(VICTIMS)
                if _fair(ground, victim):
                    ground.kill(victim)
                    done[victim] += 1
        finally:
            over.set()
    ids = [first, *(id for client in clients for id in client.result())]
    ground.wait_ended(ids)
    return Rampage(done, ground.count(ids), time.monotonic() - began, ids)


def _client(ground: Ground, over: threading.Event) -> list[str]:
    """Submit a job, wait for its end, submit the next; the ids."""
    ids = []
    while not over.is_set():
        ids.append(ground.submit())
        while not over.is_set() and not ground.row(ids[-1]).terminal:
            time.sleep(0.2)
    return ids


def _fair(ground: Ground, victim: str) -> bool:
    """Whether to kill a victim now: it must be there, and a job must not get its last strike.

    A job under which three workers were killed is rightly taken for their murderer.
    """
    if victim == "group":
        return True
    if victim == "worker" and _last_strike(ground):
        return False
    return bool(ground.server.pids(victim))


def _last_strike(ground: Ground) -> bool:
    """Whether a job in work has already killed all the workers that it may."""
    c = t.predictions.c
    with ground.engine.connect() as conn:
        worst = conn.execute(sa.select(sa.func.max(c.crashes)).where(c.status == "processing")).scalar_one()
    return worst is not None and worst >= STRIKES - 1
