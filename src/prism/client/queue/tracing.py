"""The span of a handler, where the application uses OpenTelemetry: linked to where the message was published."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from prism.client.queue.message import QueueMessage

_API: Final = "opentelemetry.trace"
_SCOPE: Final = "prism.client"


@contextmanager
def processing(message: QueueMessage) -> Iterator[None]:
    """For as long as its handler runs; an error that it raises is the span's."""
    api: Any = sys.modules.get(_API)
    if api is None:
        yield
        return
    about = {
        "messaging.system": "prism",
        "messaging.operation.type": "process",
        "messaging.destination.name": message.topic,
        "messaging.message.id": message.id,
    }
    tracer = api.get_tracer(_SCOPE)
    with tracer.start_as_current_span(
        f"process {message.topic}", kind=api.SpanKind.CONSUMER, links=_links(api, message), attributes=about
    ):
        yield


def _links(api: Any, message: QueueMessage) -> list[Any]:
    parts = message.traceparent.split("-")
    if len(parts) < 4:
        return []
    trace, span, flags = parts[1:4]
    context = api.SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=api.TraceFlags(int(flags, 16)))
    return [api.Link(context)]
