"""A PostgreSQL server of the test's own: Debian's package, a temporary folder, an unprivileged user.

PostgreSQL refuses to run as root, so as root it runs as `postgres` (the package makes that user). It listens
on a Unix socket only, and forgets about durability, which tests do not look at.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg import sql

USER = "postgres"
SUPERUSER = "lipwright"
INSTALLED = Path("/usr/lib/postgresql")
START_TIMEOUT_S = 60


def binaries() -> Path | None:
    """Folder of the newest installed server's programs; None when there is none."""
    found = [path.parent for path in INSTALLED.glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    beside = shutil.which("initdb")
    return None if beside is None else Path(beside).parent


def why_not() -> str | None:
    """Why no server can be started here; None when one can."""
    if binaries() is None:
        return "PostgreSQL is not installed (on Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _unprivileged() is None:
        return f"PostgreSQL does not run as root, and there is no user {USER!r} to run it as"
    return None


class Server:
    """A running server. Databases are emptied and lent again: making one takes ten times as long."""

    def __init__(self, socket_folder: Path) -> None:
        self._folder = socket_folder
        self._free: list[str] = []

    def url(self, database: str) -> str:
        """What the setting database_url takes."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self._folder), safe='')}"

    def create_database(self) -> str:
        """URL of an empty database."""
        if self._free:
            return self._free.pop()
        name = f"t{uuid4().hex[:16]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Empty a database, with whoever is still connected to it thrown out."""
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            schemas = conn.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
            ).fetchall()
            for (name,) in schemas:
                conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
            conn.execute("CREATE SCHEMA public")
        self._free.append(url)


@contextmanager
def running_postgres() -> Iterator[Server]:
    """A server for the length of the block. Ask `why_not` first."""
    programs = binaries()
    assert programs is not None
    # The path of a Unix socket may have about 100 characters, so not below pytest's own folder.
    home = Path(mkdtemp(prefix="lwpg"))
    user = _unprivileged() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
    data = home / "data"
    try:
        _run(
            programs, user, home, "initdb", "-D", str(data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        options = f"-k {home} -c listen_addresses= -c fsync=off -c max_connections=200"
        _run(
            programs, user, home, "pg_ctl", "-D", str(data), "-l", str(home / "log"), "-o", options,
            "-t", str(START_TIMEOUT_S), "-w", "start",
        )  # fmt: skip
        try:
            yield Server(home)
        finally:
            _run(programs, user, home, "pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home)


def _unprivileged() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None


def _run(programs: Path, user: pwd.struct_passwd | None, home: Path, name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(programs / name), *arguments],
        cwd=home,
        user=None if user is None else user.pw_uid,
        group=None if user is None else user.pw_gid,
        extra_groups=None if user is None else [],
        env={"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    log = home / "log"
    said = log.read_text() if log.exists() else ""
    assert done.returncode == 0, f"{name} failed: {done.stderr[-2000:]}\n{said[-2000:]}"
