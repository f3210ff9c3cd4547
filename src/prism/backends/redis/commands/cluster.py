"""A cluster: each command goes to the node of its key, and follows it where it has gone.

The driver's client knows the slots. It is not left to send: it asks for a moving key over one connection and says
ASKING over another, gives no time to a batch as a whole, and knows no node that owns nothing yet. What one node does
not answer fails for its commands alone. What TRYAGAIN answers is not asked again here, where it would hold up the rest
of its batch, but by its caller: slot_migration.py.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import redis.exceptions as driver
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection

from prism.backends.redis.commands.pool import Answer, Command, Pool, exchange
from prism.backends.redis.commands.server import PROBES
from prism.backends.redis.data.scripts import NOT_HERE, whole
from prism.backends.redis.errors import IN_SCRIPT, translate
from prism.sdk.task_timeouts import TaskTimeouts
from prism.sdk.turns import Turns

_FAILURES: Final = (driver.RedisError, driver.RedisClusterException, OSError, TimeoutError)
_ROUNDS: Final = 6
_FIRST_PAUSE: Final = 0.01
_LOOK_SECONDS: Final = 0.1
"""So long it is not looked again for who owns what."""
_SCRIPTED: Final = frozenset({b"EVAL", b"EVALSHA"})
_ASKING: Final[Command] = (b"ASKING",)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a command goes; `asking` where the node does not own the key yet."""

    address: str
    asking: bool = False


@dataclass(frozen=True, slots=True)
class _Lost:
    """No answer came.

    Attributes:
        error: why.
        sent: whether the command may have reached its node.
    """

    error: Exception
    sent: bool


_NOBODYS: Final = _Lost(driver.ClusterDownError("no node owns its slot"), sent=False)


class Cluster:
    """Many servers, as one."""

    spans_slots = False

    def __init__(
        self,
        client: RedisCluster,
        connect: Callable[[str], AbstractConnection],
        *,
        max_in_flight: int,
        timeout: float,
        handshake_timeout: float,
    ) -> None:
        """
        Args:
            client: the driver's, for the cluster.
            connect: makes connections to a node, given its address.
            max_in_flight: commands under way at once, and so connections to each node.
            timeout: seconds for one exchange with a node.
            handshake_timeout: seconds in which a new connection must be ready.
        """
        self._client = client
        self._connect = connect
        self._timeout = timeout
        self._timeouts = TaskTimeouts()
        self._handshake_timeout = handshake_timeout
        self._pools: dict[str, Pool] = {}
        self._places = Turns(max_in_flight)
        self._stale = False
        self._looked = float("-inf")
        self._closed = False

    @property
    def open(self) -> int:
        """See Server. Those of the driver's client, which asks for the slots, are not counted."""
        return sum(pool.open for pool in self._pools.values())

    @property
    def idle(self) -> int:
        """See Server."""
        return sum(pool.idle for pool in self._pools.values())

    async def run(self, commands: Sequence[Command], *, writes: bool, namespace: str = "") -> list[Answer]:
        """See Server."""
        await self._places.take(namespace)
        try:
            await self._know_nodes(writes=writes)
            answers: list[Answer] = [None] * len(commands)
            await self._settle(commands, answers, range(len(commands)))
            await self._settle_unknown_scripts(commands, answers)
        finally:
            self._places.give_back()
        self._stale |= any(map(_says_that_nodes_changed, answers))
        return [_understood(answer, writes=writes) for answer in answers]

    async def everywhere(self, command: Command) -> list[Answer]:
        """See Server."""
        await self._places.take(PROBES)
        try:
            await self._know_nodes(writes=False)
            nodes = [(node.host, int(node.port)) for node in self._client.get_primaries()]
            answers = await asyncio.gather(*(self._exchange(_joined(*node), [command]) for node in nodes))
        finally:
            self._places.give_back()
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
            await self._drop_ownerless()

    async def _drop_ownerless(self) -> None:
        """Closes the connections to nodes that own nothing; one that is asked for a key again gets others."""
        known = {_joined(node.host, int(node.port)) for node in self._client.get_nodes()}
        for address in self._pools.keys() - known:
            await self._pools.pop(address).close()

    async def _settle(self, commands: Sequence[Command], answers: list[Answer], wanted: Sequence[int]) -> None:
        """Puts the answers of the wanted commands into their places; follows those that have moved."""
        places: dict[int, _Place | None] = {}
        pause = _FIRST_PAUSE
        for attempt in range(_ROUNDS):
            if attempt > 1:  # the first redirection is followed at once
                await asyncio.sleep(pause)
                pause *= 2
            places = {index: self._place(commands[index], answers[index], places.get(index)) for index in wanted}
            await self._ask_nodes(commands, answers, places)
            wanted = [index for index in wanted if type(answers[index]) is driver.AskError or _moved(answers[index])]
            if not wanted:
                return
            if any(_moved(answers[index]) for index in wanted):
                await self._follow()

    async def _follow(self) -> None:
        """Learns the owners of the slots, if a node answers."""
        self._stale = True
        try:
            await self._client.nodes_manager.initialize()
        except _FAILURES:
            return
        self._stale = False
        await self._drop_ownerless()

    async def _ask_nodes(
        self, commands: Sequence[Command], answers: list[Answer], places: Mapping[int, _Place | None]
    ) -> None:
        groups: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
        for index, place in places.items():
            if place is None:
                answers[index] = _NOBODYS
            else:
                groups[place.address].append((index, place.asking))

        async def ask(address: str, those: Sequence[tuple[int, bool]]) -> None:
            sent: list[Command] = []
            positions: dict[int, int] = {}
            for index, asking in those:
                if asking:
                    sent.append(_ASKING)
                positions[index] = len(sent)
                sent.append(commands[index])
            found = await self._exchange(address, sent)
            for index, position in positions.items():
                answers[index] = found[position]

        await asyncio.gather(*(ask(*group) for group in groups.items()))

    def _place(self, command: Command, answer: Answer, asked: _Place | None) -> _Place | None:
        """Where a command goes, given what it was answered before, and where; None where no node owns its key."""
        key = command[3] if command[0] in _SCRIPTED else command[1]
        if type(answer) is driver.AskError:
            return _Place(_joined(answer.host, answer.port), asking=True)
        try:
            owner = self._client.get_node_from_key(key)  # type: ignore[arg-type]  # it takes bytes
        except driver.SlotNotCoveredError:
            return None
        place = None if owner is None else _Place(_joined(owner.host, int(owner.port)))
        if type(answer) is driver.MovedError and place == asked:
            # The node that the others still name as the owner says which one is: it learns that first.
            self._stale = True
            return _Place(_joined(answer.host, answer.port))
        return place

    async def _exchange(self, address: str, commands: Sequence[Command]) -> list[Answer]:
        """What a node answers; or what was lost, in each place."""
        pool = self._pool(address)
        try:
            connection = await pool.take()
        except _FAILURES as error:
            return [_Lost(error, sent=False)] * len(commands)
        try:
            with self._timeouts.within(self._timeout):
                answers = await exchange(connection, commands)
        except _FAILURES as error:
            await pool.drop(connection)
            await pool.drop_idle()  # what has ended one has hardly left the others
            return [_Lost(error, sent=True)] * len(commands)
        except BaseException:
            await pool.drop(connection)
            raise
        await pool.give_back(connection)
        return answers

    def _pool(self, address: str) -> Pool:
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = Pool(
                partial(self._connect, address), handshake_timeout=self._handshake_timeout
            )
            pool.closed = self._closed
        return pool

    async def _settle_unknown_scripts(self, commands: Sequence[Command], answers: list[Answer]) -> None:
        """Scripts that a node did not know have changed nothing: they are sent again, whole, and known from then on."""
        unknown = [index for index, answer in enumerate(answers) if isinstance(answer, driver.NoScriptError)]
        if unknown:
            texts = list(commands)
            for index in unknown:
                texts[index] = whole(commands[index])
            await self._settle(texts, answers, unknown)

    async def close(self) -> None:
        """See Server. What is still under way closes its own when it is answered."""
        self._closed = True
        for pool in tuple(self._pools.values()):
            await pool.close()
        await self._client.aclose()


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _moved(answer: Answer) -> bool:
    """Whether a node has done nothing because it does not own the key."""
    if isinstance(answer, driver.MovedError):
        return True
    return isinstance(answer, driver.ResponseError) and NOT_HERE in str(answer) and IN_SCRIPT not in str(answer)


def _says_that_nodes_changed(answer: Answer) -> bool:
    return isinstance(answer, _Lost | driver.ClusterDownError | driver.MasterDownError) or _moved(answer)


def _understood(answer: Answer, *, writes: bool) -> Answer:
    """An exception in a place is the server's answer, or what was lost on the way to its node."""
    if isinstance(answer, _Lost):
        cause, sent = answer.error, answer.sent
    elif isinstance(answer, Exception):
        cause, sent = answer, False
    else:
        return answer
    error = translate(cause, writes=writes, sent=sent)
    error.__cause__ = cause
    return error
