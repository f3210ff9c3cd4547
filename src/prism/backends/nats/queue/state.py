"""What JetStream does not keep of a queue's deliveries, in a stream of small records: the last of each subject counts.

Of most messages there is none: only of those that were released, nacked or extended, and what is kept for a consumer
whose stream broke. Records are removed when their topic would not keep the message any more either.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.jetstream.refusals import (
    MESSAGE_MISSING,
    STREAM_EXISTS,
    STREAM_MISSING,
    WRONG_SEQUENCE,
    ApiError,
    JetStreamMissingError,
)
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.backends.nats.queue.messages import MICROS, TTL

_ONLY: Final = "Nats-Expected-Last-Subject-Sequence"
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a delivery of a message.

    Attributes:
        delivery: which one.
        over: it has ended; else it was extended.
        uncounted: deliveries up to it that are not attempts.
        began: milliseconds; when its lease began anew.
        until: milliseconds; when its lease ends.
        reason: why it has failed.
    """

    delivery: int
    over: bool = False
    uncounted: int = 0
    began: int = 0
    until: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of a group, for what is not kept any more."""

    dead_removed: int = 0
    expired: int = 0
    redriven: int = 0


class State:
    """The records of one namespace.

    Args:
        jetstream: keeps them.
        names: of the namespace.
        replicas: how many servers keep them.
    """

    def __init__(self, jetstream: JetStream, names: QueueNames, replicas: int) -> None:
        self._jetstream = jetstream
        self._names = names
        self._replicas = replicas
        self._making: SingleFlight[None] = SingleFlight()

    async def get(self, subject: str) -> tuple[int, Any]:
        """The number of a record, and the record; 0 and None where there is none."""
        try:
            answer = await self._jetstream.ask(
                f"STREAM.MSG.GET.{self._names.state}", {"last_by_subj": subject}, reads=True
            )
        except ApiError as error:
            if error.number in (MESSAGE_MISSING, STREAM_MISSING):
                return 0, None
            raise
        message = answer["message"]
        return message["seq"], json.loads(base64.b64decode(message.get("data") or "") or "null")

    async def put(self, subject: str, record: Any, seconds: float, *, only: int | None = None) -> bool:
        """Writes a record, kept for so many seconds; whether the one before had the number `only`."""
        headers = {TTL: f"{int(seconds) + 1}s"} if seconds else {}
        if only is not None:
            headers[_ONLY] = str(only)
        payload = json.dumps(record).encode()
        try:
            await self._published(subject, payload, headers)
        except ApiError as error:
            if error.number in WRONG_SEQUENCE:
                return False
            raise
        return True

    async def _published(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        try:
            await self._jetstream.publish(subject, payload, headers)
        except JetStreamMissingError:
            await self._making.do(self._names.state, self._create)
            await self._jetstream.publish(subject, payload, headers)

    async def _create(self) -> None:
        wanted = {
            "name": self._names.state,
            "subjects": [f"{self._names.state_root}>"],
            "max_msgs_per_subject": 1,
            "num_replicas": self._replicas,
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "allow_msg_ttl": True,
            "allow_direct": True,
            "duplicate_window": 100_000_000,
        }
        try:
            await self._jetstream.ask(f"STREAM.CREATE.{self._names.state}", wanted)
        except ApiError as error:
            if error.number != STREAM_EXISTS:
                raise

    async def record(self, topic: str, group: str, seq: int) -> Record | None:
        """What became of the last delivery of a message that had anything but an acknowledgement."""
        _, found = await self.get(self._names.delivery(topic, group, seq))
        return Record(**found) if found else None

    async def note(self, topic: str, group: str, seq: int, record: Record, seconds: float) -> None:
        """Writes what became of a delivery."""
        await self.put(self._names.delivery(topic, group, seq), asdict(record), seconds)

    async def counted(self, topic: str, group: str) -> Counted:
        """What is counted of a group."""
        _, found = await self.get(self._names.counted(topic, group))
        return Counted(**found) if found else Counted()

    async def count(self, topic: str, group: str, change: Callable[[Counted], Counted]) -> None:
        """Counts something."""
        subject = self._names.counted(topic, group)
        for _ in range(_TRIES):
            seq, found = await self.get(subject)
            after = change(Counted(**found) if found else Counted())
            if await self.put(subject, asdict(after), 0, only=seq):
                return

    async def secret(self) -> bytes:
        """What receipts are authenticated with: made once."""
        subject = f"{self._names.state_root}secret"
        while True:
            seq, found = await self.get(subject)
            if found:
                return bytes.fromhex(found)
            await self.put(subject, secrets.token_hex(32), 0, only=seq)

    async def take(self, subject: str) -> Any:
        """A record, which is removed for no other to get it; None where there is none."""
        seq, found = await self.get(subject)
        if not found:
            return None
        return found if await self.put(subject, None, 1.0, only=seq) else None

    async def forget(self, *subjects: str) -> None:
        """Removes records by patterns of their subjects."""
        for subject in subjects:
            try:
                await self._jetstream.ask(f"STREAM.PURGE.{self._names.state}", {"filter": subject})
            except ApiError as error:
                if error.number != STREAM_MISSING:
                    raise
                return


def kept(retention: int, more: int) -> float:
    """Seconds that a record of a message is kept: as long as the message may be, and a lease."""
    return (retention + more) / MICROS
