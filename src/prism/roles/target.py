"""Where a relay hands messages to: a topic of Queue, or of PubSub."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prism.client import Client, Outgoing, QueueOutgoing
from prism.client.transact import MailboxMessage
from prism.errors import AlreadyExists, InvalidArgument, PrismError, Unimplemented

log = logging.getLogger(__name__)

_FOR_GOOD: Final = (InvalidArgument, AlreadyExists)
_TOO_LARGE: Final = "MESSAGE_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Failed:
    """The target did not take a message, or may not have; it may later."""

    error: PrismError


class Refused(Failed):
    """The target will never take it."""

    @property
    def reason(self) -> str:
        """Why, for the operator."""
        return f"{self.error.reason}: {self.error.message}"


class Target:
    """A topic.

    Args:
        client: of a gateway that serves its namespace.
        kind: the abstraction.
        namespace: where it is.
        topic: its name.
        refused_holds: what is refused is waited for too, and holds up what comes after it of its key.
    """

    def __init__(
        self, client: Client, kind: Literal["queue", "pubsub"], namespace: str, topic: str, *, refused_holds: bool
    ) -> None:
        self._queue = client.queue(namespace) if kind == "queue" else None
        self._pubsub = client.pubsub(namespace)
        self._topic = topic
        self._refused_holds = refused_holds
        self._keys = True
        self._ordered = True
        self._whole = True

    async def send(self, messages: Sequence[MailboxMessage]) -> list[Failed | None]:
        """What became of each; None where it was taken. Of one ordering key none is taken before the one before it."""
        if self._queue is not None:
            return await self._attempt(messages)
        results: dict[str, Failed | None] = {}
        left = list(messages)
        while left:  # of PubSub each of a key once the one before is acknowledged
            turn, rest, keys, stuck = [], [], set(), set()
            for each in left:
                if each.ordering_key and each.ordering_key in keys:
                    rest.append(each)
                else:
                    turn.append(each)
                    keys.add(each.ordering_key)
            for each, result in zip(turn, await self._attempt(turn), strict=True):
                results[each.id] = result
                if result is not None and self._holds(result) and each.ordering_key:
                    stuck.add(each.ordering_key)
            for each in rest:
                if each.ordering_key in stuck:
                    results[each.id] = next(results[done.id] for done in turn if done.ordering_key == each.ordering_key)
            left = [each for each in rest if each.ordering_key not in stuck]
        return [results[each.id] for each in messages]

    def _holds(self, failed: Failed) -> bool:
        """Whether what comes after it waits."""
        return self._refused_holds or not isinstance(failed, Refused)

    async def _attempt(self, messages: Sequence[MailboxMessage]) -> list[Failed | None]:
        try:
            errors = await self._send(messages)
        except PrismError as error:
            if self._does_without(error):
                return await self._attempt(messages)
            if len(messages) > 1 and (isinstance(error, _FOR_GOOD) or error.reason == _TOO_LARGE):
                return await self._one_by_one(messages)
            errors = [error] * len(messages)
        if any(each is not None and self._does_without(each) for each in errors):
            left = [each for each, error in zip(messages, errors, strict=True) if error is not None]
            again = iter(await self._attempt(left))
            return [None if error is None else next(again) for error in errors]
        return _results(messages, errors)

    async def _one_by_one(self, messages: Sequence[MailboxMessage]) -> list[Failed | None]:
        results: list[Failed | None] = []
        for each in messages:
            results += await self._attempt([each])
            last = results[-1]
            if last is not None and self._holds(last):
                return results + [last] * (len(messages) - len(results))
        return results

    async def _send(self, messages: Sequence[MailboxMessage]) -> list[PrismError | None]:
        if self._queue is not None:
            outgoing = [
                QueueOutgoing(
                    topic=self._topic, payload=each.payload, attributes=each.attributes,
                    ordering_key=each.ordering_key if self._ordered else "",
                    idempotency_key=each.id if self._keys else "",
                )
                for each in messages
            ]  # fmt: skip
            # As a whole: taken one by one, they would stand in the order of their keys alone.
            whole = self._whole and len(outgoing) > 1
            return [each.error for each in await self._queue.publish_batch(outgoing, atomic=whole)]
        sent = [
            Outgoing(self._topic, each.payload, each.attributes, each.ordering_key if self._ordered else "")
            for each in messages
        ]
        return [each.error for each in await self._pubsub.publish_batch(sent)]

    def _does_without(self, error: PrismError) -> bool:
        """Whether the target lacks something that messages can do without; it is asked for no more then."""
        capability = error.metadata.get("capability") if isinstance(error, Unimplemented) else None
        if capability == "idempotency_window" and self._keys:
            self._keys = False
            log.warning("the target of %s takes no idempotency keys: what a crash leaves open comes twice", self._topic)
            return True
        if capability == "atomic_publish" and self._whole:
            self._whole = False
            log.info("the target of %s takes no batch as a whole: order is kept by key", self._topic)
            return True
        if capability == "ordering" and self._ordered:
            self._ordered = False
            log.warning("the target of %s keeps no order by key", self._topic)
            return True
        return False


def _results(messages: Sequence[MailboxMessage], errors: Sequence[PrismError | None]) -> list[Failed | None]:
    """What comes behind one that failed, of its ordering key, has not had its turn: whatever is said of it."""
    failed: set[str] = set()
    results: list[Failed | None] = []
    for message, error in zip(messages, errors, strict=True):
        if error is None:
            results.append(None)
            continue
        results.append(Failed(error) if message.ordering_key in failed else _failed(error))
        if message.ordering_key:
            failed.add(message.ordering_key)
    return results


def _failed(error: PrismError) -> Failed:
    return Refused(error) if isinstance(error, _FOR_GOOD) or error.reason == _TOO_LARGE else Failed(error)
