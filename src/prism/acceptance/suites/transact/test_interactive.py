"""Rule 4: transactions that last as long as their streams."""

from contextlib import AsyncExitStack

import pytest

from prism.acceptance.callers.caller import BOTH_WAYS
from prism.acceptance.suites.transact.dsl import Transact, insert, mail, unique, update
from prism.client.values import from_value
from prism.errors import LimitExceeded
from prism.interfaces import transact as t

pytestmark = BOTH_WAYS

_MORE_THAN_ALL = 8
"""Transactions; a gateway may have several instances of a plugin, each with 2."""


def read(account: str, **more: bool) -> t.Read:
    """A row of an account."""
    key = insert("accounts", id=account).record
    return t.Read(collection="accounts", key=key, **more)  # type: ignore[arg-type]


async def test_reads_and_writes(transact: Transact) -> None:
    """CONTRACT, Transact 4: a transaction reads, sees its own writes, and no other one does before it is committed."""
    transact.needs("interactive")
    one = unique()
    await transact.write(insert("accounts", id=one, owner="ann", balance=5))
    async with transact.transaction() as talk:
        rows = (await talk.ask(read=read(one, for_update=True))).rows.rows
        assert {name: from_value(each) for name, each in rows[0].values.items()} == {
            "id": one, "owner": "ann", "balance": 5,
        }  # fmt: skip
        await talk.write(update("accounts", {"id": one}, balance=6, expect=1), mailbox=[mail(b"six")])
        assert (await talk.ask(read=read(one))).rows.rows[0].values["balance"].int64 == 6
        assert await transact.payloads() == [] if (await _exists(transact)) else True
        committed = (await talk.ask(commit={})).committed
    assert len(committed.messages) == 1
    assert await transact.balance(one) == 6
    assert [each.message_id for each in await transact.mails()] == [committed.messages[0].message_id]


async def _exists(transact: Transact) -> bool:
    listed = await transact.call("ListMailboxes", t.ListMailboxesRequest())
    return "m" in listed.mailboxes


async def test_rolled_back(transact: Transact) -> None:
    """CONTRACT, Transact 4: rolled back, broken off or ended without a commit, nothing of it is there."""
    transact.needs("interactive")
    one, two, three = unique(), unique(), unique()
    async with transact.transaction() as talk:
        await talk.write(insert("accounts", id=one, owner="a"))
        assert (await talk.ask(rollback={})).HasField("rolled_back")
    async with transact.transaction() as talk:
        await talk.write(insert("accounts", id=two, owner="a"))
    async with transact.transaction() as talk:
        await talk.write(insert("accounts", id=three, owner="a"))
        talk.end()
        assert (await talk.next()).aborted.reason == "CANCELLED"
    assert [await transact.there(each) for each in (one, two, three)] == [False, False, False]


async def test_a_failure_ends_it(transact: Transact) -> None:
    """CONTRACT, Transact 4: a failed operation ends it, with the reason of the error."""
    transact.needs("interactive")
    one = unique()
    async with transact.transaction() as talk:
        await talk.write(insert("accounts", id=one, owner="a"))
        response = await talk.ask(write=t.Step(data=[update("accounts", {"id": one}, balance=-1)]))
        assert response.aborted.reason == "CONSTRAINT_VIOLATED"
        with pytest.raises(StopAsyncIteration):
            await talk.next()
    assert not await transact.there(one)


async def test_an_idle_one_is_rolled_back(transact: Transact) -> None:
    """CONTRACT, Transact 4: idle for its time, it is rolled back, and its caller gets `aborted` with IDLE."""
    transact.needs("interactive")
    one = unique()
    async with transact.transaction() as talk:
        await talk.write(insert("accounts", id=one, owner="a"))
        assert (await talk.next()).aborted.reason == "IDLE"
    assert not await transact.there(one)


async def test_repeated_with_its_key(transact: Transact) -> None:
    """CONTRACT, Transact 4 and 1: committed twice under one key, it is applied once and answers as before."""
    transact.needs("interactive", "idempotency_window")
    one, key = unique(), unique("key")
    committed = []
    for _ in range(2):
        async with transact.transaction(idempotency_key=key) as talk:
            first = await talk.ask(write=t.Step(data=[insert("accounts", id=one, owner="a")], mailbox=[mail(b"x")]))
            assert first.HasField("written"), first
            committed.append((await talk.ask(commit={})).committed)
    assert [each.duplicate for each in committed] == [False, True]
    assert committed[0].messages == committed[1].messages
    assert await transact.payloads() == [b"x"]


async def test_their_number_is_bounded(transact: Transact) -> None:
    """CONTRACT, Transact 4: one more than `max_interactive` gives LIMIT_EXCEEDED, and those under way go on."""
    transact.needs("interactive")
    one = unique()
    async with AsyncExitStack() as open_ones:
        talk = await open_ones.enter_async_context(transact.transaction(via=0))

        async def open_more() -> None:
            for _ in range(_MORE_THAN_ALL):
                await open_ones.enter_async_context(transact.transaction(via=0))

        with pytest.raises(LimitExceeded):
            await open_more()
        await talk.write(insert("accounts", id=one, owner="a"))
        assert (await talk.ask(commit={})).HasField("committed")
    assert await transact.there(one)
