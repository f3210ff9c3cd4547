"""The access log: a line for every call. Off unless asked for, because a line costs more than a call."""

import logging
from typing import Protocol

from prism.wire.status import Code

log = logging.getLogger("prism.access")


class Recorder(Protocol):
    """What counts calls."""

    def begin(self, operation: str) -> None: ...

    def end(self, namespace: str, operation: str, code: Code, seconds: float) -> None: ...


class AccessLog:
    """A recorder that logs each call when it ends, and passes it on.

    Args:
        recorder: counts the calls.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def begin(self, operation: str) -> None:
        """A call has arrived."""
        self._recorder.begin(operation)

    def end(self, namespace: str, operation: str, code: Code, seconds: float) -> None:
        """A call has ended."""
        self._recorder.end(namespace, operation, code, seconds)
        fields = {
            "namespace": namespace,
            "operation": operation,
            "status": code.name,
            "milliseconds": round(seconds * 1000, 3),
        }
        log.info("call", extra=fields)
