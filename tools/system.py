"""Install the system components that some tests drive: PostgreSQL, Chromium, Node.js.

Run by `.ci/run` before `make test`, with any Python 3.8 or later. As root on a Debian-like machine it
installs what is absent; anywhere else it changes nothing and says what is absent. It always succeeds: tests
that lack a component skip and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

POSTGRES_FOLDER = Path("/usr/lib/postgresql")


def main() -> None:
    """Install what is absent where that is allowed; print one line for each component."""
    absent = {name: packages for name, (present, packages) in components().items() if not present}
    if absent and allowed():
        install([package for packages in absent.values() for package in packages])
    for name, (present, packages) in components().items():
        hint = "" if present else f"; tests that need it are skipped (apt-get install {' '.join(packages)})"
        print(f"system: {name} is {'there' if present else 'absent'}{hint}", flush=True)


def components() -> dict[str, tuple[bool, list[str]]]:
    """Each component: whether it is there, and Debian's packages for it."""
    postgres = shutil.which("initdb") is not None or any(POSTGRES_FOLDER.glob("*/bin/initdb"))
    return {
        "PostgreSQL": (postgres, ["postgresql"]),
        "Chromium": (shutil.which("chromium") is not None, ["chromium", "fonts-inter"]),
        "Node.js": (shutil.which("npm") is not None, ["nodejs", "npm"]),
    }


def allowed() -> bool:
    """Whether this is a Debian-like machine and we are root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """`apt-get install`, one by one: a package that cannot be had keeps no other away."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], quiet)
    for package in packages:
        print(f"system: installing {package}", flush=True)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], quiet)


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command; when it fails, show what it said and go on."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        print(
            f"system: {' '.join(command)} failed:\n{done.stdout.decode(errors='replace')[-2000:]}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
