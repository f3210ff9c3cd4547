"""Transact on PostgreSQL: what its commits, locks, levels of isolation and types make of the rules."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from hostile_texts import made, published
from prism.acceptance.store.polling import eventually
from prism.backends.postgres.backend import PostgresBackend
from prism.client.filters import all_of, field, negated
from prism.client.transact import Mail, delete, insert, update, upsert
from prism.client.values import Json, Other, from_value
from prism.context import Context
from prism.errors import (
    BackendUnavailable,
    CollectionNotFound,
    Conflict,
    ConstraintViolated,
    FailedPrecondition,
    InvalidArgument,
    Outcome,
    StoreFull,
)
from prism.interfaces import transact as t

from .store import OpenStore

_WRITERS = 64
_EACH = 5
CONTEXT = Context("n")
TABLES = """
CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE parts (id int PRIMARY KEY, whole int REFERENCES parts DEFERRABLE INITIALLY DEFERRED);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN small AS int CHECK (value < 10);
CREATE TABLE kinds (
    id uuid PRIMARY KEY, short varchar(3), fixed char(4), price numeric(6, 2), at timestamptz, day date, feeling mood,
    tags text[], document jsonb, digit small, share real, raw bytea, truth boolean
);
CREATE TABLE audited (id int PRIMARY KEY);
CREATE TABLE audit (id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO audit VALUES (new.id); RETURN new; END $$;
CREATE TRIGGER note AFTER INSERT ON audited FOR EACH ROW EXECUTE FUNCTION note();
"""
NAMES = ("accounts", "parts", "kinds", "audited")


@pytest.fixture
async def outside(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of another application, whose tables these are."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(TABLES)
    yield connection
    await connection.close()


@pytest.fixture
async def backend(open_store: OpenStore, postgres_url: str, outside: asyncpg.Connection) -> PostgresBackend:
    """A backend that may write to them."""
    del outside
    store = await open_store(postgres_url, transact={"collections": {name: {} for name in NAMES}})
    return store.backend


def asked(*changes: Any, mail: tuple[Mail, ...] = (), **fields: Any) -> t.WriteRequest:
    """A request."""
    return t.WriteRequest(data=[each.message for each in changes], mailbox=[each.message for each in mail], **fields)


async def mails(backend: PostgresBackend, after: int, shard: int = 0, wait: float = 0.0) -> list[t.Message]:
    """Messages behind a sequence."""
    request = t.ReadMailboxRequest(mailbox="m", shard=shard, after_sequence=after)
    request.wait.FromMilliseconds(round(wait * 1000))
    async with aclosing(backend._transact.read_mailbox(request, CONTEXT)) as responses:
        return [each.message async for each in responses if each.HasField("message")]


async def test_64_writers_beside_transactions_that_stay_open(
    backend: PostgresBackend, outside: asyncpg.Connection
) -> None:
    """CONTRACT, Transact 2: a reader that resumes by sequence misses nothing of 64 writers, and sees none late, though
    other transactions of the server stay open all the time."""
    await outside.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    await outside.execute("INSERT INTO accounts VALUES ('open', 1)")
    await backend._transact.create_mailbox(t.CreateMailboxRequest(mailbox="m", config={"shards": 3}), CONTEXT)
    seen: list[list[t.Message]] = [[], [], []]
    over = asyncio.Event()

    async def follow(shard: int) -> None:
        after = 0
        while True:
            last = over.is_set()
            found = await mails(backend, after, shard, wait=0.02)
            seen[shard] += found
            after = found[-1].sequence if found else after
            if last and not found:
                return

    async def write(writer: int) -> None:
        for n in range(_EACH):
            change = insert("accounts", {"id": f"{writer}-{n}", "balance": n})
            mail = tuple(Mail("m", b"%d" % n, f"{writer}{suffix}") for suffix in "ab")
            await backend._transact.write(asked(change, mail=mail), CONTEXT)

    readers = [asyncio.create_task(follow(shard)) for shard in range(3)]
    await asyncio.gather(*(write(n) for n in range(_WRITERS)))
    over.set()
    await asyncio.gather(*readers)
    await outside.execute("ROLLBACK")
    whole = [each for shard in seen for each in shard]
    assert len({each.message_id for each in whole}) == len(whole) == 2 * _WRITERS * _EACH
    for shard in seen:
        assert [each.sequence for each in shard] == sorted({each.sequence for each in shard})
    keys: dict[str, list[int]] = {}
    for each in whole:
        keys.setdefault(each.ordering_key, []).append(int(each.payload))
    assert all(found == list(range(_EACH)) for found in keys.values())
    assert await outside.fetchval("SELECT count(*) FROM accounts") == _WRITERS * _EACH


async def test_refused_writes_of_a_group_harm_no_other(backend: PostgresBackend, outside: asyncpg.Connection) -> None:
    """The first such group is written one by one, those after it in savepoints: each caller gets its own outcome.

    Refused by the store, or before it, for a column that is not there.
    """

    def change(turn: int, number: int) -> Any:
        record: dict[str, Any] = {"id": f"{turn}-{number}", "balance": number % 8 - 1}
        return insert("accounts", record | {"unknown": 1} if number % 16 == 8 else record)

    for turn in range(3):
        answers = await asyncio.gather(
            *(
                backend._transact.write(asked(change(turn, number), mail=(Mail("m"),)), CONTEXT)
                for number in range(_WRITERS)
            ),
            return_exceptions=True,
        )
        kinds = (ConstraintViolated, InvalidArgument)
        refused = [number for number, each in enumerate(answers) if isinstance(each, kinds)]
        assert refused == list(range(0, _WRITERS, 8)), [each for each in answers if isinstance(each, Exception)]
        kept = await outside.fetchval("SELECT count(*) FROM accounts WHERE id LIKE $1", f"{turn}-%")
        assert kept == _WRITERS - len(refused)
    assert len(await mails(backend, 0)) == 3 * kept


async def test_what_is_checked_at_the_commit(backend: PostgresBackend) -> None:
    """A deferred constraint is looked at by COMMIT: what it refuses is NOT_APPLIED, with the constraint's name."""
    with pytest.raises(ConstraintViolated) as caught:
        await backend._transact.write(asked(insert("parts", {"id": 1, "whole": 7}), mail=(Mail("m"),)), CONTEXT)
    assert (caught.value.outcome, caught.value.metadata["constraint"]) == (Outcome.NOT_APPLIED, "parts_whole_fkey")
    both = asked(insert("parts", {"id": 1, "whole": 2}), insert("parts", {"id": 2, "whole": 1}))
    await backend._transact.write(both, CONTEXT)
    assert await mails(backend, 0) == []


async def test_two_that_each_read_what_the_other_writes(backend: PostgresBackend) -> None:
    """SERIALIZABLE: of two interactive transactions that read what the other changes, one is ABORTED by the store."""
    for name in ("a", "b"):
        await backend._transact.write(asked(insert("accounts", {"id": name, "balance": 1})), CONTEXT)
    store = backend._mailboxes
    transactions = [await store.begin(CONTEXT, serializable=True) for _ in range(2)]
    for each in transactions:
        rows = await each.read(t.Read(collection="accounts"), 10)
        assert len(rows.rows) == 2
    for each, name in zip(transactions, "ab", strict=True):
        await each.change(update("accounts", {"balance": 0}, key={"id": name}).message, "data[0]")
    await transactions[0].commit([], "", b"", [], create=True)
    with pytest.raises(Conflict) as caught:
        await transactions[1].commit([], "", b"", [], create=True)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    for each in transactions:
        await each.close()


async def test_types_there_and_back(backend: PostgresBackend, outside: asyncpg.Connection) -> None:
    """Each value is of its column's kind, and comes back equal; what does not fit is refused, and nothing is cut."""
    number = "6f1c2a10-0f5e-4a7e-9f0e-2f4a5b6c7d8e"
    row: dict[str, Any] = {
        "short": "abc", "fixed": "ab", "day": date(2026, 11, 30), "feeling": "ok", "tags": ["a", None, 'q"'],
        "document": Json('{"a": 1}'), "digit": 7, "share": 0.5, "raw": b"\x00\xff", "truth": True,
    }  # fmt: skip
    await backend._transact.write(asked(insert("kinds", {"id": UUID(number), **row})), CONTEXT)
    transaction = await backend._mailboxes.begin(CONTEXT, serializable=False)
    found = (await transaction.read(t.Read(collection="kinds"), 1)).rows[0].values
    await transaction.close()
    back = {name: from_value(value) for name, value in found.items()}
    assert {name: back[name] for name in ("short", "feeling", "tags", "digit", "share", "raw", "truth")} == {
        name: row[name] for name in ("short", "feeling", "tags", "digit", "share", "raw", "truth")
    }
    assert await outside.fetchval("SELECT fixed = 'ab' AND document = '{\"a\": 1}' AND day = '2026-11-30' FROM kinds")
    key = {"id": UUID(number)}
    for column, value in (
        ("short", "abcd"), ("fixed", "abcde"), ("price", 12345.5), ("price", "1.00"), ("feeling", "glad"),
        ("digit", 2**40), ("tags", "a"), ("truth", 1), ("at", "2026-11-30"), ("day", Other("date", "soon")),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument) as caught:
            await backend._transact.write(asked(update("kinds", {column: value}, key=key)), CONTEXT)
        assert caught.value.outcome in {None, Outcome.NOT_APPLIED}, column
    with pytest.raises(ConstraintViolated):
        await backend._transact.write(asked(update("kinds", {"digit": 11}, key=key)), CONTEXT)
    done = await backend._transact.write(asked(upsert("kinds", key, {"short": "x"}), delete("kinds", key=key)), CONTEXT)
    assert [each.rows for each in done.results] == [1, 1]


async def test_triggers_find_their_own_tables(backend: PostgresBackend, outside: asyncpg.Connection) -> None:
    """A trigger that names a table without its schema finds it, as in any other session of the role."""
    await backend._transact.write(asked(insert("audited", {"id": 3})), CONTEXT)
    assert await outside.fetchval("SELECT id FROM audit") == 3


async def test_a_table_that_changes(backend: PostgresBackend, outside: asyncpg.Connection) -> None:
    """A column that comes or goes is known with the next try at the latest."""
    await backend._transact.write(asked(insert("audited", {"id": 1})), CONTEXT)
    await outside.execute("ALTER TABLE audited RENAME id TO number")
    with pytest.raises((FailedPrecondition, InvalidArgument)):
        await backend._transact.write(asked(insert("audited", {"id": 2})), CONTEXT)
    await outside.execute("DROP TRIGGER note ON audited")
    await backend._transact.write(asked(insert("audited", {"number": 2})), CONTEXT)


async def test_a_table_that_gets_a_column(backend: PostgresBackend, outside: asyncpg.Connection) -> None:
    """It is known as soon as a request that names it has been refused once."""
    await backend._transact.write(asked(insert("accounts", {"id": "a", "balance": 1})), CONTEXT)
    await outside.execute("ALTER TABLE accounts ADD COLUMN note text")
    wanted = asked(insert("accounts", {"id": "b", "balance": 1, "note": "new"}))
    await eventually(lambda: succeeds(backend, wanted), "its description is a second old at most")
    assert await outside.fetchval("SELECT note FROM accounts WHERE id = 'b'") == "new"


async def succeeds(backend: PostgresBackend, request: t.WriteRequest) -> bool:
    """Whether a write is taken."""
    try:
        await backend._transact.write(request, CONTEXT)
    except InvalidArgument:
        return False
    return True


async def test_sessions_that_are_lost(backend: PostgresBackend, outside: asyncpg.Connection) -> None:
    """Sessions that the server ends are replaced; who was in a transaction hears of it, and nothing of it is there."""
    await backend._transact.write(asked(insert("accounts", {"id": "a", "balance": 1})), CONTEXT)
    async with AsyncExitStack() as stack:
        transaction = await backend._mailboxes.begin(CONTEXT, serializable=False)
        stack.push_async_callback(transaction.close)
        await transaction.change(update("accounts", {"balance": 2}, key={"id": "a"}).message, "data[0]")
        others = "pid <> pg_backend_pid() AND usename <> ''"
        end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"
        await outside.fetch(end)
        with pytest.raises(BackendUnavailable) as caught:
            await transaction.change(update("accounts", {"balance": 3}, key={"id": "a"}).message, "data[0]")
        assert caught.value.outcome is Outcome.NOT_APPLIED
    await backend._transact.write(asked(update("accounts", {"balance": 9}, key={"id": "a"}, expect=1)), CONTEXT)
    assert await outside.fetchval("SELECT balance FROM accounts WHERE id = 'a'") == 9


async def test_hostile_texts(
    backend: PostgresBackend, outside: asyncpg.Connection, often: Callable[[int], int]
) -> None:
    """As a name each is not found, as a value, a key, a mailbox and a reader it is itself; and no table is harmed."""
    texts = [text for text in (*made(), *published()) if text and "\0" not in text and len(text.encode()) <= 512]
    assert len(texts) >= 400
    transact = backend._transact
    await transact.write(asked(insert("accounts", {"id": "kept", "balance": 1})), CONTEXT)
    for text in texts[:: len(texts) // often(len(texts))]:
        for change in (
            insert(text, {"id": "x"}),
            insert("accounts", {text: "x"}),
            delete("accounts", key={text: "x"}),
            delete("accounts", where=field(text).eq("x")),
        ):
            with pytest.raises((CollectionNotFound, InvalidArgument)):
                await transact.write(asked(change), CONTEXT)
        key = {"id": text}
        where = all_of(field("id").eq(text), negated(field("id").starts_with(text + "x")))
        request = asked(
            insert("accounts", {"id": text, "balance": 1}), update("accounts", {"balance": 2}, where=where, expect=1),
            delete("accounts", key=key, expect=1), mail=(Mail(text, text.encode(), text, {"a": text}),),
            idempotency_key=text[:256],
        )  # fmt: skip
        await transact.write(request, CONTEXT)
        await transact.ack_mailbox(t.AckMailboxRequest(mailbox=text, reader=text), CONTEXT)
        read = t.ReadMailboxRequest(mailbox=text)
        async with aclosing(transact.read_mailbox(read, CONTEXT)) as responses:
            message = (await anext(responses)).message
        assert (message.payload, message.ordering_key, message.attributes["a"]) == (text.encode(), text, text)
        described = await transact.describe_mailbox(t.DescribeMailboxRequest(mailbox=text), CONTEXT)
        assert text in [each.reader for each in described.readers]
    assert await outside.fetch("SELECT id, balance FROM accounts") == [("kept", 1)]


async def test_a_row_that_is_locked_holds_up_its_own_write_alone(
    open_store: OpenStore, postgres_url: str, outside: asyncpg.Connection
) -> None:
    """Those that came with it are written long before it may give up waiting, and it is once the row is free."""
    store = await open_store(postgres_url, lock_timeout=120, transact={"collections": {name: {} for name in NAMES}})
    transact = store.backend._transact
    await transact.write(asked(*(insert("accounts", {"id": f"a{n}", "balance": 1}) for n in range(20))), CONTEXT)
    async with outside.transaction():
        await outside.execute("UPDATE accounts SET balance = 2 WHERE id = 'a10'")
        changes = [update("accounts", {"balance": 5}, key={"id": f"a{n}"}) for n in range(20)]
        writes = [
            asyncio.create_task(transact.write(asked(each, mail=(Mail("m", b"x"),)), CONTEXT)) for each in changes
        ]
        async with asyncio.timeout(60):
            await asyncio.gather(*writes[:10], *writes[11:])
        assert not writes[10].done()
    async with asyncio.timeout(60):
        await writes[10]
    assert {row[0] for row in await outside.fetch("SELECT balance FROM accounts")} == {5}


@pytest.mark.parametrize(
    "serializable", [[True] * 5, [True, False, True, False, True], [False, True, True, False, True]]
)
async def test_the_backlog_has_what_was_written_at_any_level(
    backend: PostgresBackend, serializable: list[bool]
) -> None:
    """CONTRACT, Transact 6: exactly, whatever a snapshot shows; what is acknowledged makes room for as many."""
    transact = backend._transact
    levels = {True: t.Isolation.TRANSACT_ISOLATION_SERIALIZABLE, False: t.Isolation.TRANSACT_ISOLATION_READ_COMMITTED}
    await transact.create_mailbox(t.CreateMailboxRequest(mailbox="m", config={"max_backlog": 5}), CONTEXT)

    async def write(isolation: int, **more: Any) -> int:
        answer = await transact.write(asked(mail=(Mail("m", b"x"),), isolation=isolation, **more), CONTEXT)
        return int(answer.messages[0].sequence)

    async def backlog() -> int:
        return (await transact.describe_mailbox(t.DescribeMailboxRequest(mailbox="m"), CONTEXT)).backlog

    sequences = []
    for number, each in enumerate(serializable, 1):
        sequences.append(await write(levels[each], idempotency_key=f"k{number}"))
        assert await backlog() == number
    for level in levels.values():
        with pytest.raises(StoreFull) as caught:
            await write(level)
        assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await write(levels[serializable[0]], idempotency_key="k1") == sequences[0]  # as before, though it is full
    for done in (1, 2, 4):
        ack = t.AckMailboxRequest(mailbox="m", reader="r", up_to=sequences[done - 1])
        await transact.ack_mailbox(ack, CONTEXT)
        assert await backlog() == 5 - done
        await backend._sweep_batch()
        assert await backlog() == 5 - done
    for number in range(4):
        await write(levels[bool(number % 2)])
        assert await backlog() == 2 + number
    with pytest.raises(StoreFull):
        await write(levels[True])
