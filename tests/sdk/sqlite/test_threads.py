"""Threads with connections: answers, failures, order of ending."""

import sqlite3
import threading

import pytest

from prism.sdk.sqlite.threads import Threads


def connections(count: int) -> list[sqlite3.Connection]:
    return [sqlite3.connect(":memory:", check_same_thread=False) for _ in range(count)]


async def test_answers_and_failures_reach_their_callers() -> None:
    """A job's result is awaited, what it raises is raised, and the thread takes the next job."""
    threads = Threads("test", connections(1))
    assert await threads.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        await threads.run(lambda connection: connection.execute("SELECT nonsense"))
    assert await threads.run(lambda _connection: threading.current_thread().name) == "test"
    await threads.stop()


async def test_stop_completes_the_jobs_and_closes_the_connections() -> None:
    """Jobs given before the stop are done; nothing is left open."""
    opened = connections(3)
    threads = Threads("test", opened)
    jobs = [threads.run(lambda connection: connection.execute("SELECT 1").fetchone()) for _ in range(50)]
    await threads.stop()
    assert [await job for job in jobs] == [(1,)] * 50
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


async def test_an_abandoned_job_disturbs_nobody() -> None:
    """Its answer is dropped, and the next caller gets its own."""
    threads = Threads("test", connections(1))
    gate = threading.Event()
    abandoned = threads.run(lambda _connection: gate.wait())
    abandoned.cancel()
    following = threads.run(lambda _connection: 7)
    gate.set()
    assert await following == 7
    await threads.stop()


async def test_threads_work_side_by_side() -> None:
    """Two jobs that wait for each other both end, for each has a thread."""
    threads = Threads("test", connections(2))
    meeting = threading.Barrier(2)
    both = [threads.run(lambda _connection: meeting.wait()) for _ in range(2)]
    assert sorted([await job for job in both]) == [0, 1]
    await threads.stop()
