"""`lipwright webhooks`: what became of webhooks, and sending one again by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.serve import EXTRA_SENTENCE
from lipwright.errors import LipwrightError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from lipwright.service.settings import Settings

webhooks = typer.Typer(help="What became of webhooks, and sending one again.", no_args_is_help=True)

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="The server's settings as TOML; the environment goes first.",
        show_default=False,
    ),
]


class State(StrEnum):
    """How a webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@webhooks.command("list")
def list_webhooks(
    state: Annotated[State | None, typer.Option(help="Only these.", show_default="all")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 50,
    settings: SettingsFile = None,
) -> None:
    """Print the latest webhooks: prediction, state, attempts, last answer, next attempt, host."""
    with _opened(settings) as (engine, _):
        from lipwright.service.guard import shown
        from lipwright.service.outbox import posted

        with engine.connect() as conn:
            rows = posted(conn, state=None if state is None else state.value, limit=limit)
    print("\t".join(("prediction", "state", "attempts", "answer", "next", "url", "error")))
    for row in rows:
        answer = "-" if row.last_status is None else str(row.last_status)
        due = "-" if row.next_us is None else _clock(row.next_us)
        # Queries of URLs hold receivers' secrets.
        print(
            "\t".join(
                (
                    row.prediction_id,
                    row.state,
                    str(row.attempts),
                    answer,
                    due,
                    shown(row.url),
                    row.last_error or "-",
                )
            )
        )


@webhooks.command("replay")
def replay_webhook(
    prediction: Annotated[str, typer.Argument(help="Id of the prediction.", show_default=False)],
    settings: SettingsFile = None,
) -> None:
    """Send a prediction's webhook once more, now, with the same body, and say what came of it."""
    with _opened(settings) as (engine, loaded):
        from lipwright.service.outbox import attempt

        done = attempt(engine, loaded, prediction, replay=True)
    if done is None:
        raise LipwrightError(f"The prediction {prediction} is gone; its webhook cannot be made any more.")
    if not done.delivered:
        raise LipwrightError(f"The webhook of {prediction} was not delivered: {done.error}.")
    print(f"delivered: the receiver answered {done.http_status} in {done.duration_ms} ms")


@contextmanager
def _opened(file: Path | None) -> Iterator[tuple["sa.Engine", "Settings"]]:
    try:
        from lipwright.service import logs
        from lipwright.service.db import open_database
        from lipwright.service.migrate import check_schema
        from lipwright.service.settings import load_settings
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("lipwright"):
            raise
        raise LipwrightError(EXTRA_SENTENCE) from error
    settings = load_settings(file)
    logs.configure("error", process="webhooks")
    engine = open_database(settings)
    try:
        check_schema(engine)
        yield engine, settings
    finally:
        engine.dispose()


def _clock(us: int) -> str:
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
