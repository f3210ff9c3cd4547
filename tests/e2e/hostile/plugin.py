"""SQLite's plugin in a process of its own, made worse in the way that a file names; read at each start, so that what
the file says next is the plugin's next version.
"""

import asyncio
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.keyvalue import SqliteKeyValue
from prism.errors import BackendUnavailable
from prism.host import main
from prism.sdk import Health, HealthStatus

TRIGGER = "bad"
_put = SqliteKeyValue.put


async def _fails(_backend: SqliteBackend) -> None:
    raise BackendUnavailable("the new version finds no disk")


async def _is_unhealthy(_backend: SqliteBackend) -> Health:
    return Health(HealthStatus.UNHEALTHY, "the new version is not well")


async def _hangs(_backend: SqliteBackend) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    await asyncio.Event().wait()


async def _allocates(self: SqliteKeyValue, request: Any, context: Any) -> Any:
    kept = []
    while request.id == TRIGGER:
        kept.append(bytearray(b"x") * (8 << 20))
    return await _put(self, request, context)


async def _spins(self: SqliteKeyValue, request: Any, context: Any) -> Any:
    while request.id == TRIGGER:
        pass
    return await _put(self, request, context)


async def _floods(self: SqliteKeyValue, request: Any, context: Any) -> Any:
    if request.id == TRIGGER:
        threading.Thread(target=_print, daemon=True).start()
    return await _put(self, request, context)


def _print() -> None:
    while True:
        print("x" * 200, file=sys.stderr)


BEHAVIOURS: dict[str, tuple[type, str, Any]] = {
    "fails": (SqliteBackend, "start", _fails),
    "unhealthy": (SqliteBackend, "health", _is_unhealthy),
    "hangs": (SqliteBackend, "stop", _hangs),
    "allocates": (SqliteKeyValue, "put", _allocates),
    "spins": (SqliteKeyValue, "put", _spins),
    "floods": (SqliteKeyValue, "put", _floods),
}

if __name__ == "__main__":
    behaviour = Path(sys.argv[1]).read_text()
    if behaviour in BEHAVIOURS:
        setattr(*BEHAVIOURS[behaviour])
    sys.argv = [sys.argv[0], "sqlite"]
    main()
