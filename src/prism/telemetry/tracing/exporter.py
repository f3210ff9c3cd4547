"""Takes kept spans to an OTLP receiver: a bounded queue, batches, retries. Nothing here holds up a call.

The receiver may be down at the start, go down and come back: spans wait in the queue, later ones are lost when it is
full, and what is lost is counted by its reason.
"""

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

from prism.telemetry.metrics.metric_family import MetricFamily
from prism.telemetry.tracing.otlp_sender import Refused, Sender, Unreachable
from prism.telemetry.tracing.span import Span

LINGER: Final = 1.0
"""Seconds that a span waits for others."""

BATCH: Final = 512
"""Most spans in one request."""

FLUSH: Final = 3.0
"""Seconds that the end of the exporter waits for what is to be sent."""

FIRST_PAUSE: Final = 1.0
MAX_PAUSE: Final = 30.0

log = logging.getLogger(__name__)


class SpanExporter:
    """Sends spans, from `start` to `close`. Belongs to the event loop's thread.

    Attributes:
        sent: spans that the receiver took.
        lost: spans that it never will, by reason: `queue_full`, `refused`, `shutdown`.
    """

    def __init__(
        self, sender: Sender, resource: Mapping[str, str], *, queue: int = 10_000, first_pause: float = FIRST_PAUSE
    ) -> None:
        """
        Args:
            sender: the way to the receiver; closed with the exporter.
            resource: attributes of this process.
            queue: most spans that wait.
            first_pause: seconds before the second attempt; they grow.
        """
        self.sent = 0
        self.lost: Counter[str] = Counter(queue_full=0, refused=0, shutdown=0)
        self._sender = sender
        self._resource = resource
        self._bound = queue
        self._first_pause = first_pause
        self._waiting: deque[Span] = deque()
        self._stirred = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to send, in the running loop."""
        self._task = asyncio.create_task(self._run(), name="span exporter")

    def put(self, span: Span) -> None:
        """Takes a span; never waits."""
        if len(self._waiting) >= self._bound:
            self.lost["queue_full"] += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH:
            self._stirred.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._stirred.set)

    async def close(self) -> None:
        """Sends what waits, as far as that is possible within `FLUSH` seconds, and ends."""
        self._closing = True
        self._stirred.set()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=FLUSH)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._timer is not None:
            self._timer.cancel()
        if self._waiting:
            self.lost["shutdown"] += len(self._waiting)
            log.warning(
                "%d trace spans were not sent before the gateway stopped, and are lost; check the OTLP receiver",
                len(self._waiting),
            )
        await self._sender.close()

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        lost: dict[tuple[str, ...], float] = {(reason,): count for reason, count in self.lost.items()}
        yield MetricFamily("prism_spans_sent", "Spans that the OTLP receiver took.", {(): self.sent}, kind="counter")
        yield MetricFamily("prism_spans_lost", "Spans that were never sent.", lost, labels=("reason",), kind="counter")
        yield MetricFamily("prism_spans_queue_length", "Spans that wait to be sent.", {(): len(self._waiting)})

    async def _run(self) -> None:
        pause = self._first_pause
        while not (self._closing and not self._waiting):
            await self._stirred.wait()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._stirred.clear()
            while self._waiting:
                if await self._send(list(islice(self._waiting, BATCH))):
                    pause = self._first_pause
                elif self._closing:
                    return
                else:
                    await self._rest(pause * random.uniform(0.8, 1.2))  # noqa: S311  # jitter
                    pause = min(pause * 2, MAX_PAUSE)

    async def _rest(self, seconds: float) -> None:
        """Waits, unless the end comes: then there is one more attempt."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._closing:
                    self._stirred.clear()
                    await self._stirred.wait()

    async def _send(self, batch: list[Span]) -> bool:
        """Sends the first of those that wait; false where the same are to be sent again."""
        from prism.telemetry.tracing import otlp  # with the first span: most gateways export none

        try:
            response = await self._sender.send(await asyncio.to_thread(otlp.encode, batch, self._resource))
            refused, reason = otlp.refused(response)
        except Unreachable as error:
            if not self._failing:
                log.warning(
                    "traces cannot be sent to the OTLP receiver: %s; it is retried, and %d spans wait",
                    error,
                    len(self._waiting),
                )
            self._failing = True
            return False
        except Refused as error:
            self._lose(batch, len(batch), str(error))
        except Exception:
            # The next batch is to be sent all the same, or one defect would end all traces.
            log.exception(
                "%d trace spans could not be sent because of an unexpected error, and are lost; this is a defect in "
                "Prism: report it with the traceback below",
                len(batch),
            )
            self.lost["refused"] += len(batch)
        else:
            self.sent += len(batch) - refused
            if refused:
                self._lose(batch, refused, reason)
            elif self._failing:
                log.info("traces are sent to the OTLP receiver again")
                self._failing = False
        for _ in batch:
            self._waiting.popleft()
        return True

    def _lose(self, batch: list[Span], count: int, reason: str) -> None:
        if not self._failing:
            log.warning("the OTLP receiver refused %d of %d trace spans, which are lost: %s", count, len(batch), reason)
        self._failing = True
        self.lost["refused"] += count
