"""Set up the project's environment in `.venv`. Run by `make setup`; needs Python and nothing else.

This file must parse with any Python 3.8 or later, because an old `python3` may start it: it then looks for a
Python that fits, makes the environment with it, and goes on inside.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "lipwright-setup.txt"
CLIENTS = ROOT / "tests" / "service" / "npm"
OLDEST = (3, 11)
NEWEST = (3, 13)
# The CPU build by its local version: found wherever the installer has a folder or mirror of such wheels.
TORCH_CPU = "torch==2.13.0+cpu"

PROBE = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])"


def main() -> None:
    """Bring the environment up to date; do nothing when it is."""
    if "--inside" in sys.argv:
        install()
        return
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        STAMP.touch()
        return
    if not fits(str(venv_python())):
        create()
    run([str(venv_python()), str(Path(__file__).resolve()), "--inside"])
    STAMP.write_text(wanted)


def fingerprint() -> str:
    """What the environment was made from: changes in it make the set-up run again."""
    parts = [(ROOT / "pyproject.toml").read_bytes(), Path(__file__).read_bytes(), str(VENV).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest() + "\n"


# ---- the environment


def venv_python() -> Path:
    """The interpreter of the environment, whether it exists yet or not."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create() -> None:
    """Make `.venv` with the first Python that fits, or say what to install."""
    python = find_python()
    if python is not None:
        say(f"Creating {VENV.name} with {python}")
        run([python, "-m", "venv", "--clear", str(VENV)])
    elif shutil.which("uv"):
        say(f"Creating {VENV.name} with uv")
        run(
            [
                "uv",
                "venv",
                "--clear",
                "--seed",
                "--python",
                f">={dotted(OLDEST)},<3.{NEWEST[1] + 1}",
                str(VENV),
            ]
        )
    else:
        stop(
            f"No Python {dotted(OLDEST)} to {dotted(NEWEST)} that can make environments was found. "
            "If your python3 is of such a version, venv is missing: `sudo apt install python3-venv`. "
            "Else install one, for example `brew install python@3.12`, and run this again."
        )


def find_python() -> str | None:
    """A Python of a supported version that can make environments: the running one, else by name."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    for candidate in [sys.executable, *names, "python3", "python"]:
        path = shutil.which(candidate)
        if path and fits(path):
            return path
    return None


def fits(python: str) -> bool:
    """Whether this interpreter runs, is of a supported version, and has venv and ensurepip."""
    try:
        done = subprocess.run(
            [python, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    words = done.stdout.decode().split()
    return done.returncode == 0 and OLDEST <= tuple(int(word) for word in words) <= NEWEST


# ---- what goes into it (runs with the environment's own Python, so 3.11 or later)


def install() -> None:
    """Install PyTorch, the package, its tools, the two face files, and the clients of the service's tests."""
    pip("--upgrade", "pip")
    install_torch()
    say("Installing Lipwright and its tools")
    pip("--editable", f"{ROOT}[presenter,serve,s3]", *development_tools())
    say("Fetching the face detector and mesh")
    run([sys.executable, "-m", "lipwright", "weights", "pull", "faces"])
    install_clients()
    say("Set-up is complete")


def install_clients() -> None:
    """The npm packages that the service's tests drive, where there is npm; without them these tests skip."""
    npm = shutil.which("npm")
    if npm is None:
        say("npm is absent: tests that drive the npm clients will be skipped")
        return
    say("Installing the npm clients that tests drive")
    command = [npm, "ci", "--prefix", str(CLIENTS), "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        say("They could not be installed: tests that drive them will be skipped")


def install_torch() -> None:
    """PyTorch: the default build with an NVIDIA GPU and on macOS, else the one without CUDA packages."""
    if installed("torch"):
        return
    if has_nvidia_gpu() or sys.platform == "darwin":
        say("Installing PyTorch")
        pip("torch")
        return
    say("Installing PyTorch (CPU build)")
    if pip(TORCH_CPU, required=False):
        return
    # uv knows where PyTorch's CPU builds are, so that no address has to be written here.
    pip("uv")
    run(
        [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--python",
            sys.executable,
            "--torch-backend=cpu",
            "torch",
        ]
    )


def installed(package: str) -> bool:
    """Whether the environment has this package already."""
    import importlib.util

    return importlib.util.find_spec(package) is not None


def has_nvidia_gpu() -> bool:
    """Whether the driver's own tool lists at least one GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    done = subprocess.run([tool, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0 and b"GPU" in done.stdout


def development_tools() -> list[str]:
    """The `dev` group of pyproject.toml."""
    import tomllib

    return list(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"])


# ---- running things


def pip(*arguments: str, required: bool = True) -> bool:
    """`pip install` with these arguments; whether it succeeded. A failure stops the set-up if `required`."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    if required:
        run(command)
        return True
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def run(command: list[str]) -> None:
    """Run a command and stop the set-up when it fails; its own output says why."""
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if code != 0:
        sys.exit(code)


def dotted(version: tuple[int, int]) -> str:
    """(3, 11) as "3.11"."""
    return ".".join(str(part) for part in version)


def say(line: str) -> None:
    """Tell what is going on."""
    print(f"setup: {line}", flush=True)


def stop(sentence: str) -> NoReturn:
    """End with a message."""
    print(f"setup: {sentence}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
