"""All that a gateway tells of itself besides its answers, from its first line to its last: set up and closed here."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from prism.control.audit_section import STANDARD_OUTPUT, AuditSection
from prism.control.config import Config
from prism.gateway.gateway import Gateway, Observer
from prism.telemetry import logs
from prism.telemetry.access import AccessLog
from prism.telemetry.audit_calls import AuditCalls
from prism.telemetry.audit_sink import RotatedFile, StandardOutput
from prism.telemetry.audit_trail import AuditTrail
from prism.telemetry.figure import Figure


class Telemetry:
    """Logs and the audit trail of one gateway; entered before anything starts, left when all has ended.

    Args:
        gateway: whose calls are told of.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._trail = AuditTrail()
        self._keeps_trail = False
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        logs.configure()
        self._stack.enter_context(self._trail)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def configure(self, config: Config) -> None:
        """Tells from now on what the configuration asks for.

        Raises:
            OSError: the audit trail cannot be written there.
        """
        section = config.telemetry.log
        logs.configure(section.level, section.format)
        observers: list[Observer] = []
        if section.access:
            observers.append(AccessLog())
        if config.audit.output:
            observers.append(self._keep_trail(config.audit))
        else:
            self._trail.leave()
        self._gateway.observers = observers

    def figures(self) -> Iterator[Figure]:
        """For the metrics."""
        if self._keeps_trail:
            yield from self._trail.figures()

    def _keep_trail(self, section: AuditSection) -> AuditCalls:
        if section.output == STANDARD_OUTPUT:
            self._trail.keep(StandardOutput(), queue=section.queue)
        else:
            try:
                file = RotatedFile(Path(section.output), max_size=section.max_size, keep=section.keep)
            except OSError as error:
                reason = f"the audit trail cannot be written to {section.output}: {error.strerror}; see audit.output"
                raise OSError(error.errno, reason) from error
            self._trail.keep(file, queue=section.queue)
        self._keeps_trail = True
        calls = AuditCalls(self._trail.put, section.calls, section.namespaces)
        self._gateway.denials.listen(calls.denied)
        return calls
