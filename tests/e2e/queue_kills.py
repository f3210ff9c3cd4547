"""A gateway that serves a queue and is killed, again and again; what it said, in a ledger of the test's own.

Three topics: what is in `ack` is acknowledged; what is in `fail` is nacked until it is dead, and dead letters go to
`graves`; what is in `commit` is acknowledged together with a message to `out`.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gateways
from prism.acceptance.dsl import duration
from prism.acceptance.suites.queue.dsl import reason
from prism.client import Client
from prism.errors import AlreadyExists, Outcome, PrismError, ReceiptLost
from prism.interfaces import queue as q

NAMESPACE = "jobs"
GROUP = "g"
MAX_ATTEMPTS = 3
ACK_DEADLINE = 1.0
PUBLISHERS = 3
BEFORE_KILL = 60
"""Things that are confirmed in a round before its gateway is killed."""
TIMEOUT = 60.0


class Ledger:
    """What was said and seen.

    Attributes:
        published: topic and number of what was acknowledged to its publisher.
        unsure: of what was published and may have been; it is published again, with the same key.
        done: what was confirmed to be acknowledged, committed or dead.
        attempts: those that were seen of each message, in their order.
        ids: of the messages.
        faults: what docs/contract.md does not allow, in words.
    """

    def __init__(self) -> None:
        self.published: set[tuple[str, int]] = set()
        self.unsure: set[tuple[str, int]] = set()
        self.done: set[tuple[str, int]] = set()
        self.attempts: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        self.ids: dict[tuple[str, int], str] = {}
        self.faults: list[str] = []
        self.confirmed = 0
        self._more = asyncio.Event()
        self._last = 0

    def next(self) -> int:
        """A number that was not given before."""
        self._last += 1
        return self._last

    def confirm(self) -> None:
        """One more thing is certain."""
        self.confirmed += 1
        self._more.set()

    def see(self, message: q.Message) -> tuple[str, int]:
        """Notes a delivery."""
        each = (message.topic, int(message.payload))
        if each in self.done:
            self.faults.append(f"rule 2: {each} came again after that it was done was confirmed")
        if self.attempts[each] and message.attempt <= self.attempts[each][-1]:
            self.faults.append(f"rule 5: {each} came as attempt {message.attempt} after {self.attempts[each]}")
        if message.topic == "fail" and message.attempt > MAX_ATTEMPTS:
            self.faults.append(f"rule 5: {each} came as attempt {message.attempt}")
        self.attempts[each].append(message.attempt)
        return each

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until something is certain."""
        async with asyncio.timeout(TIMEOUT):
            while not condition():
                self._more.clear()
                await self._more.wait()


class Round:
    """What works while one gateway lives."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client = client
        self._ledger = ledger
        self.publishing = True

    async def call(self, method: str, request: Any) -> Any:
        return await self._client.call(NAMESPACE, f"prism.data.v1.Queue/{method}", request, timeout=10)

    async def prepare(self) -> None:
        """Makes topics and groups, where they are not made yet."""
        config = q.GroupConfig(ack_deadline=duration(ACK_DEADLINE), max_attempts=0)
        for topic in ("ack", "commit", "graves", "out"):
            await self.call("CreateGroup", q.CreateGroupRequest(topic=topic, group=GROUP, config=config))
        config.max_attempts = MAX_ATTEMPTS
        config.dead_letter.CopyFrom(q.DeadLetter(mode=q.DeadLetterMode.QUEUE_DEAD_LETTER_MODE_TOPIC, topic="graves"))
        await self.call("CreateGroup", q.CreateGroupRequest(topic="fail", group=GROUP, config=config))

    async def publish(self, topic: str) -> None:
        """Publishes number after number; first those of which it is not certain."""
        ledger = self._ledger
        while True:
            again = next((each for each in ledger.unsure if each[0] == topic), None)
            if again is None and not self.publishing:
                return
            each = again or (topic, ledger.next())
            request = q.PublishRequest(topic=topic, payload=b"%d" % each[1], idempotency_key=f"{topic}-{each[1]}")
            ledger.unsure.add(each)
            try:
                answer = await self.call("Publish", request)
            except PrismError as error:
                if error.outcome is Outcome.NOT_APPLIED and again is None:
                    ledger.unsure.discard(each)
                raise
            ledger.unsure.discard(each)
            ledger.published.add(each)
            ledger.ids[each] = answer.message_id
            ledger.confirm()

    async def receive(self, topic: str) -> list[q.Message]:
        request = q.ReceiveRequest(topic=topic, group=GROUP, max=4, wait=duration(0.2))
        return list((await self.call("Receive", request)).messages)

    async def work(self, topic: str, do: "Callable[[Round, q.Message], Awaitable[bool]]") -> None:
        """Does with each message what becomes of it; whether it is done then."""
        while True:
            for message in await self.receive(topic):
                each = self._ledger.see(message)
                if await do(self, message):
                    self._ledger.done.add(each)
                self._ledger.confirm()

    async def acknowledge(self, message: q.Message) -> bool:
        """Rule 2."""
        asked = q.AcknowledgeRequest(topic=message.topic, group=GROUP, receipts=[message.receipt])
        return self._settled(await self.call("Acknowledge", asked))

    async def fail(self, message: q.Message) -> bool:
        """Rules 5 and 7: some are dead at once, others when they have failed often enough."""
        at_once = int(message.payload) % 3 == 0
        asked = q.NackRequest(
            topic=message.topic, group=GROUP, receipts=[message.receipt], delay=duration(0.0), dead=at_once
        )
        settled = self._settled(await self.call("Nack", asked))
        return settled and (at_once or message.attempt == MAX_ATTEMPTS)

    async def commit(self, message: q.Message) -> bool:
        """Rule 16: repeated with its key where it is not certain what became of it."""
        asked = q.CommitRequest(
            topic=message.topic,
            group=GROUP,
            receipts=[message.receipt],
            idempotency_key=f"commit-{message.message_id}",
            publishes=[q.PublishRequest(topic="out", payload=message.payload)],
        )
        try:
            await self.call("Commit", asked)
        except ReceiptLost:
            return False  # it comes again
        except AlreadyExists:
            # An earlier receipt of it was committed and the answer to that was lost: then it must not come again.
            self._ledger.faults.append(f"rule 16: {message.payload!r} came again though it was committed")
            return True
        return True

    def _settled(self, answer: Any) -> bool:
        (result,) = answer.results
        found = reason(result.error)
        if found not in ("", "RECEIPT_LOST"):
            self._ledger.faults.append(f"settling failed with {found}")
        return not found


async def kill_again_and_again(entry: dict[str, Any], folder: Path, kills: int) -> None:
    """Kills a gateway with this namespace under load so often; then all must be where it was said to be."""
    ledger = Ledger()
    gateway = gateways.GatewayProcess({"namespaces": [entry | {"name": NAMESPACE}]}, folder)
    for _ in range(kills):
        await _started(gateway)
        await _until_killed(gateway, ledger)
    await _started(gateway)
    try:
        async with Client(gateway.data) as client:
            await _to_the_end(Round(client, ledger), ledger)
    finally:
        await asyncio.to_thread(gateway.stop)
    assert ledger.faults == [], "; ".join(ledger.faults)
    assert all(any(topic == name for topic, _ in ledger.done) for name in ("ack", "fail", "commit")), "nothing was done"


async def _started(gateway: gateways.GatewayProcess) -> None:
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.wait_until_served, NAMESPACE)


def _tasks(each: Round) -> list["asyncio.Task[None]"]:
    work = [(Round.acknowledge, "ack"), (Round.fail, "fail"), (Round.commit, "commit")] * 2
    tasks = [asyncio.create_task(each.work(topic, do)) for do, topic in work]
    return [*tasks, *(asyncio.create_task(each.publish(topic)) for topic in ("ack", "fail", "commit"))]


async def _until_killed(gateway: gateways.GatewayProcess, ledger: Ledger) -> None:
    async with Client(gateway.data) as client:
        each = Round(client, ledger)
        await each.prepare()
        tasks = _tasks(each)
        enough = ledger.confirmed + BEFORE_KILL
        try:
            await ledger.until(lambda: ledger.confirmed >= enough)
        finally:
            await asyncio.to_thread(gateway.kill)
            ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, PrismError):
            raise end


async def _to_the_end(last: Round, ledger: Ledger) -> None:
    """Works until nothing is left, and looks where everything is."""
    last.publishing = False
    tasks = _tasks(last)
    try:
        await asyncio.gather(*tasks[-PUBLISHERS:])
        async with asyncio.timeout(TIMEOUT):
            while any([await _left(last, topic) for topic in ("ack", "fail", "commit")]):  # noqa: ASYNC110  # none tells
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [end for end in ends if isinstance(end, Exception)] == [], "the last gateway is not killed"
    for name in ("ack", "commit", "fail"):
        numbers = {number for topic, number in ledger.published if topic == name}
        counts = (await last.call("DescribeGroup", q.DescribeGroupRequest(topic=name, group=GROUP))).counts
        ended = counts.dead if name == "fail" else counts.acknowledged
        assert (counts.offered, ended) == (len(numbers), len(numbers)), f"rule 18: {name}: {counts}"
    await _check(last, ledger, "out", "commit", "16")
    await _check(last, ledger, "graves", "fail", "7")


async def _left(last: Round, topic: str) -> int:
    counts = (await last.call("DescribeGroup", q.DescribeGroupRequest(topic=topic, group=GROUP))).counts
    return int(counts.waiting + counts.delayed + counts.in_flight)


async def _check(last: Round, ledger: Ledger, topic: str, of: str, rule: str) -> None:
    """What is in a topic is what came there from another one, each once."""
    found: Counter[int] = Counter()
    while messages := await last.receive(topic):
        for message in messages:
            found[int(message.payload)] += 1
            if topic == "graves" and message.message_id != ledger.ids[of, int(message.payload)]:
                ledger.faults.append(f"rule 7: {message.payload!r} is dead under another id")
        receipts = [message.receipt for message in messages]
        await last.call("Acknowledge", q.AcknowledgeRequest(topic=topic, group=GROUP, receipts=receipts))
    expected = Counter(number for name, number in ledger.published if name == of)
    if found != expected:
        missing, more = expected - found, found - expected
        ledger.faults.append(f"rule {rule}: of {of} {missing.total()} are missing in {topic}, {more.total()} too many")
