"""Slow readers beside fast ones on one connection: who does not keep up holds no window that others need.

Nothing here goes by a clock: time is what the test says it is, and credits are what is looked at.
"""

import asyncio

import pytest

from prism.wire.config import ChannelConfig, ServerConfig
from prism.wire.grpc.inbox import Inbox
from prism.wire.grpc.status import Status
from prism.wire.http2 import receiving as module
from prism.wire.http2.frames import MESSAGE_HEAD, ErrorCode
from prism.wire.http2.output import Output
from prism.wire.http2.receiving import Receiving
from prism.wire.http2.stream import Stream

KIB, MIB = 1 << 10, 1 << 20
CONFIG = ChannelConfig()
MESSAGE = 256 * KIB


class Clock:
    """The time as windows see it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands unless a test moves it."""
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


class Arriving(Stream):
    """A stream whose peer always has another message, and sends what it may."""

    receiver: Inbox

    def __init__(self, receiving: Receiving, number: int, size: int) -> None:
        self.receiving = receiving
        self.stream_id = number
        self.receiver = receiving.open_inbox(None)
        self.reserved = 0
        self.ended = self.remote_ended = False
        self.sends(size)

    def sends(self, size: int) -> None:
        """Its messages have so many bytes from now on."""
        self._message = MESSAGE_HEAD.pack(0, size) + bytes(size)
        self._sent = 0

    def arrive(self, most: int = 64 * MIB) -> int:
        """Its peer sends as much as the window allows, in frames, and no more than `most`; how much that was."""
        came, receiver = 0, self.receiver
        while receiver.window > 0 and came < most:
            frame = self._message[self._sent : self._sent + min(receiver.window, 16 * KIB)]
            self._sent = (self._sent + len(frame)) % len(self._message)
            came += len(frame)
            receiver.window -= len(frame)
            receiver.feed(frame, 0, len(frame))
            if receiver.window <= receiver.target + 1 >> 1 or receiver.window < receiver.missing:  # as a connection
                self.receiving.replenish(self)
        return came

    async def read(self) -> None:
        """Its reader takes one message, which is there."""
        assert self.receiver.messages
        assert await self.receiving.next_message(self, self.receiver)

    def on_data(self) -> None: ...
    def on_sent(self) -> None: ...
    def abort(self, status: Status) -> None: ...
    def on_reset(self, code: ErrorCode) -> None: ...
    def on_lost(self, reason: str) -> None: ...


def receiving_of(config: ChannelConfig = CONFIG) -> Receiving:
    """The receiving half of a connection that sends nowhere."""
    loop = asyncio.get_running_loop()
    receiving = Receiving(config, loop, Output(config, loop))
    receiving.acknowledged = True
    return receiving


async def keep_up(stream: Arriving, rounds: int = 64) -> None:
    """Its reader waits for each message, and takes it at once."""
    for _ in range(rounds):
        while stream.receiver.messages:
            await stream.read()
        waiting = asyncio.create_task(stream.receiving.next_message(stream, stream.receiver))
        await asyncio.sleep(0)
        while not stream.receiver.messages:
            assert stream.arrive(16 * KIB), "nothing goes on"
        assert await waiting


@pytest.mark.parametrize("count", [1, 16, 64])
async def test_windows_of_slow_readers_stay_small(clock: Clock, count: int) -> None:
    """A message each 250 ms is no reason for more: one who is fast has a large one beside any number of them."""
    receiving = receiving_of()
    slow = [Arriving(receiving, number, MESSAGE) for number in range(1, 2 * count, 2)]
    for each in slow:
        each.arrive()
    for _ in range(12):
        clock.now += 0.25
        for each in slow:
            await each.read()
            each.arrive()
    assert max(each.receiver.target for each in slow) <= 2 * CONFIG.initial_stream_window
    assert sum(each.reserved for each in slow) <= count * 2 * MESSAGE
    fast = Arriving(receiving, 1001, MESSAGE)
    await keep_up(fast)
    assert fast.receiver.target >= MIB


@pytest.mark.parametrize(("pause", "times"), [(0.0001, 32), (1.0, 1)])
async def test_a_reader_that_keeps_up_has_a_larger_window(clock: Clock, pause: float, times: int) -> None:
    """And one that took just as much, with a pause before each message, has not."""
    stream = Arriving(receiving_of(), 1, 16 * KIB)
    for _ in range(64):
        await keep_up(stream, 1)
        clock.now += pause
    assert stream.receiver.target == times * CONFIG.initial_stream_window


async def test_what_has_been_read_is_given_back(clock: Clock) -> None:
    """A message that finds no room comes when another has been read: its stream need not end for that."""
    receiving = receiving_of(ChannelConfig(receive_budget=MESSAGE))
    first, second = Arriving(receiving, 1, MESSAGE), Arriving(receiving, 3, MESSAGE)
    first.arrive()
    second.arrive()
    assert first.receiver.messages
    assert not second.receiver.messages
    assert second.receiver.window == 0
    for _ in range(4):
        clock.now += 1
        while first.receiver.messages:
            await first.read()
        await asyncio.sleep(0)
        second.arrive()
        first.arrive()
    assert second.receiver.messages
    await second.read()
    receiving.release(first)
    receiving.release(second)


async def test_one_who_becomes_slow_gives_its_window_to_others(clock: Clock) -> None:
    """Windows that were large while their readers kept up become small again, as others need room."""
    receiving = receiving_of(ChannelConfig(receive_budget=8 * MIB))
    before = [Arriving(receiving, number, 16 * KIB) for number in range(1, 9, 2)]
    for each in before:
        await keep_up(each)
        each.arrive()
    assert sum(each.reserved for each in before) > 4 * MIB
    for _ in range(20):
        clock.now += 0.25
        for each in before:
            while each.receiver.messages:
                await each.read()
            each.arrive()
    assert sum(each.reserved for each in before) <= 4 * MIB
    fast = Arriving(receiving, 1001, 16 * KIB)
    await keep_up(fast)
    assert fast.receiver.target > 2 * CONFIG.initial_stream_window


@pytest.mark.parametrize(("count", "window"), [(16, 4), (64, 1)])
async def test_readers_that_stopped_hold_up_no_other(clock: Clock, count: int, window: int) -> None:
    """They hold what has come for them, which cannot be taken back. One that comes later goes on, with a larger window
    as long as there is room.
    """
    receiving = receiving_of()
    for number in range(1, 2 * count, 2):
        stopped = Arriving(receiving, number, MESSAGE)
        await keep_up(stopped, 64)
        stopped.arrive()
    fast = Arriving(receiving, 1001, MESSAGE)
    await keep_up(fast, 64)
    assert fast.receiver.target >= window * CONFIG.initial_stream_window


async def test_windows_leave_room_for_whole_messages(clock: Clock) -> None:
    """110 streams with large windows, then a message of 4 MiB on each: all come whole, one after the other."""
    receiving = receiving_of(ServerConfig())
    streams = [Arriving(receiving, number, 16 * KIB - 5) for number in range(1, 220, 2)]
    for each in streams:
        await keep_up(each, 150)
        while each.receiver.window - 16 * KIB > each.receiver.target // 2 + 1:
            await keep_up(each, 1)
    for each in streams:
        await keep_up(each, 3)
    for each in streams:
        while each.receiver.messages:
            await each.read()
        each.sends(4 * MIB - 5)
    left = set(streams)
    for _ in range(300):
        for each in [*left]:
            each.arrive()
            await asyncio.sleep(0)
            if each.receiver.messages:
                await each.read()
                each.ended = True
                receiving.release(each)
                left.discard(each)
    assert not left


async def test_who_waits_for_room_is_asked_once_in_a_turn(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others give back meanwhile."""
    receiving = receiving_of(ChannelConfig(receive_budget=4 * MIB))
    holders = [Arriving(receiving, number, MESSAGE) for number in range(1, 40, 2)]
    for each in holders:
        each.arrive()
    tried = 0
    again = Receiving._try_again

    def count(self: Receiving) -> None:
        nonlocal tried
        tried += 1
        again(self)

    monkeypatch.setattr(Receiving, "_try_again", count)
    ready = [each for each in holders if each.receiver.messages]
    assert len(ready) < len(holders)
    for each in ready:
        await each.read()
    assert tried == 0
    await asyncio.sleep(0)
    assert tried == 1
