"""Which of a plugin's processes gets a call, where such a process keeps what the store does not.

A process of Kafka's plugin has the partitions and the receipts of the consumers that it serves. Calls about the same
thing (the option `affinity` of an operation) go to the same process: to the one that has streams about it, else to one
that its name alone decides, another one for each gateway, so that many gateways use all of them.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from google.protobuf.message import DecodeError

from prism.interfaces.operation import Operation, Requests
from prism.plugins.rpc.endpoint import Endpoint

Subject = tuple[str, str]
"""A namespace, and the name of what a call is about."""


class Affinity:
    """Of one instance at one gateway.

    Args:
        operations: those that the plugin serves.
        seed: the gateway's own.
    """

    def __init__(self, operations: Iterable[Operation], seed: str) -> None:
        self._paths = {each.name: (each.request, each.affinity.split(".")) for each in operations if each.affinity}
        self._seed = seed
        self._streams: dict[Subject, list[Endpoint]] = {}

    def subject(self, operation: str, payload: bytes, namespace: str) -> Subject | None:
        """What a call is about; None where any process will do."""
        found = self._paths.get(operation)
        if found is None:
            return None
        kind, path = found
        try:
            value = kind.FromString(payload)
        except DecodeError:
            return None  # the plugin refuses it
        for name in path:
            value = getattr(value, name)
        return namespace, str(value)

    def choose(self, subject: Subject, rotation: Sequence[Endpoint]) -> Endpoint:
        """The endpoint for a call, of those that serve."""
        for endpoint in self._streams.get(subject, ()):
            if endpoint in rotation:
                return endpoint
        return max(rotation, key=lambda each: hash((self._seed, each.target, *subject)))

    @contextmanager
    def streaming(self, subject: Subject | None, endpoint: Endpoint) -> Iterator[None]:
        """A stream is under way there."""
        if subject is None:
            yield
            return
        streams = self._streams.setdefault(subject, [])
        streams.append(endpoint)
        try:
            yield
        finally:
            streams.remove(endpoint)
            if not streams:
                self._streams.pop(subject, None)


async def begun(first: bytes, requests: Requests) -> AsyncIterator[bytes]:
    """The requests of a stream of which the first was read."""
    yield first
    async for each in requests:
        yield each
