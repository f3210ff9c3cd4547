"""What a role asks of a broker: to take messages, or to give them; a table has the brokers."""

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, cast

from prism.client import QueueMessage
from prism.errors import FailedPrecondition
from prism.roles.container.settings import Settings


@dataclass(frozen=True, slots=True)
class Taken:
    """A message from a broker.

    Attributes:
        topic: the broker's name for where it was.
        key: names this message in the broker: the same one again has the same.
        receipt: what `Source.settle` needs.
    """

    topic: str
    payload: bytes
    attributes: Mapping[str, str]
    key: str
    receipt: object


class Broker(Protocol):
    """A broker, from `start` to `stop`."""

    async def start(self) -> None:
        """Connects.

        Raises:
            PrismError: it cannot.
        """
        ...

    async def stop(self) -> None: ...

    async def health(self) -> str:
        """What is wrong; empty where it answers."""
        ...


class Sink(Broker, Protocol):
    """Where a publisher sends to."""

    async def send(self, message: QueueMessage) -> None:
        """Returns when the broker has acknowledged the message; one that is sent again is there once where the broker
        can see that.

        Raises:
            InvalidArgument: it never will.
            PrismError: it has not.
        """
        ...


class Source(Broker, Protocol):
    """Where a consumer takes from; its replicas share what is there."""

    async def take(self, limit: int, stop: asyncio.Event) -> Sequence[Taken]:
        """Messages that are due, at most so many; waits a while for the first one, or until `stop`."""
        ...

    async def settle(self, taken: Sequence[Taken]) -> None:
        """They need not come again."""
        ...

    async def give_back(self, taken: Sequence[Taken], delay: float = 0.0) -> None:
        """They come again, to any replica, after so many seconds."""
        ...


_BROKERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"kafka": ("prism.roles.container.kafka", "Kafka"), "nats": ("prism.roles.container.nats", "Nats")}
)
"""By PRISM_BACKEND_TYPE: module, and what the names of its classes begin with."""


def sink(settings: Settings) -> Sink:
    """Where a publisher sends to."""
    return cast("Sink", _made(settings, "Sink"))


def source(settings: Settings) -> Source:
    """Where a consumer takes from."""
    return cast("Source", _made(settings, "Source"))


def _made(settings: Settings, kind: str) -> object:
    found = _BROKERS.get(settings.prism_backend_type)
    if found is None:
        known = ", ".join(_BROKERS)
        raise FailedPrecondition(f"PRISM_BACKEND_TYPE {settings.prism_backend_type!r} is not known; known are {known}")
    module, name = found
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise FailedPrecondition(
            f"the driver of {settings.prism_backend_type} is not installed: "
            f"pip install 'prism-gateway[{settings.prism_backend_type}]'"
        ) from error
    made: object = getattr(loaded, name + kind)(settings)
    return made
