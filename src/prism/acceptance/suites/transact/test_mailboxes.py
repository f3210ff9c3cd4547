"""Rules 2, 3 and 6: sequences, readers, what is kept, and the backlog."""

import asyncio
from contextlib import aclosing

from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.dsl import duration
from prism.acceptance.suites.transact.dsl import Transact, mail
from prism.errors import AlreadyExists, MailboxNotFound, PositionExpired, StoreFull
from prism.interfaces import transact as t

_WRITERS = 16
_EACH = 6
_WAIT = 5.0


async def test_a_reader_that_goes_on_misses_nothing(transact: Transact) -> None:
    """CONTRACT, Transact 2: who goes on after a sequence misses nothing and sees none late, whatever commits when."""
    shards = (transact.capabilities.max_shards > 1 and 2) or 1
    await transact.create(shards=shards)
    seen: list[list[t.Message]] = [[] for _ in range(shards)]

    async def follow(shard: int, via: int) -> None:
        after = 0
        while sum(map(len, seen)) < _WRITERS * _EACH:
            found = await transact.mails(shard, via=via, after_sequence=after, wait=duration(0.05), limit=5)
            seen[shard] += found
            after = found[-1].sequence if found else after

    async def write(writer: int) -> None:
        for n in range(_EACH):
            key = f"k{writer}"
            await transact.write(mails=[mail(b"%d" % n, ordering_key=key), mail(b"%d" % n, ordering_key=f"{key}'")])

    async with asyncio.timeout(TIMEOUT):
        readers = [asyncio.create_task(follow(shard, shard)) for shard in range(shards)]
        await asyncio.gather(*(write(n) for n in range(_WRITERS)))
        await asyncio.gather(*readers)
        after = [found[-1].sequence if found else 0 for found in seen]
        for shard in range(shards):
            seen[shard] += await transact.mails(shard, after_sequence=after[shard])
    for found in seen:
        assert [each.sequence for each in found] == sorted({each.sequence for each in found})
    whole = [each for found in seen for each in found]
    assert len({each.message_id for each in whole}) == len(whole) == 2 * _WRITERS * _EACH
    keys: dict[str, list[int]] = {}
    for each in whole:
        keys.setdefault(each.ordering_key, []).append(int(each.payload))
    assert all(found == list(range(_EACH)) for found in keys.values())


async def test_a_stream_waits(transact: Transact) -> None:
    """proto, ReadMailbox: it waits for what comes, through any gateway, and ends when nothing does for `wait`."""
    await transact.create()
    request = t.ReadMailboxRequest(mailbox="m", limit=2, wait=duration(_WAIT))
    async with asyncio.timeout(TIMEOUT), aclosing(transact.open("ReadMailbox", request, via=0)) as stream:  # type: ignore[type-var]
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await transact.write(mails=[mail(b"a")], via=1)
        assert (await first).message.payload == b"a"
        await transact.write(mails=[mail(b"b")], via=1)
        assert (await anext(stream)).message.payload == b"b"
        assert (await anext(stream)).HasField("end")
    assert await transact.payloads(wait=duration(0.02)) == [b"a", b"b"]


async def test_what_is_no_message_does_not_lengthen_a_wait(transact: Transact) -> None:
    """proto, ReadMailbox: `wait` counts from the last message, whatever other shards, readers and mailboxes do."""
    shards = (transact.capabilities.max_shards > 1 and 2) or 1
    await transact.create(shards=shards)
    await transact.create("other")
    placed = await transact.write(mails=[mail(ordering_key="k")])
    busy = placed.messages[0].shard
    quiet, after = (1 - busy, 0) if shards > 1 else (busy, placed.messages[0].sequence)
    reading = asyncio.ensure_future(transact.mails(quiet, via=0, after_sequence=after, wait=duration(0.4)))
    async with asyncio.timeout(TIMEOUT):
        while not reading.done():
            also = [mail(ordering_key="k")] if shards > 1 else []
            written = await transact.write(mails=[mail(mailbox="other"), *also], via=1)
            await transact.ack(written.messages[0].sequence, mailbox="other", via=1)
            await asyncio.sleep(0.05)
    assert await reading == []


async def test_what_a_message_has(transact: Transact) -> None:
    """proto, TransactMessage: what was written comes back, with its id and its place."""
    sent = mail(b"\x00\xff", ordering_key="k", attributes={"a": "\u00fc", "b": ""})
    answer = await transact.write(mails=[sent])
    (message,) = await transact.mails(answer.messages[0].shard)
    assert (message.payload, message.ordering_key, dict(message.attributes)) == (
        b"\x00\xff",
        "k",
        {"a": "\u00fc", "b": ""},
    )
    assert (message.message_id, message.sequence) == (answer.messages[0].message_id, answer.messages[0].sequence)
    assert message.written_at.seconds > 0


async def test_a_reader_has_a_position(transact: Transact) -> None:
    """CONTRACT, Transact 3: AckMailbox makes a reader and moves it, never back; reading moves none."""
    answer = await transact.write(mails=[mail(b"%d" % n) for n in range(4)])
    sequences = [each.sequence for each in answer.messages]
    assert await transact.ack(0) <= sequences[0]
    assert await transact.payloads(reader="r") == [b"0", b"1", b"2", b"3"]
    assert await transact.ack(sequences[1], via=0) == sequences[1]
    assert await transact.payloads(reader="r", via=1) == [b"2", b"3"]
    assert await transact.ack(sequences[0]) == sequences[1]
    assert await transact.ack(sequences[3] + 100) == sequences[3]
    assert await transact.payloads(reader="r") == []
    (reader,) = (await transact.describe()).readers
    assert (reader.reader, reader.shards[0].position, reader.shards[0].behind) == ("r", sequences[3], 0)
    answer = await transact.call("DeleteReader", t.DeleteReaderRequest(mailbox="m", reader="r"))
    assert answer.existed
    assert not (await transact.describe()).readers


async def test_what_all_have_passed_goes(transact: Transact) -> None:
    """CONTRACT, Transact 3: a message goes when every reader has passed it, and not before."""
    answer = await transact.write(mails=[mail(b"%d" % n) for n in range(4)])
    sequences = [each.sequence for each in answer.messages]
    await transact.ack(0, "slow")
    await transact.ack(sequences[3], "fast")
    assert await transact.payloads(reader="slow") == [b"0", b"1", b"2", b"3"]
    await transact.ack(sequences[2], "slow")
    assert (await transact.describe()).shards[0].floor == sequences[2]
    assert await transact.payloads(reader="slow") == [b"3"]
    assert await transact.payloads() == [b"3"]
    next_one = (await transact.write(mails=[mail(b"4")])).messages[0].sequence
    assert next_one > sequences[3]


async def test_retention_bounds_what_is_not_passed(transact: Transact) -> None:
    """CONTRACT, Transact 3: a reader that stands before what is kept gets POSITION_EXPIRED, with the floor."""
    await transact.create(retention=0.05)
    await transact.ack(0)
    sequence = (await transact.write(mails=[mail(b"old")])).messages[0].sequence
    await transact.until(lambda found: found.shards[0].floor == sequence)
    error = await transact.refused(PositionExpired, "ReadMailbox", t.ReadMailboxRequest(mailbox="m", reader="r"))
    assert error.metadata["floor"] == str(sequence)
    assert await transact.ack(sequence) == sequence
    assert await transact.payloads(reader="r") == []


async def test_mailboxes_are_made(transact: Transact) -> None:
    """proto, CreateMailbox: with the same configuration it is no error, with another one ALREADY_EXISTS; lists."""
    for name in ("b", "a", "c/d"):
        await transact.create(name)
    await transact.create("a")
    other = t.CreateMailboxRequest(mailbox="a", config=t.MailboxConfig(max_backlog=3))
    await transact.refused(AlreadyExists, "CreateMailbox", other)
    first = await transact.call("ListMailboxes", t.ListMailboxesRequest(limit=2))
    rest = await transact.call("ListMailboxes", t.ListMailboxesRequest(limit=2, cursor=first.next_cursor))
    assert [*first.mailboxes, *rest.mailboxes] == ["a", "b", "c/d"]
    assert not rest.next_cursor
    assert list((await transact.call("ListMailboxes", t.ListMailboxesRequest(prefix="c"))).mailboxes) == ["c/d"]
    await transact.refused(MailboxNotFound, "DescribeMailbox", t.DescribeMailboxRequest(mailbox="none"))
    await transact.refused(MailboxNotFound, "ReadMailbox", t.ReadMailboxRequest(mailbox="none"))
    await transact.refused(MailboxNotFound, "ReadMailbox", t.ReadMailboxRequest(mailbox="a", shard=1))


async def test_mailboxes_are_of_a_namespace(transact: Transact) -> None:
    """CONTRACT, common rules: a mailbox of the same name in another namespace is another one."""
    other = transact.elsewhere()
    await transact.write(mails=[mail(b"here")])
    await other.write(mails=[mail(b"there")])
    assert (await transact.payloads(), await other.payloads()) == ([b"here"], [b"there"])


async def test_a_backlog_is_bounded(transact: Transact) -> None:
    """CONTRACT, Transact 6: no Write is refused up to `max_backlog`, then it is STORE_FULL."""
    await transact.create(max_backlog=3)
    await transact.ack(0)
    sequences = [(await transact.write(mails=[mail(b"%d" % n)])).messages[0].sequence for n in range(3)]
    assert (await transact.describe()).backlog == 3
    await transact.refused(StoreFull, "Write", t.WriteRequest(mailbox=[mail(b"over")]))
    await transact.ack(sequences[0])
    await transact.write(mails=[mail(b"3")])
    assert await transact.payloads(reader="r") == [b"1", b"2", b"3"]
