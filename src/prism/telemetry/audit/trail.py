"""Keeps the audit trail: a bounded queue and a thread that writes JSON lines, so that no disk holds up a call.

Nothing is lost in silence. Every event has a number, those that are lost too: a gap in the file is a loss. Losses are
counted for the metrics, and the trail itself says how many there were as soon as it can write again.
"""

import datetime
import json
import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from prism.telemetry.audit.audit import LOGGER, Event
from prism.telemetry.audit.sink import Sink
from prism.telemetry.metrics.metric_family import MetricFamily

GATHER: Final = 0.05
"""Seconds for which events are gathered before they are written: a crash loses at most these."""

RETRY: Final = 1.0
"""Seconds between two attempts to write where writing fails."""

UNTIL_KEPT: Final = 10_000
"""Most events that are gathered before it is known where they go."""

CLOSING: Final = 5.0
"""Seconds that the end of the trail waits for what is to be written."""

_LARGEST_BATCH: Final = 1000
_encode: Final = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode

log = logging.getLogger(__name__)


class AuditTrail(logging.Handler):
    """Takes events from `audit.record`, from when it is entered until it is left.

    They are gathered until `keep` says where to: a gateway starts plugins before all of its configuration is known to
    be good.

    Attributes:
        written: events that reached the sink.
        lost: events that did not and never will.
    """

    def __init__(self, *, scrub: Callable[[str], str] = str) -> None:
        """
        Args:
            scrub: takes known secrets out of text.
        """
        super().__init__()
        self.written = 0
        self.lost = 0
        self._sink: Sink | None = None
        self._bound = UNTIL_KEPT
        self._scrub = scrub
        self._guard = threading.Lock()
        self._waiting: list[tuple[int, Event]] = []
        self._being_written = 0
        self._sequence = 0
        self._told = 0
        self._second = (-1.0, "")
        self._stirred = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit trail", daemon=True)

    def keep(self, sink: Sink, *, queue: int) -> None:
        """Begins to write.

        Args:
            sink: where to; closed with the trail.
            queue: most events that wait to be written; later ones are lost until there is room.
        """
        self._sink, self._bound = sink, queue
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events that are not written yet."""
        return len(self._waiting) + self._being_written

    def metrics(self) -> Sequence[MetricFamily]:
        """For the metrics."""
        return (
            MetricFamily("prism_audit_events_written", "Audit events written.", {(): self.written}, kind="counter"),
            MetricFamily(
                "prism_audit_events_lost", "Audit events lost, never written.", {(): self.lost}, kind="counter"
            ),
            MetricFamily("prism_audit_queue_length", "Audit events that wait to be written.", {(): self.waiting}),
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Takes an event from the logger."""
        event = getattr(record, "event", None)
        if isinstance(event, Event):
            self.put(event)

    def put(self, event: Event) -> None:
        """Takes an event, from any thread; never waits."""
        with self._guard:
            self._sequence += 1
            if self._closing.is_set() or len(self._waiting) + self._being_written >= self._bound:
                self.lost += 1
                return
            self._waiting.append((self._sequence, event))
        if not self._stirred.is_set():
            self._stirred.set()

    def __enter__(self) -> Self:
        logger = logging.getLogger(LOGGER)
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Takes no more events, and writes those that wait, as far as they can be written within `CLOSING` seconds."""
        logging.getLogger(LOGGER).removeHandler(self)
        self._closing.set()
        self._stirred.set()
        if self._sink is None:
            return
        self._thread.join(CLOSING)
        if unwritten := self.waiting:
            self.lost += unwritten
            log.error(
                "%d audit events could not be written before the gateway stopped, and are lost; check where audit "
                "events go",
                unwritten,
            )
        if not self._thread.is_alive():
            self._sink.close()
        self.close()

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._waiting):
            self._stirred.wait()
            self._closing.wait(GATHER)
            self._stirred.clear()
            while batch := self._taken():
                if not self._write(batch):
                    return
        self._tell_of_losses()

    @property
    def _open_sink(self) -> Sink:
        assert self._sink is not None, "the thread starts with the sink"  # noqa: S101  # a defect, not an input
        return self._sink

    def _taken(self) -> list[tuple[int, Event]]:
        with self._guard:
            batch, self._waiting = self._waiting[:_LARGEST_BATCH], self._waiting[_LARGEST_BATCH:]
            self._being_written = len(batch)
        return batch

    def _write(self, batch: Sequence[tuple[int, Event]]) -> bool:
        """Writes until it succeeds; false where the trail ends before it does."""
        sink = self._open_sink
        lines = b"".join(self._line(number, event) for number, event in batch)
        failing = last = False
        while True:
            try:
                sink.write(lines)
            except OSError as error:
                if not failing:
                    log.error(  # noqa: TRY400
                        "cannot write the audit trail: %s; events wait, and it is retried every %g s",
                        error.strerror or error,
                        RETRY,
                    )
                failing = True
                if last:
                    return False
                last = self._closing.wait(RETRY)
            else:
                break
        if failing:
            log.warning("the audit trail is written again, with the events that waited")
        with self._guard:
            self.written += len(batch)
            self._being_written = 0
        self._tell_of_losses()
        return True

    def _tell_of_losses(self) -> None:
        with self._guard:
            count, self._told = self.lost - self._told, self.lost
            if not count:
                return
            self._sequence += 1
            number = self._sequence
        log.error(
            "%d audit events were lost: the queue was full; check whether the disk of the audit trail is full or slow",
            count,
        )
        event = Event("audit", "audit.events_lost", "DATA_LOSS", "QUEUE_FULL", detail={"count": count})
        try:
            self._open_sink.write(self._line(number, event))
        except OSError:
            with self._guard:
                self._told -= count  # reported with the next batch

    def _line(self, number: int, event: Event) -> bytes:
        second, rest = divmod(event.time, 1.0)
        if second != self._second[0]:  # most events share theirs with the one before
            self._second = (second, datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        line: dict[str, Any] = {
            "time": f"{self._second[1]}.{int(rest * 1000):03d}Z",
            "sequence": number,
            "kind": event.kind,
            "action": event.action,
            "outcome": event.outcome,
            "reason": event.reason,
            "principal": event.principal,
            # A caller who is refused has said anything as its namespace, a secret of its own among it.
            "namespace": self._scrub(event.namespace) if event.kind == "denial" else event.namespace,
            "peer": event.peer,
            "trace_id": event.trace_id,
            "backend": event.backend,
        }
        line |= {name: self._shown(value) for name, value in event.detail.items() if not line.get(name)}
        return _encode({name: value for name, value in line.items() if value != ""}).encode() + b"\n"

    def _shown(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, list | tuple | set | frozenset):
            return [self._shown(each) for each in value]
        return self._scrub(str(value))
