"""Threads that own connections: SQLite waits for disks and locks, and the event loop must not.

A job costs one wake-up each way, about 75 us together where the threads sleep; so callers send batches.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]


class Threads:
    """A few threads, each with a connection of its own, that take jobs from one queue."""

    def __init__(self, name: str, connections: list[sqlite3.Connection]) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._work, args=(connection,), name=name, daemon=True)
            for connection in connections
        ]
        for thread in self._threads:
            thread.start()

    def run(self, job: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Runs a job in one of the threads; what it raises is raised to the caller."""
        result: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((job, result))
        return result

    async def stop(self) -> None:
        """Ends the threads after the jobs they have, and closes their connections."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _work(self, connection: sqlite3.Connection) -> None:
        while (work := self._jobs.get()) is not None:
            job, result = work
            try:
                outcome, failure = job(connection), None
            except Exception as error:  # noqa: BLE001  # it is the caller's
                outcome, failure = None, error
            try:
                self._loop.call_soon_threadsafe(_settle, result, outcome, failure)
            except RuntimeError:  # the loop was closed: no caller waits any more
                break
            del work, job, result, outcome, failure  # a sleeping thread keeps nothing alive
        connection.close()


def _settle(result: "asyncio.Future[Any]", outcome: object, failure: Exception | None) -> None:
    if result.done():
        return
    if failure is None:
        result.set_result(outcome)
    else:
        result.set_exception(failure)
