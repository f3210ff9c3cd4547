"""Where fuzz targets play: a loop whose time passes only when told to, and a transport that keeps what is written.

Nothing here waits and nothing touches a socket, so that one input takes well under a millisecond and always ends the
same way.
"""

import asyncio
import logging
import selectors
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, Self

from prism.wire import timer
from prism.wire.http2 import frames
from prism.wire.http2.settings import encode_settings

_SETTLED: Final = 400  # turns of the loop in which anything must come to rest
_STUCK_ABOVE: Final = 64 * 1024


class Finding(AssertionError):
    """The code under test did what it must not."""


class Clock:
    """The time of `time.monotonic` and `time.time`, as far as prism.wire and the loop are concerned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _NoSockets(selectors.SelectSelector):
    """Never waits: the stage moves time, nothing else does."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._now = clock
        super().__init__(_NoSockets())

    def time(self) -> float:
        return self._now()


class _InOrder(dict[Any, None]):
    """A set in the order of its making: that of a set of objects goes by their addresses."""

    def add(self, each: object) -> None:
        self[each] = None

    def discard(self, each: object) -> None:
        self.pop(each, None)


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        reason = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.seen.append(record.getMessage() + reason)


class Stage:
    """One loop with its clock, and everything that has gone wrong on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = _Loop(self.clock)
        self.loop.set_exception_handler(self._on_exception)
        modules: list[tuple[str, Any]] = list(sys.modules.items())
        self._timed = [
            (module, name)
            for path, module in modules
            if path.startswith("prism.wire")
            for name in ("monotonic", "time")
            if callable(getattr(module, name, None))
        ]
        self._escaped: list[str] = []
        self._errors = _Errors()
        self._logger = logging.getLogger("prism.wire")
        self._logger.addHandler(self._errors)
        self._propagate = self._logger.propagate
        self._logger.propagate = False

    def rule_time(self) -> None:
        """Have prism.wire go by the stage's clock too; for a process that does nothing else."""
        for module, name in self._timed:
            setattr(module, name, self.clock)
        timer.set = _InOrder  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._errors)
        self._logger.propagate = self._propagate
        self.loop.close()

    def _on_exception(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._escaped.append(f"{context.get('message')}: {context.get('exception')!r}")

    def turn(self) -> None:
        """Run what is ready now, once."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def settle(self) -> None:
        """Run until nothing is ready any more."""
        for _ in range(_SETTLED):
            self.turn()
            if not self.loop._ready:  # type: ignore[attr-defined]
                return
        raise Finding(f"the loop is still busy after {_SETTLED} turns")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.turn()

    def inside(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call as the loop would; what the call raises comes out here."""
        asyncio._set_running_loop(self.loop)
        try:
            call(*arguments)
        finally:
            asyncio._set_running_loop(None)

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """A task of the target's own."""
        return self.loop.create_task(coroutine)

    def check(self) -> None:
        """Raise `Finding` where something escaped, was logged as an error, or is still running."""
        if self._escaped:
            escaped, self._escaped = self._escaped, []
            raise Finding(f"escaped into the loop: {escaped}")
        if self._errors.seen:
            seen, self._errors.seen = self._errors.seen, []
            raise Finding(f"logged as an error: {seen}")

    def check_rest(self) -> None:
        """The same, when all should be over: no task may be left."""
        tasks = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            self.settle()
            raise Finding(f"tasks left: {tasks}")
        self.check()


class Pipe(asyncio.Transport):
    """A transport to nowhere. While `stuck` its buffer fills, as with a peer that does not read."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.protocol: asyncio.Protocol | None = None
        self.written = bytearray()
        self.stuck = False
        self.reading = True
        self.aborted = False
        self.finished = False  # write_eof
        self._waiting = 0
        self._paused = False
        self._closing = False
        self._lost = False

    # The protocol's side.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 1234) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._lost:
            return
        if self.finished:
            raise Finding("a write behind write_eof")
        self.written += data
        if self.stuck:
            self._waiting += len(data)
            if self._waiting > _STUCK_ABOVE and not self._paused and self.protocol is not None:
                self._paused = True
                self.protocol.pause_writing()

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def get_write_buffer_size(self) -> int:
        return self._waiting

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.finished = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._waiting:
                self.stage.loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self.aborted = True
        self._closing = True
        self._waiting = 0
        self.stage.loop.call_soon(self._lose, None)

    # The target's side.

    @property
    def gone(self) -> bool:
        """Whether the protocol has let go of it."""
        return self._closing

    def feed(self, data: bytes) -> None:
        """The peer sends."""
        if not self._closing and self.protocol is not None:
            self.stage.inside(self.protocol.data_received, data)

    def drain(self) -> None:
        """The peer reads all there is."""
        self._waiting = 0
        if self._closing:
            self.stage.loop.call_soon(self._lose, None)
        elif self._paused and self.protocol is not None:
            self._paused = False
            self.stage.inside(self.protocol.resume_writing)

    def hang_up(self, error: Exception | None = None) -> None:
        """The peer is gone."""
        if not self._lost and self.protocol is not None:
            if error is None and not self._closing:
                self.stage.inside(self.protocol.eof_received)
            self._closing = True
            self._waiting = 0
            self.stage.inside(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost and self.protocol is not None:
            self._lost = True
            self.protocol.connection_lost(error)


def opening() -> bytes:
    """What a client connection begins with."""
    return frames.PREFACE + encode_settings({})
