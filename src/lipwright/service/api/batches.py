"""Answering many questions at once: those that wait while a thread works are its next batch.

A hop to a thread, a query, a flush of the disk cost much more than what they carry. A question by itself
waits for nobody; under load the cost is shared by all that wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Batches(Generic[Q, A]):
    """Asks `answer` in one thread. Used inside one event loop.

    `answer` gets questions in the order they came, `largest` at most, and returns an answer or an error for
    each; an error that it raises is everybody's.
    """

    def __init__(self, name: str, answer: Callable[[list[Q]], list[A | Exception]], largest: int) -> None:
        self._answer = answer
        self._largest = largest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer. Raises the error that was returned for it."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())
        return await future

    def close(self) -> None:
        """Stop the thread; the batch that it works on is finished first."""
        self._thread.shutdown()

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
                questions = [question for question, _ in batch]
                answers: list[A | Exception]
                try:
                    answers = await loop.run_in_executor(self._thread, self._answer, questions)
                except Exception as error:  # noqa: BLE001 - handed to those who asked
                    answers = [error] * len(batch)
                for (_, future), answer in zip(batch, answers, strict=True):
                    if future.done():  # whoever asked has gone
                        continue
                    if isinstance(answer, Exception):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
        finally:
            self._answering = None
