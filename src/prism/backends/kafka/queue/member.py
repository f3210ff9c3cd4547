"""One gateway's membership in one group: the consumer and its thread, rebalances, and what is committed.

The consumer's thread waits for Kafka and hands over what comes; everything else is done on the event loop. Commits are
made one after the other, with all that was settled meanwhile, by calls beside the loop: the thread that waits for what
is in flight, while a partition goes to another gateway, could not hear their answers.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received

from prism.backends.kafka.errors import translate
from prism.backends.kafka.link import Link
from prism.backends.kafka.queue.commits import Commits
from prism.backends.kafka.queue.held import Partition
from prism.backends.kafka.queue.progress import Progress, restored
from prism.backends.kafka.queue.records import message_of
from prism.backends.kafka.queue.standing import Standing
from prism.errors import BackendUnavailable, PrismError
from prism.sdk.driver_errors import LATER
from prism.sdk.queue.calls import Lease

AT_ONCE: Final = 500
"""Messages that are handed over in one step."""
_POLL: Final = 0.25
_READY: Final = 2000
"""Messages that are due and wait for a consumer, of one gateway: then no more are read."""
_HELD_UP: Final = 0.5
"""Seconds that the consumer's thread is kept from reading more; then partitions are paused. One that goes on after a
pause is read up to a second later, and with the thread no rebalance is heard."""
_TRIES: Final = 5
_MEANT: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._FATAL,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.UNSUPPORTED_VERSION,
    }
)
"""What the consumer says and does not mend by itself."""


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Member:
    """A membership.

    Args:
        link: to Kafka.
        group: its id in Kafka.
        topics: in Kafka: the group's topic, and where it has one that of what was redriven.
        standing: of the group.
        commits: of what is settled.
        changed: called when there may be something to do for so many consumers.
        max_item: bytes of a payload that can be delivered.

    Attributes:
        hand: the messages.
        failure: why it works no longer.
        assigned: set when it knows which partitions it has.
        moved: set when others have come to the group since, or gone.
    """

    def __init__(
        self, link: Link, group: str, topics: Sequence[str], standing: Standing, commits: Commits,
        changed: Callable[[int], None], max_item: int,
    ) -> None:  # fmt: skip
        self.hand = commits.hand
        self.standing = standing
        self.failure: PrismError | None = None
        self.assigned = asyncio.Event()
        self.moved = asyncio.Event()
        self.topics = tuple(topics)
        self._link = link
        self._options = link.config.queue
        self._group = group
        self._commits = commits
        self._changed = changed
        self._max_item = max_item
        self._loop = asyncio.get_running_loop()
        self._consumer: Consumer | None = None
        self._taken = threading.Event()
        self._held_up: asyncio.TimerHandle | None = None
        self._closing = False
        self._closed = asyncio.Event()
        self._handed_over = asyncio.Event()
        self.lost: list[Lease] = []
        commits.bind(self._commit, self._committed, self._metadata, changed)

    def start(self) -> None:
        """Joins the group."""
        threading.Thread(target=self._run, name="kafka-consumer", daemon=True).start()

    @property
    def partitions(self) -> list[int]:
        """Those of the topic that it has."""
        return sorted(number for topic, number in self.hand.parts if topic == self.topics[0])

    async def close(self) -> None:
        """Leaves the group, when all that is settled is committed, or cannot be in time."""
        if self.failure is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._link.config.request_timeout):
                    await self._commits.flush()
        self._closing = True
        self._taken.set()
        await self._closed.wait()
        await self._commits.stop()

    def resubscribe(self, topics: Sequence[str]) -> None:
        """Reads these from now on."""
        self.topics = tuple(topics)
        consumer = self._consumer
        if consumer is not None:
            consumer.subscribe(
                list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )

    def balance(self) -> None:
        """Reads no more of a partition that is full, and goes on where it is full no longer."""
        hand, options = self.hand, self._options
        calm = hand.ready <= _READY // 2 and hand.bytes <= options.buffer_bytes // 2
        if calm and self._held_up is not None:
            self._go_on()
        for name, part in hand.parts.items():
            full = part.progress.span >= options.window or part.progress.crowded
            if not part.paused and full:
                part.paused = self._flow("pause", name)
            elif part.paused and calm and not full:
                part.paused = not self._flow("resume", name)

    @property
    def _crowded(self) -> bool:
        return self.hand.ready > _READY or self.hand.bytes > self._options.buffer_bytes

    def _go_on(self) -> None:
        """The consumer's thread reads on; nothing, where consumers are still behind."""
        if self._held_up is not None:
            self._held_up.cancel()
            self._held_up = None
        if self._crowded:
            for name, part in self.hand.parts.items():
                part.paused = part.paused or self._flow("pause", name)
        self._taken.set()

    @property
    def waiting_partitions(self) -> int:
        """Partitions that wait for what is unsettled."""
        return sum(
            part.progress.span >= self._options.window or part.progress.crowded for part in self.hand.parts.values()
        )

    def _flow(self, way: str, name: Partition) -> bool:
        try:
            getattr(self._consumer, way)([TopicPartition(*name)])
        except (KafkaException, RuntimeError, AttributeError):
            return False  # it is ours no longer
        return True

    # The consumer's thread

    def _settings(self) -> dict[str, Any]:
        config = self._link.config
        settings = self._link.settings(
            group_id=self._group, enable_auto_commit=False, enable_auto_offset_store=False,
            isolation_level="read_committed", auto_offset_reset="earliest", enable_partition_eof=False,
            queued_min_messages=1000, queued_max_messages_kbytes=16 << 10, fetch_error_backoff_ms=50,
            fetch_queue_backoff_ms=10,
            max_poll_interval_ms=300_000, topic_metadata_refresh_interval_ms=10_000,
        )  # fmt: skip
        if config.group_protocol == "consumer":
            settings["group.protocol"] = "consumer"
        else:
            settings |= {
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": int(config.session_timeout * 1000),
                "heartbeat.interval.ms": int(config.session_timeout * 1000 / 4),
            }
        if config.instance is not None:
            settings["group.instance.id"] = f"{config.prefix}.{config.instance}"
        return settings

    def _run(self) -> None:
        consumer = None
        try:
            consumer = self._consumer = Consumer(self._settings())
            self.resubscribe(self.topics)
            while not self._closing:
                first = consumer.poll(_POLL)
                if first is not None:
                    self._hand_over([first, *consumer.consume(AT_ONCE - 1, 0)])
        except (KafkaException, RuntimeError) as error:
            self._tell(self.fail, translate(error))
        finally:
            if consumer is not None:
                with suppress(KafkaException, RuntimeError):
                    consumer.close()
            self._tell(self._closed.set)

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what, *arguments)

    def _hand_over(self, messages: list[Received]) -> None:
        self._taken.clear()
        self._tell(self._fetched, messages)
        while not self._taken.wait(_POLL) and not self._closing:
            pass

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        found = self._committed_places(consumer, partitions)
        started: list[tuple[Partition, Progress]] = []
        for each in found:
            progress = restored(each.offset, each.metadata or "") if each.offset >= 0 else None
            if progress is None or progress.epoch != self.standing.epoch:
                progress = Progress(self.standing.epoch, self._start(consumer, each))
            if each.topic == self.topics[0]:
                skips = self.standing.skips.get(each.partition, ())
                progress.done |= {offset for offset in skips if offset >= progress.floor}
            started.append(((each.topic, each.partition), progress))
        places = [TopicPartition(*name, progress.floor) for name, progress in started]
        consumer.resume(places)  # one that was lost while it was paused would stay so
        consumer.incremental_assign(places)
        self._tell(self._assigned, started)

    def _committed_places(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where the group stands; waits for a transaction that is not over."""
        for last in range(_TRIES):
            try:
                found = consumer.committed(partitions, timeout=self._link.config.request_timeout)
                for each in found:
                    if each.error is not None:
                        raise KafkaException(each.error)
            except KafkaException:
                if last == _TRIES - 1:
                    raise
                time.sleep(0.1)
            else:
                return found
        return []

    def _start(self, consumer: Consumer, place: TopicPartition) -> int:
        if place.topic == self.topics[0] and place.partition in self.standing.starts:
            return self.standing.starts[place.partition]
        low, _ = consumer.get_watermark_offsets(
            TopicPartition(place.topic, place.partition), timeout=self._link.config.request_timeout
        )
        return max(low, 0) if low != OFFSET_BEGINNING else 0

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        names = [(each.topic, each.partition) for each in partitions]
        with suppress(RuntimeError, TimeoutError, asyncio.CancelledError):
            handing = asyncio.run_coroutine_threadsafe(self._hand_on(names), self._loop)
            handing.result(self._options.handover + self._link.config.request_timeout)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._tell(self._lose, [(each.topic, each.partition) for each in partitions])

    # The event loop

    def _assigned(self, started: list[tuple[Partition, Progress]]) -> None:
        for name, progress in started:
            self.hand.add(name, self.topics.index(name[0]) if name[0] in self.topics else 1, progress)
        if self.assigned.is_set():
            self.moved.set()
        self.assigned.set()
        self._changed(1)

    async def _hand_on(self, names: list[Partition]) -> None:
        """Partitions that go to another gateway: waits for what is in flight, commits, and lets go (rebalance)."""
        loop = asyncio.get_running_loop()
        for name in names:
            if name in self.hand.parts:
                self.hand.parts[name].closing = True
        until = loop.time() + (0.0 if self._closing else self._options.handover)
        while self.hand.in_flight_of(names) and loop.time() < until:
            self._commits.settled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._commits.settled.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._link.config.request_timeout):
                await self._commits.flush()
        self._lose(names)

    def _lose(self, names: list[Partition]) -> None:
        for name in names:
            self.lost += self.hand.remove(name)
            self._commits.forget(name)
        self._changed(1 << 30)

    def _fetched(self, messages: list[Received]) -> None:
        instant, hand = now(), self.hand
        for each in messages:
            error = each.error()
            if error is not None:
                if error.code() in _MEANT or error.fatal():
                    self.fail(translate(error))
                continue
            name = (each.topic() or "", each.partition() or 0)
            if name in hand.parts:
                hand.put(name, *message_of(each, self.standing.retention, self._max_item), instant)
        self._commits.collect()
        self.balance()
        if self._crowded:
            self._held_up = self._loop.call_later(_HELD_UP, self._go_on)
        else:
            self._taken.set()
        self._changed(len(messages))

    def fail(self, error: PrismError) -> None:
        """It works no longer; its streams are told."""
        self.failure = self.failure or error
        self.assigned.set()
        self._changed(1 << 30)

    # What `Commits` asks

    def _commit(self, offsets: list[TopicPartition]) -> list[TopicPartition]:
        with self._living() as consumer:
            found: list[TopicPartition] = consumer.commit(offsets=offsets, asynchronous=False)
        return found

    def _committed(self, place: TopicPartition) -> TopicPartition:
        """What is committed of a partition."""
        with self._living() as consumer:
            (found,) = self._committed_places(consumer, [TopicPartition(place.topic, place.partition)])
        return found

    def _metadata(self) -> Any:
        with self._living() as consumer:
            return consumer.consumer_group_metadata()

    @contextmanager
    def _living(self) -> Iterator[Consumer]:
        if self._consumer is None:
            raise BackendUnavailable("the gateway is not a member of the group yet", retry_after=LATER)
        try:
            yield self._consumer
        except RuntimeError as error:  # it is closed
            raise BackendUnavailable("the gateway has left the group", retry_after=LATER) from error
