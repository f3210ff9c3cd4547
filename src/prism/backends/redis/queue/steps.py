"""Runs the scripts of Queue: one step each, all of it or nothing.

What a script answers begins with the topics in which there may be something to do, and then, where it did nothing, with
a code that says why.
"""

from collections.abc import Sequence
from typing import Any, Final

from prism.backends.redis.commands.server import Answer, Command, Server
from prism.backends.redis.commands.slot_migration import once_moved
from prism.backends.redis.data.layout import NOTHING, Names
from prism.backends.redis.data.scripts import Script
from prism.backends.redis.queue.packing import pack_topic
from prism.backends.redis.queue.wakeups import RedisWakeups
from prism.context import Context
from prism.errors import AlreadyExists, GroupNotFound, Outcome, PrismError, StoreFull, TopicNotFound
from prism.sdk.deadline import check_time
from prism.sdk.queue.rows import TopicConfig

Argument = bytes | str | int
DEFAULT: Final = pack_topic(TopicConfig())
"""The configuration of a topic that makes itself."""


class Steps:
    """Scripts on one Redis, or one cluster.

    Args:
        server: runs commands.
        names: of keys.
        wakeups: of this gateway.
    """

    def __init__(self, server: Server, names: Names, wakeups: RedisWakeups) -> None:
        self.server = server
        self.wakeups = wakeups
        self._names = names

    def base(self, namespace: str) -> bytes:
        """What the names of all keys of a namespace's queues begin with."""
        return self._names.namespace(namespace) + b"q"

    def command(self, script: Script, namespace: str, *arguments: Argument) -> Command:
        """A script on the queues of a namespace."""
        base = self.base(namespace)
        keys = (base + b"t",) if self.server.spans_slots else (base + b"t", base + NOTHING)
        told = (self.wakeups.channel(namespace), self.wakeups.tell, self.wakeups.head, DEFAULT)
        return (b"EVALSHA", script.digest, len(keys), *keys, *told, *arguments)

    def understood(self, namespace: str, answer: Answer, count: int = 1) -> list[Any]:
        """A script's answer behind the topics; of those who wait here for them so many of each group are woken.

        Who is woken passes on what it leaves. Raises what the answer is.
        """
        if isinstance(answer, Exception):
            raise answer
        for told in answer[0]:
            self.wakeups.hear(namespace, told, count)
        return list(answer[1:])

    async def code_and_more(self, context: Context, script: Script, *arguments: Argument) -> list[Any]:
        """What a script answers behind the topics: the code, and more."""
        check_time(context, writes=True)
        command = self.command(script, context.namespace, *arguments)

        async def attempt() -> list[Any]:
            (answer,) = await self.server.run([command], writes=True, namespace=context.namespace)
            return self.understood(context.namespace, answer)

        return await once_moved(attempt, context)

    async def run(self, context: Context, script: Script, what: bytes, *of: Argument) -> list[Any]:
        """What a script answers behind its code, or what the code says is raised.

        Args:
            context: of the call.
            script: one of those that do several things.
            what: which of them.
            of: the topic, the group where there is one, and more.
        """
        code, *rest = await self.code_and_more(context, script, what, *of)
        if code:
            raise refused(code, rest, *map(str, of[:2]))
        return rest

    async def changed(self, context: Context, script: Script, what: bytes, *of: Argument) -> bool:
        """Runs a script that changes what is as it was read; whether it still was."""
        code, *rest = await self.code_and_more(context, script, what, *of)
        if code and code != b"CHANGED":
            raise refused(code, rest, *map(str, of[:2]))
        return not code

    async def ask(self, context: Context, *commands: Command, writes: bool = False) -> list[Any]:
        """What is answered to commands of Redis' own."""
        check_time(context, writes=writes)

        async def attempt() -> list[Any]:
            answers = await self.server.run(commands, writes=writes, namespace=context.namespace)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return answers

        return await once_moved(attempt, context)


def refused(code: bytes, rest: Sequence[Any], topic: str = "", group: str = "") -> PrismError:
    """What a script's code says; nothing was done."""
    if code == b"REPEATED":
        return AlreadyExists("the idempotency_key was used for something else; use another key")
    if code == b"FULL":
        name, used, most = rest
        return StoreFull(
            f"topic {name.decode()!r} holds {used} bytes of at most {most}; acknowledge some, or raise max_bytes",
            outcome=Outcome.NOT_APPLIED,
        )
    if code == b"NO_GROUP":
        return GroupNotFound(f"topic {topic!r} has no group {group!r}; create it with CreateGroup")
    name = rest[0].decode() if rest else topic
    return TopicNotFound(f"topic {name!r} does not exist; create it with CreateTopic")
