"""The log of each namespace as `prism.sdk.pubsub` reads it. A place is the id of an entry: microsecond and number."""

import os
import struct
from collections.abc import Sequence
from typing import Any, Final

from prism.backends.redis.commands.server import Command, Server
from prism.backends.redis.commands.slot_migration import once_moved
from prism.backends.redis.data.layout import Names
from prism.backends.redis.log import scripts
from prism.backends.redis.queue.wakeups import RedisWakeups
from prism.context import Context
from prism.interfaces.pubsub import Message, PublishRequest
from prism.sdk.deadline import check_time
from prism.sdk.pubsub import Bounds, Logged, MessageLog, Page, PubSubOptions

_PLACE: Final = struct.Struct(">QQ")
_LAST: Final = (1 << 64) - 1
_SWEPT_AT_ONCE: Final = 1000


class RedisLog(MessageLog):
    """`prism.sdk.pubsub.MessageLog` on one Redis, or one cluster. It is appended to by `RedisPubSub`.

    Args:
        server: runs commands.
        names: of keys.
        wakeups: of this gateway.
        options: of the backend's configuration.
    """

    def __init__(self, server: Server, names: Names, wakeups: RedisWakeups, options: PubSubOptions) -> None:
        self.wakeups: RedisWakeups = wakeups
        self._server = server
        self._names = names
        self._retention = int(options.retention * 1e6)
        self._max_bytes = int(options.max_bytes)

    def append_command(self, namespace: str, send: bytes, everything: bytes, bodies: Sequence[bytes]) -> Command:
        """Appends messages, given as the channel of each and its body; sends them by `send`, unless that is empty."""
        told = (self.wakeups.tell, self.wakeups.channel(namespace), self.wakeups.told_of_log)
        return self._command(
            scripts.APPEND.digest, namespace, _identity(), self._max_bytes, send, everything, *told, *bodies
        )

    def _command(self, digest: bytes, namespace: str, *arguments: bytes | str | int) -> Command:
        return (b"EVALSHA", digest, 1, self.key(namespace), *arguments)

    def key(self, namespace: str) -> bytes:
        """Where a namespace's log is."""
        return self._names.namespace(namespace) + b"p"

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        """See MessageLog; reaches those who listen to the log, and no others."""
        message = Message(
            topic=request.topic, payload=request.payload, attributes=request.attributes, message_id=message_id
        )
        body = message.SerializeToString()
        await self._ask(context, self.append_command(context.namespace, b"", b"", (b"", body)), writes=True)

    async def bounds(self, context: Context) -> Bounds:
        return (await self.read(context, _PLACE.pack(_LAST, 0), 1, 1)).bounds

    async def before(self, context: Context, time: int) -> bytes:
        bounds = await self.bounds(context)
        return min(_PLACE.pack(time - 1, _LAST) if time > 0 else bytes(_PLACE.size), bounds.end)

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        place = b"%d-%d" % _PLACE.unpack(after)
        command = self._command(scripts.READ.digest, context.namespace, _identity(), place, limit, max_bytes)
        identity, floor, end, whole, found = await self._ask(context, command)
        bounds = Bounds(identity, _place(floor), _place(end))
        messages = [_logged(*each) for each in found]
        return Page(bounds, messages, bounds.end if whole or not messages else messages[-1].place)

    async def sweep(self, namespace: str) -> bool:
        """Removes what has been kept for its time; whether more is left."""
        command = self._command(scripts.SWEEP.digest, namespace, self._retention, _SWEPT_AT_ONCE)
        return bool(await self._ask(Context(namespace), command, writes=True))

    async def _ask(self, context: Context, command: Command, *, writes: bool = False) -> Any:
        check_time(context, writes=writes)

        async def attempt() -> Any:
            (answer,) = await self._server.run([command], writes=writes, namespace=context.namespace)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return await once_moved(attempt, context)


def _identity() -> bytes:
    """Of a log that is made: another one each time."""
    return os.urandom(8).hex().encode()


def _place(id_: bytes) -> bytes:
    high, _, low = id_.partition(b"-")
    return _PLACE.pack(int(high), int(low))


def _logged(id_: bytes, body: bytes) -> Logged:
    message = Message.FromString(body)
    return Logged(
        _place(id_), message.topic, message.payload, message.attributes, message.message_id,
        message.published_at.seconds * 1_000_000 + message.published_at.nanos // 1000,
    )  # fmt: skip
