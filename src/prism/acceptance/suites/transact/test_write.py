"""Rule 1: all or nothing, conditions, constraints, and what is repeated."""

import asyncio

import pytest

from prism.acceptance.suites.transact.dsl import Transact, delete, insert, mail, unique, update, upsert, values
from prism.client.filters import all_of, field
from prism.errors import (
    AlreadyExists,
    CollectionNotFound,
    ConditionFailed,
    Conflict,
    ConstraintViolated,
    FailedPrecondition,
    InvalidArgument,
)
from prism.interfaces import transact as t


async def test_rows_and_messages_together(transact: Transact) -> None:
    """CONTRACT, Transact 1: what a Write asks for is all there, rows and messages."""
    one, two = unique(), unique()
    answer = await transact.write(
        insert("accounts", id=one, owner="ann", balance=5), insert("accounts", id=two, owner="bob"),
        update("accounts", {"id": one}, balance=7), mails=[mail(b"x"), mail(b"y", "other")],
    )  # fmt: skip
    assert [each.rows for each in answer.results] == [1, 1, 1]
    assert [await transact.balance(one), await transact.balance(two)] == [7, 0]
    assert await transact.payloads() == [b"x"]
    assert [each.message_id for each in await transact.mails(mailbox="other")] == [answer.messages[1].message_id]


async def test_nothing_where_one_part_fails(transact: Transact) -> None:
    """CONTRACT, Transact 1: where a later change fails, no row of it is there and no message."""
    one, two = unique(), unique()
    await transact.write(insert("accounts", id=one, owner="ann", balance=5), mails=[mail(b"first")])
    broken = t.WriteRequest(
        data=[insert("accounts", id=two, owner="bob"), update("accounts", {"id": one}, balance=-1)],
        mailbox=[mail(b"never")],
    )
    error = await transact.refused(ConstraintViolated, "Write", broken)
    assert "never_below" in error.metadata.get("constraint", ""), error.metadata
    assert not await transact.there(two)
    assert await transact.balance(one) == 5
    assert await transact.payloads() == [b"first"]


async def test_another_number_of_rows(transact: Transact) -> None:
    """CONTRACT, Transact 1: a wrong `expect_rows` is CONDITION_FAILED, and nothing was written."""
    one = unique()
    await transact.write(insert("accounts", id=one, owner="ann", balance=5))
    late = t.WriteRequest(
        data=[update("accounts", {"id": one}, balance=6), delete("accounts", {"id": unique()}, expect=1)],
        mailbox=[mail(b"never")],
    )
    error = await transact.refused(ConditionFailed, "Write", late)
    assert error.metadata["rows"] == "0"
    assert await transact.balance(one) == 5
    where = all_of(field("id").eq(one), field("balance").eq(5))
    done = await transact.write(update("accounts", where=where, balance=6, expect=1))
    assert done.results[0].rows == 1
    await transact.refused(
        ConditionFailed, "Write", t.WriteRequest(data=[update("accounts", where=where, balance=7, expect=1)])
    )
    assert await transact.balance(one) == 6


async def test_repeated_with_its_key(transact: Transact) -> None:
    """CONTRACT, Transact 1: repeated with its key it answers as before; with another request it is ALREADY_EXISTS."""
    transact.needs("idempotency_window")
    one = unique()
    key = unique("key")
    first, again = [
        await transact.write(insert("accounts", id=one, owner="ann"), mails=[mail(b"x")], via=via, idempotency_key=key)
        for via in (0, 1)
    ]
    assert (first.duplicate, again.duplicate) == (False, True)
    assert (again.results, again.messages) == (first.results, first.messages)
    assert await transact.payloads() == [b"x"]
    other = t.WriteRequest(mailbox=[mail(b"y")], idempotency_key=key)
    await transact.refused(AlreadyExists, "Write", other)


async def test_repeated_at_the_same_time(transact: Transact) -> None:
    """CONTRACT, Transact 1: of many that repeat one request at once, one writes and all answer alike."""
    transact.needs("idempotency_window")
    key, one = unique("key"), unique()

    async def write() -> t.WriteResponse:
        return await transact.write(insert("accounts", id=one, owner="a"), mails=[mail(b"x")], idempotency_key=key)

    answers = await asyncio.gather(*(write() for _ in range(8)))
    assert len({each.messages[0].message_id for each in answers}) == 1
    assert [each.duplicate for each in answers].count(False) == 1
    assert len(await transact.mails()) == 1


async def test_a_failed_write_keeps_no_key(transact: Transact) -> None:
    """CONTRACT, Transact 1: the key is kept in the same transaction, so that a failed one is free again."""
    transact.needs("idempotency_window")
    key, one = unique("key"), unique()
    request = t.WriteRequest(data=[update("accounts", {"id": one}, owner="x", expect=1)], idempotency_key=key)
    await transact.refused(ConditionFailed, "Write", request)
    await transact.write(insert("accounts", id=one, owner="ann"))
    assert not (await transact.call("Write", request)).duplicate


async def test_what_the_store_gives(transact: Transact) -> None:
    """proto, TransactResult: of an inserted row, what its record did not give and the store did."""
    one = unique()
    answer = await transact.write(
        insert("accounts", id=one, owner="ann"), insert("Entries", account=one, Amount=21),
    )  # fmt: skip
    account, entry = answer.results
    assert account.generated["balance"].int64 == 0
    assert (entry.generated["number"].int64 > 0, entry.generated["doubled"].int64) == (True, 42)


async def test_upsert(transact: Transact) -> None:
    """proto, UPSERT: the row of the key is there afterwards, new or changed; the key is of a unique index."""
    one = unique()
    for balance in (3, 4):
        answer = await transact.write(upsert("accounts", {"id": one}, owner="ann", balance=balance))
        assert answer.results[0].rows == 1
    assert await transact.balance(one) == 4
    await transact.write(upsert("Entries", {"account": one, "note": "n"}, Amount=1))
    await transact.write(upsert("Entries", {"account": one, "note": "n"}, Amount=2))
    assert (await transact.write(delete("Entries", {"account": one}))).results[0].rows == 1
    no_index = t.WriteRequest(data=[upsert("accounts", {"owner": "ann"}, id=one)])
    await transact.refused(FailedPrecondition, "Write", no_index)


async def test_constraints(transact: Transact) -> None:
    """CONTRACT, Transact 1: a row that a constraint refuses is CONSTRAINT_VIOLATED, whichever constraint it is."""
    one = unique()
    await transact.write(insert("accounts", id=one, owner="ann"))
    for row in (
        insert("accounts", id=one, owner="bob"),
        insert("Entries", account=unique(), Amount=1),
        insert("accounts", id=unique(), owner=None),
    ):
        await transact.refused(ConstraintViolated, "Write", t.WriteRequest(data=[row]))


async def test_names_are_looked_up(transact: Transact) -> None:
    """CONTRACT, Collections: a name is exact; what is not there, or Prism's own, is not found."""
    for name in (
        unique("none"),
        "ACCOUNTS",
        "entries",
        "prism_mailbox",
        'accounts"; DROP TABLE accounts; --',
        "sqlite_master",
    ):
        missing = t.WriteRequest(data=[insert(name, id="x", owner="y")])
        await transact.refused(CollectionNotFound, "Write", missing)
    for column in ("ID", 'id"', "no", "id = '' OR true --"):
        unknown = t.WriteRequest(data=[insert("accounts", **{column: "x"})])
        await transact.refused(InvalidArgument, "Write", unknown)
        unknown = t.WriteRequest(data=[delete("accounts", {column: "x"})])
        await transact.refused(InvalidArgument, "Write", unknown)
        unknown = t.WriteRequest(data=[delete("accounts", where=field(column).eq("x"))])
        await transact.refused(InvalidArgument, "Write", unknown)


async def test_what_does_not_go_together(transact: Transact) -> None:
    """proto, TransactData: which parts a change has."""
    one = unique()
    for change in (
        t.Data(collection="accounts"),
        t.Data(collection="accounts", op=t.Op.TRANSACT_OP_INSERT, key=values({"id": one})),
        update("accounts", owner="all"),
        update("accounts", {"id": one}),
        t.Data(collection="accounts", op=t.Op.TRANSACT_OP_DELETE),
        upsert("accounts", {}, id=one, owner="a"),
        upsert("accounts", {"id": one}, id=one, owner="a"),
        delete("accounts", {"id": None}),
        insert("Entries", account=one, Amount=1, doubled=2),
    ):  # fmt: skip
        await transact.refused(InvalidArgument, "Write", t.WriteRequest(data=[change]))
    await transact.refused(InvalidArgument, "Write", t.WriteRequest())
    await transact.refused(FailedPrecondition, "Write", t.WriteRequest(data=[insert("rich", id=one, balance=2000)]))


@pytest.mark.parametrize(
    "isolation", [t.Isolation.TRANSACT_ISOLATION_READ_COMMITTED, t.Isolation.TRANSACT_ISOLATION_SERIALIZABLE]
)
async def test_racing_writes(transact: Transact, isolation: t.Isolation) -> None:
    """CONTRACT, Transact 1: of writers that all expect one state, one wins; the others are refused and did nothing."""
    one = unique()
    await transact.write(insert("accounts", id=one, owner="ann", balance=0))
    where = all_of(field("id").eq(one), field("balance").eq(0))

    async def take(n: int) -> bool:
        try:
            await transact.write(
                update("accounts", where=where, balance=n, expect=1), mails=[mail(b"%d" % n)], isolation=isolation
            )
        except (ConditionFailed, Conflict):
            return False
        return True

    won = await asyncio.gather(*(take(n) for n in range(1, 9)))
    assert won.count(True) == 1
    assert await transact.payloads() == [b"%d" % (won.index(True) + 1)]
    assert await transact.balance(one) == won.index(True) + 1
