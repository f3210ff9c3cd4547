"""A worker: handlers side by side, what becomes of their messages, and how it stops."""

import asyncio
import logging
import os
import signal
import threading

import pytest

from client.queue.counting import until
from client.upstream import Upstream
from prism.client import (
    STOP_SIGNALS,
    BackendUnavailable,
    GroupConfig,
    GroupNotFound,
    Handler,
    Queue,
    QueueMessage,
    QueueOutgoing,
    Worker,
)


async def publish(jobs: Queue, count: int) -> None:
    """Messages `0`, `1`, ..."""
    await jobs.publish_batch([QueueOutgoing(topic="t", payload=b"%d" % number) for number in range(count)])


async def stopped(worker: Worker, running: "asyncio.Task[None]") -> None:
    """Stops it, and waits for its end."""
    worker.stop()
    await running


def begun(jobs: Queue, handler: Handler, **more: object) -> tuple[Worker, "asyncio.Task[None]"]:
    """A worker that runs."""
    worker = jobs.worker("t", handler, group="g", **more)  # type: ignore[arg-type]  # by name
    return worker, asyncio.create_task(worker.run())


async def test_handlers_run_side_by_side(jobs: Queue) -> None:
    """As many as `concurrency`, never more; each message once."""
    await publish(jobs, 20)
    seen: list[bytes] = []
    most = 0

    async def handle(message: QueueMessage) -> None:
        nonlocal most
        most = max(most, worker.running)
        seen.append(message.payload)
        await asyncio.sleep(0.001)

    worker, running = begun(jobs, handle, concurrency=4, prefetch=4)
    await until(jobs, acknowledged=20)
    await stopped(worker, running)
    assert sorted(seen) == sorted(b"%d" % number for number in range(20))
    assert most == 4


async def test_a_handler_that_raises_nacks(jobs: Queue, caplog: pytest.LogCaptureFixture) -> None:
    """With the error as the reason, and a line in the log; what it settles itself stays."""
    await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    await publish(jobs, 3)

    async def handle(message: QueueMessage) -> None:
        if message.payload == b"1":
            raise ZeroDivisionError("by zero")
        if message.payload == b"2":
            await message.nack(delay=3600)

    with caplog.at_level(logging.WARNING, "prism.client"):
        worker, running = begun(jobs, handle, concurrency=3)
        await until(jobs, acknowledged=1, dead=2)
        await stopped(worker, running)
    assert {each.reason async for each in jobs.peek("t", "g", "dead")} == {"ZeroDivisionError: by zero", ""}
    assert "failed (attempt 1)" in caplog.text


async def test_a_plain_function_runs_on_a_thread(jobs: Queue) -> None:
    """It may block."""
    await publish(jobs, 4)
    together = threading.Barrier(4, timeout=20)

    def handle(_message: QueueMessage) -> None:
        assert threading.current_thread() is not threading.main_thread()
        together.wait()

    worker, running = begun(jobs, handle, concurrency=4)
    await until(jobs, acknowledged=4)
    await stopped(worker, running)


async def test_a_stop_lets_handlers_end_and_gives_back_the_rest(jobs: Queue) -> None:
    """CONTRACT, Queue 4 and 5: what was not begun is given back at once, and no attempt counts."""
    await publish(jobs, 4)
    at_work, may_end = asyncio.Event(), asyncio.Event()

    async def handle(_message: QueueMessage) -> None:
        at_work.set()
        await may_end.wait()

    worker, running = begun(jobs, handle, concurrency=1, prefetch=2)
    await at_work.wait()
    await until(jobs, in_flight=3)
    worker.stop()
    await until(jobs, in_flight=1, waiting=3)
    may_end.set()
    await running
    counts = await jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.waiting) == (1, 3)
    assert [each.attempt for each in await jobs.receive("t", group="g", limit=10)] == [1, 1, 1]


@pytest.mark.parametrize("again", [False, True], ids=["grace", "second stop"])
async def test_a_handler_that_does_not_end_is_cancelled_and_its_message_released(jobs: Queue, *, again: bool) -> None:
    """After the grace, or at once when it is stopped again; a stop is not the message's failure."""
    await publish(jobs, 1)
    at_work = asyncio.Event()

    async def handle(_message: QueueMessage) -> None:
        at_work.set()
        await asyncio.Event().wait()

    worker, running = begun(jobs, handle, grace=3600 if again else 0.02)
    await at_work.wait()
    worker.stop()
    if again:
        worker.stop()
    await running
    assert [each.attempt for each in await jobs.receive("t", group="g")] == [1]


async def test_a_signal_stops_it(jobs: Queue) -> None:
    """SIGTERM as orchestrators send it; afterwards the signal has its old meaning."""
    await publish(jobs, 1)
    before = signal.getsignal(signal.SIGTERM)

    async def handle(_message: QueueMessage) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    worker = jobs.worker("t", handle, group="g")
    await worker.run(signals=STOP_SIGNALS)
    assert (await jobs.describe_group("t", "g")).acknowledged == 1
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_thread_that_does_not_end_keeps_its_message_for_a_while(
    jobs: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    """It cannot be stopped: its message is not given to others at once, and the log says so."""
    await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    await publish(jobs, 1)
    at_work, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def handle(_message: QueueMessage) -> None:
        loop.call_soon_threadsafe(at_work.set)
        may_end.wait(20)

    worker, running = begun(jobs, handle, grace=0.02)
    await at_work.wait()
    with caplog.at_level(logging.WARNING, "prism.client"):
        await stopped(worker, running)
    assert "1 handlers still run on threads" in caplog.text
    assert (await jobs.describe_group("t", "g")).in_flight == 1
    may_end.set()


async def test_a_handler_whose_message_is_lost_is_cancelled(jobs: Queue, caplog: pytest.LogCaptureFixture) -> None:
    """Another consumer has it then; the handler must not go on beside."""
    await publish(jobs, 1)
    at_work, cancelled = asyncio.Event(), asyncio.Event()

    async def handle(message: QueueMessage) -> None:
        at_work.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert message.lost
            cancelled.set()
            raise

    worker, running = begun(jobs, handle)
    await at_work.wait()
    with caplog.at_level(logging.WARNING, "prism.client"):
        await jobs.purge("t")
        await cancelled.wait()
        await stopped(worker, running)
    assert "was lost while its handler ran" in caplog.text


async def test_a_break_does_not_disturb_a_handler(jobs: Queue, upstream: Upstream) -> None:
    """CONTRACT, Queue 4: it goes on, once, and its message is acknowledged on the next stream."""
    await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    await publish(jobs, 3)
    seen: list[bytes] = []
    at_work, may_end = asyncio.Event(), asyncio.Event()

    async def handle(message: QueueMessage) -> None:
        seen.append(message.payload)
        if len(seen) == 3:
            at_work.set()
        await may_end.wait()

    worker, running = begun(jobs, handle, concurrency=3)
    await at_work.wait()
    upstream.cut(BackendUnavailable("gone"))
    may_end.set()
    await until(jobs, acknowledged=3)
    await stopped(worker, running)
    assert sorted(seen) == [b"0", b"1", b"2"]


async def test_what_ends_it_is_raised(jobs: Queue) -> None:
    """A worker whose group is gone does not run on in silence."""
    await jobs.create_group("t", "g")

    async def handle(_message: QueueMessage) -> None: ...

    worker, running = begun(jobs, handle)
    await publish(jobs, 1)
    await until(jobs, acknowledged=1)
    await jobs.delete_group("t", "g")
    with pytest.raises(GroupNotFound):
        await running
    with pytest.raises(ValueError, match="concurrency is 0"):
        jobs.worker("t", handle, group="g", concurrency=0)
    assert worker.running == 0


async def test_a_worker_that_is_cancelled_releases(jobs: Queue) -> None:
    """Its task's cancellation is a stop without grace."""
    await publish(jobs, 1)
    at_work = asyncio.Event()

    async def handle(_message: QueueMessage) -> None:
        at_work.set()
        await asyncio.Event().wait()

    _, running = begun(jobs, handle)
    await at_work.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(20):  # its grace is 25 seconds
            await running
    assert [each.attempt for each in await jobs.receive("t", group="g")] == [1]
