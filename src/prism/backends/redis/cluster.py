"""A cluster: each command goes to the node of its key, and follows it where it has gone.

The driver's client knows the slots and keeps the connections. It is not left to redirect: it asks for a moving key over
one connection and says ASKING over another, and its pipelines never look again for a node that is gone. What one node
does not answer fails for its commands alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import redis.exceptions as driver
from prism.backends.redis.durability import Unsynced
from prism.backends.redis.errors import translate
from prism.backends.redis.scripts import whole
from prism.backends.redis.server import Answer, Command
from redis.asyncio.cluster import ClusterNode, RedisCluster

_FAILURES: Final = (driver.RedisError, driver.RedisClusterException, OSError, TimeoutError)
_ANSWERS: Final = (driver.ResponseError, driver.BusyLoadingError, driver.AuthenticationError)
_ELSEWHERE: Final = (driver.MovedError, driver.AskError, driver.TryAgainError)
"""Answers that say that nothing was done, and where or when to ask again."""
_ROUNDS: Final = 6
_FIRST_PAUSE: Final = 0.01
_LOOK_SECONDS: Final = 0.1
"""So long it is not looked again for who owns what."""
_KEYLESS: Final = frozenset({b"PING", b"INFO", b"CONFIG GET"})
_SCRIPTED: Final = frozenset({b"EVAL", b"EVALSHA"})


class Cluster:
    """Many servers, as one."""

    spans_slots = False

    def __init__(self, client: RedisCluster, *, most: int) -> None:
        """
        Args:
            client: the driver's, for the cluster.
            most: commands under way at once; the driver refuses where a node's connections are all in use.
        """
        self._client = client
        self._places = asyncio.Semaphore(most)
        self._stale = False
        self._looked = float("-inf")
        for name in ("INFO", "SET", "CONFIG GET"):  # answers as they come, as from one server
            client.response_callbacks.pop(name, None)

    async def run(self, commands: Sequence[Command], *, writes: bool) -> list[Answer]:
        """See Server."""
        async with self._places:
            await self._know_nodes(writes=writes)
            answers: list[Answer] = [None] * len(commands)
            await self._settle(commands, answers, range(len(commands)))
            await self._settle_unknown_scripts(commands, answers)
        self._stale |= any(map(_says_that_nodes_changed, answers))
        return [_understood(answer, writes=writes) for answer in answers]

    async def everywhere(self, command: Command) -> list[Answer]:
        """See Server."""
        async with self._places:
            await self._know_nodes(writes=False)
            nodes = self._client.get_primaries()
            answers = await asyncio.gather(*(self._exchange(node, [command], asking=False) for node in nodes))
        return [_understood(answer, writes=False) for (answer,) in answers]

    async def _know_nodes(self, *, writes: bool) -> None:
        try:
            await self._client.initialize()
            await self._look_again()
        except _FAILURES as error:
            raise translate(error, writes=writes, sent=False) from error

    async def _look_again(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._stale and now - self._looked > _LOOK_SECONDS:
            self._looked = now
            await self._client.nodes_manager.initialize()
            self._stale = False

    async def _settle(self, commands: Sequence[Command], answers: list[Answer], wanted: Sequence[int]) -> None:
        """Puts the answers of the wanted commands into their places; follows those that have moved."""
        pause = _FIRST_PAUSE
        for attempt in range(_ROUNDS):
            await self._ask_nodes(commands, answers, wanted)
            wanted = [index for index in wanted if isinstance(answers[index], _ELSEWHERE)]
            if not wanted:
                return
            if any(type(answers[index]) is driver.MovedError for index in wanted):
                await self._follow()
            if attempt:  # the first redirection is followed at once
                await asyncio.sleep(pause)
                pause *= 2

    async def _follow(self) -> None:
        """Learns who owns what; where nobody says, the commands go where they went, and are told the same again."""
        try:
            await self._client.nodes_manager.initialize()
        except _FAILURES:
            self._stale = True

    async def _ask_nodes(self, commands: Sequence[Command], answers: list[Answer], wanted: Sequence[int]) -> None:
        groups: dict[str, tuple[ClusterNode | None, bool, list[int]]] = {}
        for index in wanted:
            node, asking = self._place(commands[index], answers[index])
            name = f"{node.name if node else ''} {asking}"
            groups.setdefault(name, (node, asking, []))[2].append(index)

        async def ask(node: ClusterNode | None, asking: bool, indices: Sequence[int]) -> None:
            found = await self._exchange(node, [commands[index] for index in indices], asking=asking)
            for index, answer in zip(indices, found, strict=True):
                answers[index] = answer

        await asyncio.gather(*(ask(*group) for group in groups.values()))

    def _place(self, command: Command, answer: Answer) -> tuple[ClusterNode | None, bool]:
        """Where a command goes, given what it was answered before; and whether it must say that it is ASKING."""
        if type(answer) is driver.AskError:
            node = self._client.get_node(answer.host, answer.port)
            if node is not None:
                return node, True
        if command[0] in _KEYLESS:
            return None, False
        key = command[3] if command[0] in _SCRIPTED else command[1]
        try:
            return self._client.get_node_from_key(key), False  # type: ignore[arg-type]  # it takes bytes
        except driver.SlotNotCoveredError:
            return None, False  # the driver says so again

    async def _exchange(self, node: ClusterNode | None, commands: Sequence[Command], *, asking: bool) -> list[Answer]:
        pipeline = self._client.pipeline()
        target: dict[str, Any] = {} if node is None else {"target_nodes": node}
        for name, *arguments in commands:
            if asking:
                pipeline.execute_command("ASKING", **target)
            pipeline.execute_command(bytes(name).decode(), *arguments, **target)  # type: ignore[arg-type]  # bytes
        try:
            answers: list[Answer] = await pipeline.execute(raise_on_error=False, allow_redirections=False)
        except _FAILURES as error:
            return [error] * len(commands)
        return answers[1::2] if asking else answers

    async def _settle_unknown_scripts(self, commands: Sequence[Command], answers: list[Answer]) -> None:
        """Scripts that a node did not know have changed nothing: they are sent again, whole, and known from then on."""
        unknown = [index for index, answer in enumerate(answers) if isinstance(answer, driver.NoScriptError)]
        if unknown:
            texts = list(commands)
            for index in unknown:
                texts[index] = whole(commands[index])
            await self._settle(texts, answers, unknown)

    async def close(self) -> None:
        """See Server."""
        await self._client.aclose()


def _says_that_nodes_changed(answer: Answer) -> bool:
    return isinstance(answer, Exception) and (
        not isinstance(answer, _ANSWERS)
        or isinstance(answer, driver.ClusterDownError | driver.MasterDownError | driver.MovedError)
    )


def _understood(answer: Answer, *, writes: bool) -> Answer:
    """An exception in a place is the server's answer, or what was lost on the way to its node."""
    if not isinstance(answer, Exception):
        return answer
    # A node that takes no connection, or is not as it must be, was sent nothing.
    sent = not isinstance(answer, (*_ANSWERS, Unsynced)) and not isinstance(answer.__context__, ConnectionRefusedError)
    error = translate(answer, writes=writes, sent=sent)
    error.__cause__ = answer
    return error
