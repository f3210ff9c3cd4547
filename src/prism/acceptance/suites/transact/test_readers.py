"""Rule 5: what a relay needs of a reader: a lease with an epoch, and a place for what its target refuses."""

from prism.acceptance.suites.transact.dsl import Transact, mail
from prism.errors import LeaseLost
from prism.interfaces import transact as t


async def test_one_holder_at_a_time(transact: Transact) -> None:
    """CONTRACT, Transact 5: while one has a reader no other gets it, through any gateway; given back, the next does."""
    one = await transact.lease("one", via=0)
    assert (one.held, one.holder, one.shards) == (True, "one", 1)
    other = await transact.lease("two", via=1)
    assert (other.held, other.holder) == (False, "one")
    again = await transact.lease("one", via=1)
    assert (again.held, again.epoch) == (True, one.epoch)
    await transact.lease("one", 0.0)
    two = await transact.lease("two")
    assert (two.held, two.epoch > one.epoch) == (True, True)


async def test_the_epoch_fences(transact: Transact) -> None:
    """CONTRACT, Transact 5: whose lease has ended can move the reader no more, once another one has it."""
    sequence = (await transact.write(mails=[mail(b"x")])).messages[0].sequence
    one = await transact.lease("one", 0.05)
    two = await transact.leased("two")
    stale = t.AckMailboxRequest(mailbox="m", reader="r", up_to=sequence, epoch=one.epoch)
    await transact.refused(LeaseLost, "AckMailbox", stale)
    assert await transact.payloads(reader="r") == [b"x"]
    assert await transact.ack(sequence, epoch=two.epoch) == sequence


async def test_the_dead(transact: Transact) -> None:
    """CONTRACT, Transact 5: what is set aside is listed with its reason, tried again when redriven, or discarded."""
    answer = await transact.write(mails=[mail(b"%d" % n, attributes={"n": str(n)}) for n in range(4)])
    sequences = [each.sequence for each in answer.messages]
    dead = [t.SetAside(sequence=sequences[n], reason=f"bad {n}") for n in (0, 2)]
    await transact.ack(sequences[2], dead=dead)
    assert await transact.payloads(reader="r") == [b"3"]
    found = (await transact.call("ListDead", t.ListDeadRequest(mailbox="m", reader="r"))).dead
    assert [(each.message.payload, each.reason, each.redriven) for each in found] == [
        (b"0", "bad 0", False), (b"2", "bad 2", False),
    ]  # fmt: skip
    assert dict(found[0].message.attributes) == {"n": "0"}
    await transact.ack(sequences[2], dead=dead)
    assert (await transact.describe()).readers[0].dead == 2
    ids = [each.message.message_id for each in found]
    redrive = t.RedriveDeadRequest(mailbox="m", reader="r", message_ids=ids[:1])
    assert (await transact.call("RedriveDead", redrive)).count == 1
    assert (await transact.lease("one")).redriven == 1
    asked = t.ListDeadRequest(mailbox="m", reader="r", redriven=True)
    assert [each.message.message_id for each in (await transact.call("ListDead", asked)).dead] == ids[:1]
    await transact.ack(sequences[2], dead=[t.SetAside(sequence=sequences[0], reason="bad again")])
    again = (await transact.call("ListDead", t.ListDeadRequest(mailbox="m", reader="r"))).dead
    assert [(each.reason, each.redriven) for each in again] == [("bad again", False), ("bad 2", False)]
    assert ((await transact.lease("one")).redriven, (await transact.describe()).readers[0].dead) == (0, 2)
    assert (await transact.call("RedriveDead", redrive)).count == 1
    await transact.ack(sequences[2], redriven=ids[:1])
    first = await transact.call("ListDead", t.ListDeadRequest(mailbox="m", reader="r", limit=1))
    assert ([each.message.message_id for each in first.dead], first.next_cursor) == (ids[1:], b"")
    discard = t.DiscardDeadRequest(mailbox="m", reader="r")
    assert (await transact.call("DiscardDead", discard)).count == 1
    assert (await transact.describe()).readers[0].dead == 0
