"""What the endpoints work with: opened when the API starts, closed when it ends."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import sqlalchemy as sa
from fastapi import Request

from lipwright.service.api.acceptor import Acceptor
from lipwright.service.api.reader import Reader
from lipwright.service.db import is_sqlite, open_database
from lipwright.service.money import PriceRule
from lipwright.service.queue import JobQueue
from lipwright.service.settings import Settings
from lipwright.service.signing import url_secret
from lipwright.service.storage import Storage, open_storage

POSTGRES_WRITERS = 8
FILE_THREADS = 8

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Service:
    """The open parts of one API process."""

    settings: Settings
    engine: sa.Engine
    storage: Storage
    queue: JobQueue
    rule: PriceRule
    adapt_rule: PriceRule
    """The same for adapt jobs."""
    url_secret: bytes = field(repr=False)
    """Signs the URLs of files."""
    stopping: Callable[[], bool]
    """Whether the process was told to end: it then accepts nothing and lets nobody wait."""
    reader: Reader
    acceptor: Acceptor
    writers: ThreadPoolExecutor
    """Transactions that write. One thread on SQLite, which has one writer anyway: waiting here is fair and
    costs nothing, waiting there is sleeping and trying again."""
    workers: ThreadPoolExecutor
    """Everything else that would hold up the event loop: files, lists, decoding."""

    @classmethod
    def open(cls, settings: Settings, stopping: Callable[[], bool]) -> "Service":
        """Inside the event loop. Raises DatabaseError, SettingsError."""
        engine = open_database(settings)
        queue = JobQueue(engine, settings)
        return cls(
            settings=settings,
            engine=engine,
            storage=open_storage(settings),
            queue=queue,
            rule=PriceRule.of(settings),
            adapt_rule=PriceRule.of(settings, adapt=True),
            url_secret=url_secret(engine),
            stopping=stopping,
            reader=Reader(engine),
            acceptor=Acceptor(engine, settings, queue),
            writers=ThreadPoolExecutor(1 if is_sqlite(engine) else POSTGRES_WRITERS, "writer"),
            workers=ThreadPoolExecutor(FILE_THREADS, "worker"),
        )

    @staticmethod
    def of(request: Request) -> "Service":
        """The parts that serve this request."""
        service = request.app.state.service
        assert isinstance(service, Service)
        return service

    def close(self) -> None:
        """Wait for what the threads are doing, and stop them."""
        self.reader.close()
        self.acceptor.close()
        self.writers.shutdown()
        self.workers.shutdown()
        self.engine.dispose()

    async def write(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of a function that writes to the database, run in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.writers, lambda: function(*args, **kwargs))

    async def work(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of any other function that blocks, run in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.workers, lambda: function(*args, **kwargs))
