"""Logs, traces, metrics and the audit trail of a gateway process: set up and closed here."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from prism.config.sections.audit import STANDARD_OUTPUT, AuditSection
from prism.config.sections.root import Config
from prism.config.sections.traces import TracesSection
from prism.gateway.call import Call, Hop
from prism.gateway.gateway import Gateway, Observer
from prism.telemetry import logs
from prism.telemetry.audit.trail import AuditTrail
from prism.telemetry.current import CURRENT
from prism.telemetry.log_stream import LogStream
from prism.telemetry.metrics.metric_family import MetricFamily

# The observers of calls are imported where they are configured: most gateways have none or one.
if TYPE_CHECKING:
    from prism.gateway.observers.audit_calls import AuditCalls
    from prism.gateway.observers.tracer import Tracer
    from prism.telemetry.tracing.exporter import SpanExporter
    from prism.telemetry.tracing.sampling import Sampling


class Telemetry:
    """Logs, traces and the audit trail of one gateway; entered before anything starts, left when all has ended.

    Args:
        gateway: whose calls are observed.
        scrub: takes known secrets out of text.
    """

    def __init__(self, gateway: Gateway, scrub: Callable[[str], str] = str) -> None:
        self._gateway = gateway
        self._scrub = scrub
        self._log_stream = LogStream.of(sys.stderr)
        self._trail = AuditTrail(scrub=scrub)
        self._keeps_trail = False
        self._exporter: SpanExporter | None = None
        self._sampling: Sampling | None = None

    async def __aenter__(self) -> Self:
        logs.configure(stream=self._log_stream, scrub=self._scrub)
        self._trail.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exporter is not None:
            await self._exporter.close()
        self._trail.leave()
        if self._log_stream is not None:
            self._log_stream.close()

    def configure(self, config: Config) -> None:
        """Begins what the configuration asks for; called once, in the running loop.

        Raises:
            OSError: the audit trail cannot be written there, or the certificates of traces cannot be read.
            FailedPrecondition: what encodes traces is not installed.
        """
        log = config.telemetry.log
        logs.configure(log.level, log.format, self._log_stream, namespaces=log.namespaces, scrub=self._scrub)
        observers: list[Observer] = []
        first: Hop = note
        last: Sequence[Hop] = ()
        if log.access:
            from prism.gateway.observers.access_log import AccessLog

            observers.append(AccessLog())
        if config.audit.output:
            observers.append(self._keep_trail(config.audit))
        else:
            self._trail.leave()
        if config.telemetry.traces.endpoint:
            tracer = self._trace(config.telemetry.traces)
            observers.append(tracer)
            first, last = tracer.begin, (tracer.dispatched,)
        self._gateway.observe(observers, (first,), last)

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        if self._log_stream is not None:
            yield from self._log_stream.metrics()
        if self._keeps_trail:
            yield from self._trail.metrics()
        if self._exporter is not None:
            yield from self._exporter.metrics()
        if self._sampling is not None:
            yield from self._sampling.metrics()

    def _keep_trail(self, section: AuditSection) -> "AuditCalls":
        from prism.gateway.observers.audit_calls import AuditCalls
        from prism.telemetry.audit.sink import RotatedFile, StandardOutput

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

    def _trace(self, section: TracesSection) -> "Tracer":
        from prism.gateway.observers.tracer import Tracer
        from prism.telemetry.tracing.exporter import SpanExporter
        from prism.telemetry.tracing.otlp_sender import Receiver
        from prism.telemetry.tracing.resource import resource
        from prism.telemetry.tracing.sampling import Sampling, SamplingRule

        headers = {name: value.get_secret_value() for name, value in section.headers.items()}
        sender = Receiver(section.endpoint, section.protocol, headers, section.ca).sender()
        about = resource(section.service_name, section.attributes)
        self._exporter = SpanExporter(sender, about, queue=section.queue)
        self._exporter.start()
        self._sampling = Sampling(SamplingRule(section.ratio, section.slow, section.honour_caller))
        return Tracer(self._sampling, self._exporter.put, scrub=self._scrub)


def note(call: Call) -> None:
    """The first hop where calls are not traced: lines of the log say which call they are about."""
    CURRENT.set(call)
