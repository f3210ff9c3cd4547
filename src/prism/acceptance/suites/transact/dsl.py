"""Transact in as few words as possible, for tests. A mailbox is `m` and a reader `r` unless a test says otherwise.

The tables (`prism.acceptance.store.tables`) are shared by all namespaces of a store, so rows have ids of their own.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.dsl import Dsl, duration, operations
from prism.client.filters import all_of, field
from prism.client.values import Plain, to_value
from prism.interfaces import transact as t
from prism.interfaces.capabilities.transact import TransactCapabilities
from prism.interfaces.filter import Filter
from prism.interfaces.value import Value

INSERT, UPDATE = t.Op.TRANSACT_OP_INSERT, t.Op.TRANSACT_OP_UPDATE
UPSERT, DELETE = t.Op.TRANSACT_OP_UPSERT, t.Op.TRANSACT_OP_DELETE


def unique(name: str = "a") -> str:
    """An id that no other test uses."""
    return f"{name}-{secrets.token_hex(6)}"


def values(given: dict[str, Plain]) -> dict[str, Value]:
    """Values by column."""
    return {name: to_value(each) for name, each in given.items()}


def insert(collection: str, **record: Plain) -> t.Data:
    """A new row."""
    return t.Data(collection=collection, op=INSERT, record=values(record))


def update(
    collection: str, key: dict[str, Plain] | None = None, *, where: Filter | None = None, expect: int | None = None,
    **record: Plain,
) -> t.Data:  # fmt: skip
    """Rows that change."""
    return t.Data(
        collection=collection, op=UPDATE, record=values(record), key=values(key or {}), where=where, expect_rows=expect
    )


def upsert(collection: str, key: dict[str, Plain], **record: Plain) -> t.Data:
    """A row that is there afterwards."""
    return t.Data(collection=collection, op=UPSERT, record=values(record), key=values(key))


def delete(
    collection: str, key: dict[str, Plain] | None = None, *, where: Filter | None = None, expect: int | None = None
) -> t.Data:
    """Rows that go."""
    return t.Data(collection=collection, op=DELETE, key=values(key or {}), where=where, expect_rows=expect)


def mail(payload: bytes = b"", mailbox: str = "m", **fields: Any) -> t.Mail:
    """A message."""
    return t.Mail(mailbox=mailbox, payload=payload, **fields)


class Talking:
    """A `Transaction` stream."""

    def __init__(self, requests: "asyncio.Queue[t.TransactionRequest | None]", responses: AsyncIterator[Any]) -> None:
        self._requests = requests
        self.responses = responses

    async def ask(self, **request: Any) -> t.TransactionResponse:
        """A request, and what comes next."""
        self.say(**request)
        return await self.next()

    def say(self, **request: Any) -> None:
        """Sends a request."""
        self._requests.put_nowait(t.TransactionRequest(**request))

    def end(self) -> None:
        """Ends the requests."""
        self._requests.put_nowait(None)

    async def next(self) -> t.TransactionResponse:
        """The next response."""
        async with asyncio.timeout(TIMEOUT):
            response: t.TransactionResponse = await anext(self.responses)
            return response

    async def write(self, *data: t.Data, mailbox: list[t.Mail] | None = None) -> t.Written:
        """Writes; must succeed."""
        response = await self.ask(write=t.Step(data=data, mailbox=mailbox or []))
        assert response.HasField("written"), response
        return response.written


class Transact(Dsl):
    """Transact in one namespace; answers are the contract's own messages unless a method says otherwise."""

    INTERFACE = t.INTERFACE
    OPERATIONS = operations(t.INTERFACE)
    capabilities: TransactCapabilities

    async def write(
        self, *data: t.Data, mails: list[t.Mail] | None = None, via: int | None = None, **fields: Any
    ) -> t.WriteResponse:
        """Writes."""
        request = t.WriteRequest(data=data, mailbox=mails or [], **fields)
        answer: t.WriteResponse = await self.call("Write", request, via=via)
        return answer

    async def balance(self, account: str) -> int | None:
        """Of an account, found out without changing anything; None where it is missing."""
        found = await self.write(update("accounts", {"id": account}, id=account))
        if not found.results[0].rows:
            return None
        low, high = 0, 1 << 20
        while low < high:
            middle = (low + high) // 2
            where = all_of(field("id").eq(account), field("balance").le(middle))
            there = await self.write(update("accounts", where=where, id=account))
            low, high = (low, middle) if there.results[0].rows else (middle + 1, high)
        return low

    async def there(self, account: str) -> bool:
        """Whether an account is there."""
        return bool((await self.write(update("accounts", {"id": account}, id=account))).results[0].rows)

    async def mails(
        self, shard: int = 0, mailbox: str = "m", *, via: int | None = None, **fields: Any
    ) -> list[t.Message]:
        """Messages, to the end of the stream."""
        request = t.ReadMailboxRequest(mailbox=mailbox, shard=shard, **fields)
        found = []
        async with aclosing(self.open("ReadMailbox", request, via=via)) as responses:  # type: ignore[type-var]
            async for each in responses:
                if each.HasField("message"):
                    found.append(each.message)
        assert each.HasField("end"), "a stream that is whole ends with `end`"
        return found

    async def payloads(self, *args: Any, **fields: Any) -> list[bytes]:
        """Their payloads."""
        return [each.payload for each in await self.mails(*args, **fields)]

    async def ack(
        self, up_to: int, reader: str = "r", mailbox: str = "m", *, via: int | None = None, **fields: Any
    ) -> int:
        """Moves a reader; where it stands then."""
        request = t.AckMailboxRequest(mailbox=mailbox, reader=reader, up_to=up_to, **fields)
        return int((await self.call("AckMailbox", request, via=via)).position)

    async def lease(
        self, holder: str, seconds: float = 30.0, reader: str = "r", *, via: int | None = None
    ) -> t.LeaseReaderResponse:
        """Leases a reader."""
        request = t.LeaseReaderRequest(mailbox="m", reader=reader, holder=holder, duration=duration(seconds))
        answer: t.LeaseReaderResponse = await self.call("LeaseReader", request, via=via)
        return answer

    async def leased(self, holder: str) -> t.LeaseReaderResponse:
        """Leases a reader as soon as it is free."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                found = await self.lease(holder)
                if found.held:
                    return found
                await asyncio.sleep(0.02)

    async def until(self, met: Callable[[t.DescribeMailboxResponse], bool]) -> None:
        """Waits until the mailbox is so."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                if met(await self.describe()):
                    return
                await asyncio.sleep(0.02)

    async def describe(self, mailbox: str = "m") -> t.DescribeMailboxResponse:
        """A mailbox."""
        answer: t.DescribeMailboxResponse = await self.call(
            "DescribeMailbox", t.DescribeMailboxRequest(mailbox=mailbox)
        )
        return answer

    async def create(self, mailbox: str = "m", **config: Any) -> None:
        """Makes a mailbox; times in seconds."""
        made: dict[str, Any] = {
            name: duration(value) if isinstance(value, float) else value for name, value in config.items()
        }
        await self.call("CreateMailbox", t.CreateMailboxRequest(mailbox=mailbox, config=t.MailboxConfig(**made)))

    @asynccontextmanager
    async def transaction(self, *, via: int | None = None, **begin: Any) -> AsyncIterator[Talking]:
        """An interactive transaction, from when it has begun; left, its stream breaks unless it has ended."""
        asked: asyncio.Queue[t.TransactionRequest | None] = asyncio.Queue()

        async def requests() -> AsyncIterator[Message]:
            while (request := await asked.get()) is not None:
                yield request

        responses: Any = self.caller.stream(
            self.OPERATIONS["Transaction"], requests(), namespace=self.namespace, via=via, timeout=60.0
        )
        stream = Talking(asked, responses)
        try:
            first = await stream.ask(begin=t.Begin(**begin))
            assert first.HasField("began"), first
            yield stream
        finally:
            await responses.aclose()
