"""Constraints and indexes: made before what they are about, so that no race can make a thing twice.

Nodes have one constraint for all; each label has an index that its nodes are listed by, and each type of edges a
constraint on `_id` and an index on `_in`, which edges are read by from either end.

They are made by a task of their own, which no caller's deadline ends: what is cut off may leave the index of a
constraint behind, without it.
"""

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from neo4j import AsyncManagedTransaction

from prism.backends.opencypher import lease
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.names import NODE, OWNER, quoted
from prism.context import Context
from prism.errors import DeadlineExceeded
from prism.sdk import Deadline

_THERE: Final = """
SHOW INDEXES YIELD name, state, type, entityType, labelsOrTypes, properties, owningConstraint
WHERE type = 'RANGE' AND any(each IN labelsOrTypes WHERE each IN $names)
RETURN name, state, entityType, labelsOrTypes, properties, owningConstraint
"""
_ONLINE: Final = "CALL db.awaitIndex($name, 300)"
_HAS_LOCK: Final = "CALL db.propertyKeys() YIELD propertyKey WHERE propertyKey = '_lock' RETURN 1"
_NAME_LOCK: Final = "CALL db.createProperty('_lock')"
_SECONDS: Final = lease.SECONDS + 2 * lease.WORK_SECONDS
"""That a task may take: another gateway that has the lease may have died, and one more may come before it."""
_PAUSE: Final = 0.1
"""Seconds between two looks at what another gateway makes, at random about this."""


Place = tuple[str, bool, tuple[str, ...]]
"""Of an index: its label or type, whether it is of edges, its properties."""


@dataclass(frozen=True, slots=True)
class Index:
    """One of the server's, with its constraint where it has one.

    Attributes:
        name: the label, or the type of edges, as the server has it.
        of_edges: it is a type.
        properties: what it is on.
        unique: it is a constraint's.
    """

    name: str
    of_edges: bool
    properties: tuple[str, ...]
    unique: bool

    @property
    def place(self) -> Place:
        """Where the server has it, whether a constraint's or not."""
        return self.name, self.of_edges, self.properties

    @property
    def create(self) -> str:
        """The statement that makes it."""
        each = f"()-[x:{quoted(self.name)}]-()" if self.of_edges else f"(x:{quoted(self.name)})"
        on = ", ".join(f"x.{name}" for name in self.properties)
        if self.unique:
            return f"CREATE CONSTRAINT IF NOT EXISTS FOR {each} REQUIRE ({on}) IS UNIQUE"
        return f"CREATE INDEX IF NOT EXISTS FOR {each} ON ({on})"


@dataclass(frozen=True, slots=True)
class _There:
    """What the server has in the place of one: its name, whether it is filled, whether it is a constraint's."""

    name: str
    filled: bool
    unique: bool


class Schema:
    """What is made of constraints and indexes in one database."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lease = lease.Lease(link)
        self._made: set[Index] = set()
        self._wanted: set[Index] = set()
        self._job: asyncio.Task[None] | None = None

    async def nodes(self, context: Context) -> None:
        """Makes what all nodes need."""
        await self._have(context, {Index(NODE, of_edges=False, properties=("_ns", "_id"), unique=True)})
        # REMOVE of a property that no node ever had locks none: the server does not know its name.
        if not await self._link.rows(context, _HAS_LOCK):
            await self._link.rows(context, _NAME_LOCK)

    async def owner(self, context: Context) -> None:
        """Makes what the node needs that says whose the database is."""
        await self._have(context, {Index(OWNER, False, ("_id",), True)})

    async def labels(self, context: Context, labels: Collection[str]) -> None:
        """Makes what nodes with these labels, as the server has them, need."""
        await self._have(context, {Index(each, False, ("_ns", "_id"), False) for each in labels})

    async def types(self, context: Context, types: Collection[str]) -> None:
        """Makes what edges of these types need."""
        ids = {Index(each, True, ("_id",), True) for each in types}
        await self._have(context, ids | {Index(each, True, ("_in",), False) for each in types})

    async def stop(self) -> None:
        """Gives up what is being made."""
        if self._job is not None:
            self._job.cancel()
            await asyncio.wait([self._job])

    async def _have(self, context: Context, wanted: set[Index]) -> None:
        if wanted <= self._made:
            return
        self._wanted |= wanted
        try:
            async with asyncio.timeout(None if context.deadline is None else context.deadline.remaining()):
                while not wanted <= self._made:
                    if self._job is None or self._job.done():
                        self._job = asyncio.create_task(self._make(self._wanted | wanted), name="neo4j-schema")
                        self._wanted = set()
                        self._job.add_done_callback(_seen)
                    await asyncio.shield(self._job)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "Neo4j's constraints and indexes were not made before the deadline; allow more time"
            ) from error

    async def _make(self, wanted: set[Index]) -> None:
        """Makes what is missing, or waits until another gateway has made it."""
        context = Context("", Deadline.after(_SECONDS))
        while _missing(wanted, there := await self._there(context, wanted)):
            async with self._lease.asked(context) as work:
                if work is not None:
                    await self._create(work, wanted)
            if work is None:
                await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE)  # noqa: S311  # so that two do not meet again
        for found in there.values():
            if not found.filled:
                await self._link.rows(context, _ONLINE, name=found.name)
        self._made |= wanted

    async def _create(self, context: Context, wanted: Collection[Index]) -> None:
        """Makes what is still missing, by the lease."""
        there = await self._there(context, wanted)
        missing = _missing(wanted, there)
        for index in missing:
            if index.place in there:  # a constraint's that was cut off
                await self._link.rows(context, f"DROP INDEX {quoted(there[index.place].name)} IF EXISTS")

        async def work(transaction: AsyncManagedTransaction) -> None:
            for index in missing:
                await (await transaction.run(index.create)).consume()

        await self._link.write(context, work)

    async def _there(self, context: Context, wanted: Collection[Index]) -> Mapping[Place, _There]:
        rows = await self._link.rows(context, _THERE, names=[*{each.name for each in wanted}])
        places = {each.place for each in wanted}
        found = {
            (names[0], entity == "RELATIONSHIP", tuple(properties)): _There(name, state == "ONLINE", owner is not None)
            for name, state, entity, names, properties, owner in rows
        }
        return {place: each for place, each in found.items() if place in places}


def _missing(wanted: Iterable[Index], there: Mapping[Place, _There]) -> list[Index]:
    """What is not there, or is not a constraint's that is to be."""
    return [each for each in wanted if each.place not in there or (each.unique and not there[each.place].unique)]


def _seen(job: asyncio.Task[None]) -> None:
    """Its error may have no reader left."""
    if not job.cancelled():
        job.exception()
