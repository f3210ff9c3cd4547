"""The lists that span a namespace: which records there are, and which have items that expire.

Where one server holds all, the scripts keep them in the same step as the record. In a cluster they are on another node:
a record is listed before it is written and once more afterwards, and unlisted with a look whether it has come back; so
what was acknowledged is always listed. What is listed and empty is skipped by readers.
"""

from collections.abc import AsyncIterator
from time import time
from typing import Any

from prism.backends.redis.commands.server import Command, Server
from prism.backends.redis.data import scripts
from prism.backends.redis.data.layout import NOTHING, Names
from prism.errors import Outcome, PrismError
from prism.sdk.scan import Range

_SWEPT_AT_ONCE = 100
_ITEMS_AT_ONCE = 500


class Index:
    """Keeps the lists of every namespace."""

    def __init__(self, server: Server, names: Names) -> None:
        self._server = server
        self._names = names

    def keys(self, namespace: str, id_: bytes) -> list[bytes]:
        """The KEYS of a script on a record; it keeps the lists itself where one server holds all."""
        record = self._names.record(namespace, id_)
        if self._server.spans_slots:
            lists = self._names.namespace(namespace)
            return [record + b"k", lists + b"r", lists + b"t"]
        return [record + b"k", record + NOTHING]

    async def records(self, namespace: str, ids: Range, *, reverse: bool, at_once: int) -> AsyncIterator[list[bytes]]:
        """The listed ids in order, some at a time."""
        name = self._names.namespace(namespace) + b"r"
        left = ids
        while True:
            first = b"[" + left.first if left.first else b"-"
            before = b"+" if left.before is None else b"(" + left.before
            bounds: Command = (
                (b"ZREVRANGEBYLEX", name, before, first) if reverse else (b"ZRANGEBYLEX", name, first, before)
            )
            some: list[bytes] = await self._one(namespace, (*bounds, b"LIMIT", 0, at_once), writes=False)
            if some:
                yield some
            if len(some) < at_once:
                return
            left = left.beyond(some[-1], reverse=reverse)

    async def before_write(self, namespace: str, id_: bytes) -> None:
        """A record is about to be written."""
        if not self._server.spans_slots:
            await self._one(namespace, (b"ZADD", self._names.namespace(namespace) + b"r", 0, id_), writes=True)

    async def after_write(self, namespace: str, id_: bytes, soonest: int) -> None:
        """A record has been written; the first of the items written expires at `soonest`, 0 for never."""
        if not self._server.spans_slots:
            lists = self._names.namespace(namespace)
            await self._afterwards(namespace, (b"ZADD", lists + b"r", 0, id_))
            if soonest:
                await self._afterwards(namespace, (b"ZADD", lists + b"t", b"LT", soonest, id_))

    async def after_emptying(self, namespace: str, id_: bytes) -> None:
        """A record has lost its last item."""
        if not self._server.spans_slots:
            lists = self._names.namespace(namespace)
            await self._afterwards(namespace, (b"ZREM", lists + b"r", id_))
            if await self._afterwards(namespace, (b"EXISTS", self._names.record(namespace, id_) + b"k")):
                await self._afterwards(namespace, (b"ZADD", lists + b"r", 0, id_))

    async def holds_records(self, namespace: str) -> bool:
        """Whether anything is listed."""
        return bool(await self._one(namespace, (b"EXISTS", self._names.namespace(namespace) + b"r"), writes=False))

    async def sweep(self, namespace: str) -> bool:
        """Removes some of what expired items have left in the lists; whether more is left."""
        lists = self._names.namespace(namespace)
        # Our own clock says where to look; the script goes by that of Redis.
        due: Command = (b"ZRANGEBYSCORE", lists + b"t", b"-inf", int(time() * 1000), b"LIMIT", 0, _SWEPT_AT_ONCE)
        ids: list[bytes] = await self._one(namespace, due, writes=False)
        more = len(ids) == _SWEPT_AT_ONCE
        for id_ in ids:
            more = await self._sweep_record(namespace, id_) or more
        return more

    async def _sweep_record(self, namespace: str, id_: bytes) -> bool:
        lists = self._names.namespace(namespace)
        keys = self.keys(namespace, id_)
        command: Command = (b"EVALSHA", scripts.SWEEP.digest, len(keys), *keys, id_, _ITEMS_AT_ONCE)
        removed, empty, following = await self._one(namespace, command, writes=True)
        if not self._server.spans_slots:
            if empty:
                await self.after_emptying(namespace, id_)
            change: Command = (b"ZREM", lists + b"t", id_)
            if following:
                change = (b"ZADD", lists + b"t", following, id_)
            await self._one(namespace, change, writes=True)
        return bool(removed == _ITEMS_AT_ONCE)

    async def _afterwards(self, namespace: str, command: Command) -> Any:
        """What follows a write: when it fails, the write itself has been applied all the same."""
        try:
            return await self._one(namespace, command, writes=True)
        except PrismError as error:
            error.outcome = Outcome.UNKNOWN
            raise

    async def _one(self, namespace: str, command: Command, *, writes: bool) -> Any:
        (answer,) = await self._server.run([command], writes=writes, namespace=namespace)
        if isinstance(answer, Exception):
            raise answer
        return answer
