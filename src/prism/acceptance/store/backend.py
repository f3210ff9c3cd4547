"""The store that a plugin is tested on: a real one, which the kit starts, breaks and ends.

Source: RFC-008 "Test Backend Lifecycle Management".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

SMALL_PUBSUB: Mapping[str, object] = MappingProxyType(
    {"max_bytes": 16 << 20, "buffer_bytes": 4 << 20, "progress_interval": 0.2}
)
"""Options of PubSub that persists for tests: what is over them is seen after a few large messages, at once."""

SMALL_SERIES: Mapping[str, object] = MappingProxyType(
    {"exact_values": 2000, "max_groups": 500, "progress_interval": 0.2}
)
"""Options of TimeSeries for tests: what is over them is a request or two away, and tails say soon where they stand."""


class StoreMissing(Exception):
    """The store cannot be had on this machine; the message is the reason to skip its tests by."""


class TestBackend(Protocol):
    """A real store for tests; constructed without arguments, it does nothing before `start`.

    What may be said of it, or done to it, besides is a Protocol each: `Lesser`, `Rotatable`, `Killable`, `Pausable`,
    `Disconnectable`, `Faulty`, `Networked`, `Tabled`. What a kind of store does not have (a store in the plugin's own
    memory cannot be killed apart from it) is listed in `lacks`, with the reason that a skipped test gives; its method
    is not called then, and need not exist.

    Attributes:
        lacks: the methods that mean nothing here, and why.
    """

    if not TYPE_CHECKING:
        __test__ = False  # pytest would take it for a class of tests, by its name

    lacks: Mapping[str, str]

    async def start(self) -> None:
        """Starts the store, empty the first time; after `kill` with what it had stored. Returns when it answers.

        Raises:
            StoreMissing: it is not installed here.
        """
        ...

    async def stop(self) -> None:
        """Ends it for good; nothing is left. May be called before `start`."""
        ...

    async def reset(self) -> None:
        """Empties it: places handed out before are gone."""
        ...

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The `config` of a namespace on this store. Places are apart from one another, made when first asked for."""
        ...

    def credentials(self) -> Mapping[str, str]:
        """The `credentials` of a namespace on this store, as they are now; empty where it has none."""
        ...


@runtime_checkable
class Lesser(Protocol):
    """A store that has less than the manifest declares: its plugin finds that out, and refuses it.

    Attributes:
        declares: by abstraction, the capabilities that are otherwise, and what they are here.
    """

    declares: Mapping[str, Mapping[str, object]]


@runtime_checkable
class Rotatable(Protocol):
    """A store that takes credentials, which may be changed."""

    async def rotate_credentials(self) -> None:
        """Gives the account another secret; what `credentials` gave before is refused from now on."""
        ...


@runtime_checkable
class Killable(Protocol):
    """A store that may end as in a crash."""

    async def kill(self) -> None:
        """Ends it as a crash does; the data stays for `start`."""
        ...


@runtime_checkable
class Pausable(Protocol):
    """A store that may be frozen."""

    async def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers, until `resume`."""
        ...

    async def resume(self) -> None:
        """Ends a pause."""
        ...


@runtime_checkable
class Disconnectable(Protocol):
    """A store that is reached by connections."""

    async def disconnect(self) -> None:
        """Ends every connection that it has accepted, in the midst of whatever they do."""
        ...


Fault = Literal["read_only", "full", "conflict", "damaged"]
"""Why a store that answers may refuse a write: nothing may be written, no room is left, another transaction holds what
it needs, or what it has stored is damaged."""


@runtime_checkable
class Faulty(Protocol):
    """What a test backend offers besides where its store can be made to refuse writes; `lacks` may name a fault too."""

    async def break_(self, fault: Fault) -> None:
        """Lets the store refuse writes from now on, for that reason, until `mend`."""
        ...

    async def mend(self) -> None:
        """Lets it take writes again."""
        ...


@runtime_checkable
class Networked(Protocol):
    """What a test backend offers besides where its store is reached by TCP, so that a proxy fits between."""

    @property
    def address(self) -> tuple[str, int]:
        """Where the store listens."""
        ...

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """As `connection_config`, by way of that port of 127.0.0.1."""
        ...


@runtime_checkable
class Tabled(Protocol):
    """A store with tables that are not Prism's own, which tests make and change as other programs do."""

    async def execute(self, place: str, *statements: str) -> list[tuple[object, ...]]:
        """Runs statements in the database of a place, in one transaction; the rows of the last one."""
        ...


class LocalStore:
    """What the test backends of stores without a server share: nothing runs that could be broken from outside."""

    lacks: Mapping[str, str] = {
        "rotate_credentials": "the store takes no credentials",
        "kill": "the store has no server: it ends with the plugin",
        "pause": "the store has no server: it runs in the plugin",
        "disconnect": "the store has no server: there are no connections",
    }

    def credentials(self) -> Mapping[str, str]:
        """It takes none."""
        return {}
