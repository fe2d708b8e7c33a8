"""`make test-kill`: the whole kill matrix and the random kills, on every database that is here; the table.

Exit code 0 when every accepted job was completed, billed and announced exactly once.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kill.ground import Ground, killing_ground
from kill.matrix import VICTIMS, Cell, kill_at
from kill.rampage import Rampage, rampage
from lipwright.service import faults
from service import postgres

HEAD = (
    "| database | point | victim | accepted | completed | billed | webhooks | renders |\n"
    "|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    """Run everything; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--kills", type=int, default=50, help="random kills per database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-matrix", action="store_true", help="only the random kills")
    parser.add_argument("--table", type=Path, help="write the table here, too")
    given = parser.parse_args()
    lines = [HEAD]
    good = True
    for kind in ("sqlite", "postgres") if given.database == "both" else (given.database,):
        if kind == "postgres" and (reason := postgres.why_not()) is not None:
            print(f"postgres: left out, {reason}", file=sys.stderr)  # noqa: T201
            continue
        began = time.monotonic()
        with (
            database(kind) as url,
            tempfile.TemporaryDirectory() as folder,
            killing_ground(Path(folder), url) as ground,
        ):
            points = () if given.no_matrix else faults.POINTS
            good &= run(ground, kind, points, given.kills, given.seed, lines)
        print(f"{kind}: {time.monotonic() - began:.0f} s", file=sys.stderr)  # noqa: T201
    if given.table is not None:
        given.table.write_text("\n".join(lines) + "\n")
    return 0 if good else 1


def run(ground: Ground, kind: str, points: tuple[str, ...], kills: int, seed: int, lines: list[str]) -> bool:
    """One database; adds to the table, and says whether all was well."""
    ids: list[str] = []
    good = True
    for point in points:
        for victim in VICTIMS:
            cell = kill_at(ground, point, victim)
            good &= cell.count.good
            ids += cell.ids
            say(row(kind, cell), lines)
    ground.balances(ids)
    if kills:
        wild = rampage(ground, kills, seed)
        good &= wild.count.good
        say(wild_row(kind, wild), lines)
        ground.balances(ids + wild.ids)
    return good


def say(line: str, lines: list[str]) -> None:
    """Print a line of the table, and keep it."""
    if len(lines) == 1:
        print(HEAD)  # noqa: T201
    print(line, flush=True)  # noqa: T201
    lines.append(line)


def row(kind: str, cell: Cell) -> str:
    """A line of the table for one point and victim."""
    n = cell.count
    return (
        f"| {kind} | {cell.point} | {cell.victim} | {n.accepted} | {n.completed} | {n.billed} | {n.webhooks} "
        f"| {n.renders} |"
    )


def wild_row(kind: str, wild: Rampage) -> str:
    """A line of the table for the random kills."""
    n = wild.count
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(wild.kills.items()))
    return (
        f"| {kind} | random, {wild.kills.total()} kills in {wild.seconds:.0f} s | {kills} | {n.accepted} "
        f"| {n.completed} | {n.billed} | {n.webhooks} | {n.renders} |"
    )


@contextmanager
def database(kind: str) -> Iterator[str | None]:
    """An empty database of a kind; None for SQLite in the data folder."""
    if kind == "sqlite":
        yield None
        return
    with postgres.running_postgres() as server:
        yield server.create_database()


if __name__ == "__main__":
    sys.exit(main())
