"""`lipwright keys`: who may use the service, how much, and for how much money."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.serve import EXTRA_SENTENCE
from lipwright.errors import LipwrightError, OptionError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from lipwright.service.keys import Key

keys = typer.Typer(help="API keys of the service: make, list, top up, take back.", no_args_is_help=True)

MOST_USD = Decimal(1_000_000_000)

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="The server's settings as TOML; the environment goes first.",
        show_default=False,
    ),
]
NameOrId = Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="Name or id of the key.")]


@keys.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What to call it; no two keys in use share a name.")],
    balance: Annotated[
        str | None,
        typer.Option(metavar="USD", help="Money that it may spend, in US dollars.", show_default="unlimited"),
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(help="Submits per minute.", show_default="the server's setting")
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option(help="Jobs rendered at a time.", show_default="the server's setting")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(help="1 to 1000; smaller goes first.", show_default="the server's setting"),
    ] = None,
    settings: SettingsFile = None,
) -> None:
    """Make a key and print it. It is shown this once; the server keeps only its hash."""
    amount = None if balance is None else _micro(balance, "balance")
    with _transaction(settings) as conn:
        from lipwright.service import keys as service

        key, token = service.create(
            conn,
            name,
            balance_micro=amount,
            rate_per_minute=per_minute,
            concurrent=concurrent,
            priority=priority,
        )
    print(
        f"lipwright: made the key {key.name} (id {key.id}); keep it, it is not shown again.", file=sys.stderr
    )
    print(token)


@keys.command("list")
def list_(settings: SettingsFile = None) -> None:
    """Print all keys: id, name, balance, limits, when made, when revoked."""
    with _transaction(settings) as conn:
        from lipwright.service import keys as service

        found = service.all_keys(conn)
    print("\t".join(("id", "name", "balance", "per-minute", "concurrent", "priority", "created", "revoked")))
    for key in found:
        limits = ("-" if limit is None else str(limit) for limit in _limits(key))
        revoked = "-" if key.revoked_us is None else _clock(key.revoked_us)
        print("\t".join((key.id, key.name, _balance(key), *limits, _clock(key.created_us), revoked)))


@keys.command()
def revoke(key: NameOrId, settings: SettingsFile = None) -> None:
    """Take a key back for good. Jobs that it has submitted go on."""
    with _transaction(settings) as conn:
        from lipwright.service import keys as service

        gone = service.revoke(conn, key)
    print(f"{gone.name} (id {gone.id}) is revoked.")


@keys.command()
def grant(
    key: NameOrId,
    amount: Annotated[
        str, typer.Argument(metavar="USD", help="US dollars to add. To take some back: `-- NAME -5`.")
    ],
    settings: SettingsFile = None,
) -> None:
    """Add money to a key's balance, and print what it then is."""
    micro = _micro(amount, "amount")
    with _transaction(settings) as conn:
        from lipwright.service import keys as service
        from lipwright.service import money

        found = service.find(conn, key)
        if found.unlimited:
            raise OptionError(f"The key {found.name} is unlimited; there is no balance to add to.")
        money.grant(conn, found.id, micro)
        found = service.find(conn, found.id)
    print(_balance(found))


@contextmanager
def _transaction(file: Path | None) -> "Iterator[sa.Connection]":
    """One transaction in the server's database, whose tables are made if there are none."""
    try:
        from lipwright.service.db import open_database, transaction
        from lipwright.service.migrate import check_schema, migrate_if_empty
        from lipwright.service.settings import load_settings
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("lipwright"):
            raise
        raise LipwrightError(EXTRA_SENTENCE) from error
    engine = open_database(load_settings(file))
    try:
        migrate_if_empty(engine)
        check_schema(engine)
        with transaction(engine) as conn:
            yield conn
    finally:
        engine.dispose()


def _micro(text: str, what: str) -> int:
    """Dollars as micro-dollars. Raises OptionError."""
    from lipwright.service.money import MICRO

    try:
        dollars = Decimal(text)
        if dollars.is_finite() and abs(dollars) <= MOST_USD and dollars * MICRO == int(dollars * MICRO):
            return int(dollars * MICRO)
    except InvalidOperation:
        pass  # told below, as for any other text that is no amount
    raise OptionError(f"The {what} is {text!r}, but must be US dollars, such as 20 or 12.50.")


def _balance(key: "Key") -> str:
    if key.unlimited:
        return "unlimited"
    from lipwright.service.money import MICRO

    return f"{Decimal(key.balance_micro) / MICRO:.6f}"


def _limits(key: "Key") -> tuple[int | None, ...]:
    return key.rate_per_minute, key.concurrent, key.priority


def _clock(us: int) -> str:
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
