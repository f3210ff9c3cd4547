"""Gateways that use one namespace's queues ask and tell each other: what has changed, what their consumers have.

Each has a record among the namespace's for as long as it is there, so that who asks knows how many answers will come.
One that was killed is waited for a moment, until its record expires.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from nats import errors
from nats.aio.msg import Msg

from prism.backends.nats.errors import translate
from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.jetstream.refusals import STREAM_MISSING, ApiError
from prism.backends.nats.queue.state import State
from prism.backends.nats.session import NatsSession
from prism.errors import PrismError

PRESENT: Final = 30.0
"""Seconds that an instance is taken for present after it last said so."""
ANSWER: Final = 0.25
"""Seconds in which others answer."""
_REJOIN: Final = 0.05


class Instances:
    """The instances of this backend at one namespace's queues.

    Args:
        jetstream, names, state: of the namespace.
        changed: called with a topic that another one has changed.
        flying: what this one's consumers have of a group, as JSON.
        done: the numbers of what they have lately acknowledged.
        learn: called with a topic, a group and the numbers of what the group is done with.
    """

    def __init__(
        self,
        jetstream: JetStream,
        names: QueueNames,
        state: State,
        changed: Callable[[str], None],
        flying: Callable[[str, str], list[Any]],
        done: Callable[[str, str], list[int]],
        learn: Callable[[str, str, list[int]], None],
    ) -> None:
        self._jetstream = jetstream
        self._names = names
        self._state = state
        self._changed = changed
        self._flying = flying
        self._done = done
        self._learn = learn
        self._id = secrets.token_hex(8)
        self._session: NatsSession | None = None
        self._hears: NatsSession | None = None
        self._joining = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def _mine(self) -> str:
        return f"{self._names.state_root}i.{self._id}"

    async def join(self) -> None:
        """Is heard, and hears the others, from now on; does nothing where it is so already."""
        session = await self._jetstream.session()
        if session is self._session:
            return
        async with self._joining:
            if session is self._session:
                return
            with suppress(errors.Error, OSError):
                if session is not self._hears:
                    await session.do(session.client.subscribe(self._names.told, cb=self._told))
                    self._hears = session
                await session.do(session.flush())
                await self._state.put(self._mine, self._id, PRESENT)
                self._session = session
            if self._keeper is None:
                self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="nats-queue-presence")

    async def _keep(self) -> None:
        while True:
            session = self._session
            if session is None or session.lost.done():
                await asyncio.sleep(_REJOIN)
            else:
                await asyncio.wait((session.lost,), timeout=PRESENT / 3)
            with suppress(PrismError, ApiError):
                await self.join()
                await self._state.put(self._mine, self._id, PRESENT)

    async def stop(self) -> None:
        """Is there no longer."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            with suppress(PrismError, ApiError):
                await self._state.forget(self._mine)

    async def _told(self, message: Msg) -> None:
        told = json.loads(message.data)
        if told["from"] == self._id:
            return
        if "changed" in told:
            self._changed(told["changed"])
            answer: Mapping[str, Any] = {}
        elif "learn" in told:
            self._learn(*told["learn"])
            answer = {}
        elif "done" in told:
            answer = {"done": self._done(*told["done"])}
        else:
            answer = {"flying": self._flying(*told["who"])}
        if message.reply:
            with suppress(errors.Error, OSError):
                await message.respond(json.dumps(answer).encode())

    async def tell(self, topic: str) -> None:
        """A topic or one of its groups has changed: the others know when this returns, those that answer."""
        self._changed(topic)
        await self._ask({"changed": topic})

    async def flying(self, topic: str, group: str) -> list[list[Any]]:
        """What all consumers of a group have."""
        answers, _ = await self._ask({"who": [topic, group]})
        return [*self._flying(topic, group), *(each for answer in answers for each in answer.get("flying", []))]

    async def tell_done(self, topic: str, group: str, numbers: list[int]) -> None:
        """A group is done with messages, which the others do not deliver any more when this returns."""
        self._learn(topic, group, numbers)
        await self._ask({"learn": [topic, group, numbers]})

    async def done(self, topic: str, group: str) -> tuple[list[int], bool]:
        """What consumers of others have lately acknowledged, and whether all others have said so."""
        answers, everyone = await self._ask({"done": [topic, group]})
        return [each for answer in answers for each in answer.get("done", [])], everyone

    async def _present(self) -> set[str]:
        """The instances that are there, as the leader of the records has them."""
        asked = {"subjects_filter": f"{self._names.state_root}i.*"}
        try:
            info = await self._jetstream.ask(f"STREAM.INFO.{self._names.state}", asked, reads=True)
        except ApiError as error:
            if error.number == STREAM_MISSING:
                return set()
            raise
        return {each.rpartition(".")[2] for each in info["state"].get("subjects") or {}}

    async def _ask(self, what: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
        session = await self._jetstream.session()
        others = await self._present() - {self._id}
        if not others:
            return [], True
        answers: list[Mapping[str, Any]] = []
        done = asyncio.Event()

        async def take(message: Msg) -> None:
            if message.data:
                answers.append(json.loads(message.data))
            if len(answers) >= len(others):
                done.set()

        body = json.dumps({"from": self._id, **what}).encode()
        inbox = session.client.new_inbox()
        try:
            subscription = await session.do(session.client.subscribe(inbox, cb=take))
            try:
                await session.do(session.client.publish(self._names.told, body, reply=inbox))
                with suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER):
                        await done.wait()
            finally:
                session.spawn(subscription.unsubscribe())
        except (errors.Error, OSError) as error:
            raise translate(error) from error
        return answers, len(answers) >= len(others)
