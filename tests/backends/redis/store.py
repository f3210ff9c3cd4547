"""A backend on a server under test, called through its binding as a host would."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

import prism
from prism.acceptance.suites.pubsub.dsl import Listening
from prism.backends.redis.backend import RedisBackend
from prism.backends.redis.config import RedisConfig, RedisCredentials
from prism.backends.redis.testing.server import USER, RedisServer
from prism.interfaces import cache, keyvalue, pubsub, queue
from prism.interfaces.operation import Operation
from prism.sdk import Binding, Context, Deadline, DeclaredCapabilities

MANIFEST = Path(prism.__file__).parent / "backends" / "redis" / "plugin.toml"
RULES = (
    "~prism:* &prism:* +@read +@write +@connection -@dangerous +eval +evalsha +publish +spublish +subscribe "
    "+ssubscribe +unsubscribe +sunsubscribe +info +time +role +config|get +cluster|slots"
)
"""Of the ACL that the documentation of `username` names."""
OPERATIONS: dict[str, Operation] = {
    f"{interface.name}.{each.method}": each
    for interface in (cache.INTERFACE, keyvalue.INTERFACE, pubsub.INTERFACE, queue.INTERFACE)
    for each in interface.operations
}


class Store:
    """One backend, in the namespace `n` unless told otherwise."""

    def __init__(
        self, server: RedisServer, *, login: Mapping[str, str] | None = None, namespace: str = "n", **config: object
    ) -> None:
        options = {"addresses": [server.address], "command_timeout": 10.0, "sweep_interval": 3600.0, **config}
        credentials = {"username": USER, "password": server.password} if login is None else login
        self.namespace = namespace
        self.backend = RedisBackend(RedisConfig.model_validate(options), RedisCredentials.model_validate(credentials))
        manifest = tomllib.loads(MANIFEST.read_text())
        declared = DeclaredCapabilities.parse(manifest["capabilities"], manifest["interfaces"])
        self._binding = Binding(self.backend.interfaces, declared)

    async def call(self, name: str, request: Message, timeout: float = 10.0, namespace: str = "") -> Any:
        """Runs an operation, `keyvalue.get`."""
        operation = OPERATIONS[name]
        context = Context(namespace or self.namespace, Deadline.after(timeout))
        answer = await self._binding.unary[operation.name](request.SerializeToString(), context)
        return operation.response.FromString(answer)

    async def put(self, id_: str, key: bytes, value: bytes, *, milliseconds: int = 0, once: str = "") -> bytes:
        """Stores an item; its version."""
        ttl = Duration(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000) if milliseconds else None
        items = [keyvalue.PutItem(key=key, value=value, ttl=ttl)]
        answer = await self.call("keyvalue.put", keyvalue.PutRequest(id=id_, items=items, idempotency_key=once))
        (version,) = answer.versions
        return bytes(version)

    async def get(self, id_: str, key: bytes) -> bytes | None:
        """The value of an item, or None."""
        answer = await self.call("keyvalue.get", keyvalue.GetRequest(id=id_, keys=[key]))
        return answer.items[0].value if answer.items else None

    async def publish(self, topic: str, payload: bytes = b"", **more: Any) -> str:
        """Publishes a message; its id."""
        request = pubsub.PublishRequest(topic=topic, payload=payload, **more)
        return str((await self.call("pubsub.publish", request)).message_id)

    async def read(self, start: pubsub.Start, count: int, **more: Any) -> list[pubsub.Message]:
        """So many messages of a subscription that begins there."""
        request = pubsub.SubscribeRequest(topic_pattern=">", start=start, **more).SerializeToString()
        found: list[pubsub.Message] = []
        async with aclosing(
            self._binding.streaming[OPERATIONS["pubsub.subscribe"].name](request, Context(self.namespace))
        ) as answers:
            while len(found) < count:
                answer = pubsub.Message.FromString(await anext(answers))
                found += [answer] if answer.topic else []
        return found

    @asynccontextmanager
    async def listening(self, pattern: str = ">") -> AsyncIterator[Listening]:
        """A subscription, in place."""
        established = asyncio.Event()
        operation = OPERATIONS["pubsub.subscribe"]
        request = pubsub.SubscribeRequest(topic_pattern=pattern).SerializeToString()
        context = Context(self.namespace, on_established=established.set)
        stream: Any = self._binding.streaming[operation.name](request, context)

        async def messages() -> AsyncIterator[pubsub.Message]:
            async for each in stream:
                yield pubsub.Message.FromString(each)

        found: Any = messages()
        first, placed = asyncio.ensure_future(anext(found)), asyncio.ensure_future(established.wait())
        try:
            await asyncio.wait((first, placed), return_when=asyncio.FIRST_COMPLETED)
            if not established.is_set():
                await first
            yield Listening(found, first)
        finally:
            placed.cancel()
            first.cancel()
            await asyncio.wait((first,))
            await found.aclose()
            await stream.aclose()
