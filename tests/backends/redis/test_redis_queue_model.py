"""Queue on Redis does what `QueueEngine` does: the same random steps on both, by one clock, have the same answers.

Where they differ on purpose the steps are chosen so that they do not: Redis removes what has expired whenever it looks
at a topic, and so both are swept before counts are compared; and it remembers acknowledgements beyond the retention.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("redis")

from backends.redis.conftest import Make, Open
from prism.backends.memory.queue import QueueData
from prism.backends.redis.data.scripts import Script, known
from prism.backends.redis.queue import scripts
from prism.backends.redis.queue.store import RedisQueues
from prism.backends.redis.testing.server import RedisServer
from prism.context import Context
from prism.errors import PrismError
from prism.sdk import MessageIds
from prism.sdk.queue import QueueEngine, QueueStore, RowStore, deliveries
from prism.sdk.queue.calls import Lease, Outgoing, Settlement, Start, Verb, Want
from prism.sdk.queue.rows import DeadLetter, GroupConfig, State, TopicConfig

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
HERE = Context("n")
TOPICS, GROUPS = ("a", "b"), ("g", "h", "i")
CLOCK = "test:clock"
STATES = ((State.WAITING, False), (State.WAITING, True), (State.IN_FLIGHT, None), (State.DEAD, None))
RUNS, STEPS = 10, 120


@dataclass
class Models:
    """Both, and what was given out: each thing as the engine and as Redis names it."""

    server: RedisServer
    rows: RowStore
    redis: RedisQueues
    data: QueueData
    random: random.Random
    now: int = 1_796_000_000 * SECOND
    leases: list[tuple[str, str, Lease, Lease]] = field(default_factory=list)
    ids: list[tuple[str, str]] = field(default_factory=list)
    said: list[object] = field(default_factory=list)

    def pass_time(self, microseconds: int) -> None:
        """Both have the same clock."""
        self.now += microseconds
        self.server.command("SET", CLOCK, self.now)

    async def both(self, *what: object, do: Callable[[QueueStore, int], Awaitable[Any]]) -> tuple[Any, Any]:
        """The answers, or the names of the errors."""
        answers = []
        for place, store in enumerate((self.rows, self.redis)):
            try:
                answers.append(await do(store, place))
            except PrismError as error:
                answers.append(type(error).__name__)
        self.said.append((self.now, what, answers))
        first, second = answers
        assert isinstance(first, str) == isinstance(second, str), self.said[-1]
        return first, second

    async def same(self, *what: object, do: Callable[[QueueStore, int], Awaitable[Any]]) -> Any:
        """The answer, which is the same."""
        first, second = await self.both(*what, do=do)
        assert first == second, self.said[-1]
        return first

    async def sweep(self) -> None:
        """Both have done all that time does."""
        while await self.rows.sweep(Context(""), 1000):
            pass
        while await self.redis.sweep("n"):
            pass

    async def compare(self) -> None:
        """Counts, sizes and what waits longest."""
        await self.sweep()

        async def topic_of(store: QueueStore, _: int) -> Any:
            return (await store.describe_topic(HERE, name))[1:]

        async def group_of(store: QueueStore, _: int) -> Any:
            group, tally = await store.describe_group(HERE, name, each)
            counted = (group.offered, group.acknowledged, group.expired, group.dead_removed)
            return (*counted, replace(tally, consumers=dict(tally.consumers)))

        for name in TOPICS:
            await self.same("topic", name, do=topic_of)
            for each in GROUPS:
                await self.same("group", name, each, do=group_of)

    async def publish(self, topic: str) -> None:
        chosen = self.random.choice
        messages = []
        for number in range(chosen((1, 1, 1, 3))):
            key = chosen(("", "", "k1", "k2"))
            body = b"%d" % self.random.getrandbits(30)
            messages.append(
                Outgoing(
                    topic if number == 0 else chosen(TOPICS), body, {"of": body.decode()}, key,
                    delay=0 if key else chosen((0, 0, 0, 3 * SECOND, 1000 * SECOND)),
                    ttl=chosen((0, 0, 0, 5 * SECOND, 3600 * SECOND)),
                    idempotency_key=f"{number}{chosen('abcd')}" if chosen((0, 0, 1)) else "",
                    fingerprint=b"f%d" % chosen((0, 0, 1)), size=self.random.randrange(60),
                )
            )  # fmt: skip
        first, second = await self.both(
            "publish", topic, do=lambda store, _: store.publish(HERE, messages, create=True)
        )
        if not isinstance(first, str):
            assert [each.duplicate for each in first] == [each.duplicate for each in second]
            self.ids += [(one.message_id, two.message_id) for one, two in zip(first, second, strict=True)]

    async def claim(self, topic: str, group: str) -> None:
        consumer, session = self.random.choice((("receive", ""), ("c1", "s1"), ("c2", "s2"), ("c1", "s2")))
        want = Want(self.random.choice((1, 2, 5, 10)), 1 << 20, True, consumer, session)
        first, second = await self.both(
            "claim", topic, group, do=lambda store, _: store.claim(HERE, topic, group, want)
        )
        if isinstance(first, str):
            return
        found = [
            [
                (message.payload, dict(message.attributes), message.ordering_key, each.attempt, each.seconds)
                for each in claim.deliveries
                if (message := each.message)
            ]
            for claim in (first, second)
        ]  # fmt: skip
        assert found[0] == found[1], (self.said[-1], found)
        assert not (first.wait == 0 and second.wait != 0), self.said[-1]
        for one, two in zip(first.deliveries, second.deliveries, strict=True):
            self.leases.append((topic, group, one.lease, two.lease))

    def some_leases(self, most: int) -> list[tuple[str, str, Lease, Lease]]:
        """Of one group."""
        some = self.random.sample(self.leases, min(len(self.leases), self.random.randint(1, most)))
        return [each for each in some if each[:2] == some[0][:2]]

    async def settle(self, *_: str) -> None:
        some = self.some_leases(4)
        if not some:
            return
        verbs = [self.random.choice((*[Verb.ACKNOWLEDGE] * 4, *Verb, Verb.NACK)) for _ in some]
        how = [(self.random.choice((0, 1000 * SECOND, None)), self.random.random() < 0.3) for _ in some]
        topic, group = some[0][:2]

        def wanted(place: int) -> list[Settlement]:
            each = zip(some, verbs, how, strict=True)
            return [Settlement(one[2 + place], verb, delay, "why", dead) for one, verb, (delay, dead) in each]

        first, second = await self.both(
            "settle", topic, group, verbs, do=lambda store, place: store.settle(HERE, topic, group, wanted(place))
        )
        if isinstance(first, str):
            return
        for one, two, verb in zip(first, second, verbs, strict=True):
            gone = one is None and two == 0.0 and verb is Verb.ACKNOWLEDGE
            assert one == two or gone, self.said[-1]

    async def commit(self, *_: str) -> None:
        some = self.some_leases(2)
        if not some:
            return
        topic, group = some[0][:2]
        message = Outgoing(self.random.choice(TOPICS), b"made", {}, size=4)
        key = self.random.choice(("", "x", "y"))

        async def do(store: QueueStore, place: int) -> int:
            leases = [each[2 + place] for each in some]
            return len(await store.commit(HERE, topic, group, leases, [message], key, b"f", create=True))

        await self.same("commit", topic, group, do=do)

    async def session(self, topic: str, group: str) -> None:
        session, window = self.random.choice(("s1", "s2")), self.random.choice((SECOND, 1000 * SECOND))

        async def adopt(store: QueueStore, _: int) -> int:
            return len(await store.adopt(HERE, topic, group, "c1", session))

        match self.random.choice(("adopt", "park", "give back")):
            case "adopt":
                await self.same("adopt", topic, group, do=adopt)
            case "park":
                await self.same("park", do=lambda store, _: store.park(HERE, topic, group, session, window))
            case _:
                await self.same("give back", do=lambda store, _: store.give_back(HERE, topic, group, session))

    async def manage(self, topic: str, group: str) -> None:
        chosen = self.random.choice
        start = chosen((Start(), Start(latest=True), Start(time=self.now - chosen((10, 10_000, 10 * SECOND)))))
        config = GroupConfig(
            max_attempts=chosen((0, 2, 3)), dead_letter=chosen((*DeadLetter, DeadLetter.KEEP)),
            dead_letter_topic="b" if topic == "a" else "a", dead_retention=chosen((DAY, 10 * SECOND)),
        )  # fmt: skip
        retention = chosen((DAY, 1000 * SECOND, 100 * SECOND))
        match chosen(("make", "make", "make", "seek", "purge", "delete group", "delete topic", "retention")):
            case "make":
                await self.same("make", do=lambda store, _: store.create_group(HERE, topic, group, start, config))
            case "seek":
                await self.same("seek", start, do=lambda store, _: store.seek(HERE, topic, group, start))
            case "purge":
                await self.same("purge", do=lambda store, _: store.purge_topic(HERE, topic))
            case "delete group":
                await self.same("delete", do=lambda store, _: store.delete_group(HERE, topic, group))
            case "delete topic" if self.random.random() < 0.2:
                await self.same("delete", do=lambda store, _: store.delete_topic(HERE, topic))
            case "retention":
                await self.sweep()
                await self.same(
                    "retention", retention,
                    do=lambda store, _: store.update_topic(HERE, topic, lambda old: replace(old, retention=retention)),
                )  # fmt: skip

    async def dead(self, topic: str, group: str) -> None:
        ids = self.random.sample(self.ids, min(5, len(self.ids))) if self.random.random() < 0.5 else []
        discard = self.random.random() < 0.4

        def do(store: QueueStore, place: int) -> Awaitable[int]:
            named = [each[place] for each in ids]
            step = store.discard if discard else store.redrive
            return step(HERE, topic, group, named, 0 if ids else 1000)

        await self.same("dead", topic, group, do=do)

    async def cancel(self, topic: str, _: str) -> None:
        ids = self.random.sample(self.ids, min(2, len(self.ids)))

        async def do(store: QueueStore, place: int) -> list[int]:
            cancelled = await store.cancel(HERE, topic, [each[place] for each in ids])
            return [index for index, each in enumerate(ids) if each[place] in cancelled]

        await self.same("cancel", topic, ids, do=do)

    async def peek(self, topic: str, group: str) -> None:
        want = self.random.choice(STATES)

        async def do(store: QueueStore, _: int) -> list[object]:
            found = await store.peek(HERE, topic, group, want, 0, 1000)
            return [
                (each.message.payload, each.message.ordering_key, each.entry.failed, each.entry.reason, each.entry.at)
                for each in found
            ]

        await self.same("peek", topic, group, want, do=do)


@pytest_asyncio.fixture
async def make_models(
    make_server: Make, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[int], Awaitable[Models]]]:
    """Models by a seed; the scripts have a clock that is a key, and no backoff is jittered."""
    monkeypatch.setattr(deliveries, "JITTER", 0.0)
    for name, script in vars(scripts).copy().items():
        if isinstance(script, Script):
            text = script.text.decode().replace("call('TIME')", f"{{0, call('GET', '{CLOCK}')}}")
            assert text != script.text.decode()
            monkeypatch.setattr(scripts, name, known(Script(text.replace("wait * 0.1 *", "wait * 0 *").encode())))
    server = make_server(appendonly="no")

    async def make(seed: int) -> Models:
        store = await open_store(server, prefix=f"prism{seed}")
        data = QueueData(lambda: models.now)
        rules = QueueEngine(MessageIds().next, DAY, 10_000)
        rows = RowStore(data, rules, data.wakeups, data.secret)
        models = Models(server, rows, store.backend._queues, data, random.Random(seed))
        models.pass_time(1)
        for topic in TOPICS:
            config = TopicConfig(
                until_acknowledged=models.random.random() < 0.4,
                retention=models.random.choice((DAY, 1000 * SECOND, 100 * SECOND)),
            )
            await models.same("topic", do=lambda each, _: each.create_topic(HERE, topic, config))  # noqa: B023  # awaited
        return models

    yield make


async def test_it_does_what_the_engine_does(
    make_models: Callable[[int], Awaitable[Models]], often: Callable[[int], int]
) -> None:
    """Publishing, claims, settlements, commits, streams that break, operators and time, in any order."""
    for seed in range(often(RUNS)):
        models = await make_models(seed)
        steps: Sequence[Callable[[str, str], Awaitable[None]]] = (
            lambda topic, _: models.publish(topic), models.claim, models.settle, models.manage, models.dead,  # noqa: B023
            models.cancel, models.session, models.commit, models.peek,
        )  # fmt: skip
        for _ in range(STEPS):
            longer = models.random.choice((SECOND, 10 * SECOND, 30 * SECOND, 1000 * SECOND))
            models.pass_time(models.random.choice((1, 1, 1, 1000, 1000, SECOND, SECOND, longer)))
            (step,) = models.random.choices(steps, weights=(20, 20, 30, 6, 3, 2, 2, 2, 2))
            await step(models.random.choice(TOPICS), models.random.choice(GROUPS))
            if models.random.random() < 0.3:
                await models.compare()
