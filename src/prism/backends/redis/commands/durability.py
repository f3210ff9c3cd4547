"""durability synced, asked of each connection: after a failover, or in a cluster, it leads to another server."""

from typing import Any

import redis.exceptions as driver
from redis.asyncio.connection import Connection

_WANTED = {b"appendonly": b"yes", b"appendfsync": b"always"}


class Unsynced(driver.RedisError):
    """The server answers before a write is on its disk, or its setting cannot be read."""


def synced(kind: type[Connection]) -> type[Connection]:
    """That kind of connection, which opens only to a server that syncs its file before it answers.

    Opening one raises `Unsynced` otherwise.
    """

    class Synced(kind):  # type: ignore[misc, valid-type]  # whichever it is
        """A connection that asks when it has logged in."""

        async def on_connect_check_health(self, check_health: bool = True) -> None:
            await super().on_connect_check_health(check_health=check_health)
            await self.send_command("CONFIG GET", "append*", check_health=False)
            try:
                answer = await self.read_response()
            except driver.NoPermissionError as error:
                raise Unsynced("Redis refuses CONFIG GET to the user: allow the user +config|get") from error
            except driver.ResponseError as error:
                raise Unsynced(f"the settings of Redis cannot be read, as it has no CONFIG: {error}") from error
            _check(answer)

    return Synced


def _check(answer: Any) -> None:
    if not isinstance(answer, list) or not answer or len(answer) % 2:
        raise Unsynced("the settings of Redis cannot be read, as its CONFIG GET is empty")
    settings = dict(zip(answer[::2], answer[1::2], strict=True))
    if not _WANTED.items() <= settings.items():
        found = " and ".join(settings.get(name, b"nothing").decode() for name in _WANTED)
        raise Unsynced(f"it has {found}")
