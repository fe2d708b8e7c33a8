"""`lipwright serve`: the service."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.errors import LipwrightError

if TYPE_CHECKING:
    from lipwright.service.settings import Settings

EXTRA_SENTENCE = "The service needs an extra: pip install 'lipwright[serve]'."


class Role(StrEnum):
    """One process of a server, for installations that start them one by one."""

    API = "api"
    CONTROLLER = "controller"


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on.", show_default="8000")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Settings as TOML; the environment goes first.", show_default=False
        ),
    ] = None,
    role: Annotated[
        Role | None,
        typer.Option(help="Run only this process, in the foreground.", show_default="both, supervised"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say whether a server would work here.")] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring the database up to date; no more.")
    ] = False,
) -> None:
    """Run the service: an HTTP API that WaveSpeed clients work with, a queue, and the renderer."""
    try:
        from lipwright.service.settings import load_settings
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("lipwright"):
            raise
        raise LipwrightError(EXTRA_SENTENCE) from error
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    loaded = load_settings(settings, **given)
    if check:
        code = _check(loaded)
    elif migrate:
        _migrate(loaded)
        code = 0
    elif role is not None:
        code = _run_role(loaded, role)
    else:
        code = _supervise(loaded, settings)
    raise typer.Exit(code)


def _check(settings: "Settings") -> int:
    from lipwright.service.selfcheck import check

    findings = list(check(settings))
    for finding in findings:
        print(finding)
    return 0 if all(finding.good for finding in findings) else 1


def _migrate(settings: "Settings") -> None:
    from lipwright.service.db import database_url, open_database
    from lipwright.service.migrate import migrate
    from lipwright.service.workflows import create_tables

    engine = open_database(settings)
    try:
        migrate(engine)
        create_tables(database_url(settings))
    finally:
        engine.dispose()


def _run_role(settings: "Settings", role: Role) -> int:
    from lipwright.service import faults, runfiles

    faults.check_allowed(settings)
    runfiles.share_metrics(settings, fresh=False)
    if role is Role.API:
        from lipwright.service.api_process import run

        return run(settings)
    from lipwright.service.controller import Controller

    return Controller(settings).run()


def _supervise(settings: "Settings", file: Path | None) -> int:
    from lipwright.service import faults, logs, runfiles
    from lipwright.service.listening import listen

    faults.check_allowed(settings)
    logs.configure(settings.log_level, process="supervisor")
    try:
        listening = listen(settings)
    except OSError as error:
        raise LipwrightError(
            f"The server cannot listen on {settings.host} port {settings.port}: {error.strerror}."
        ) from error
    runfiles.share_metrics(settings, fresh=True)  # before what follows is imported
    from lipwright.service.supervisor import supervise

    _migrate(settings)
    host, port = listening.getsockname()[:2]
    print(f"Lipwright serves at http://{host}:{port} (stop with Ctrl-C)", flush=True)

    def command(role: str) -> list[str]:
        named = [] if file is None else ["--settings", str(file)]
        return [sys.executable, "-m", "lipwright", "serve", "--role", role, *named]

    return supervise(settings, command, listening)
