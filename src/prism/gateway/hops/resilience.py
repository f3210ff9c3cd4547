"""The last hop, resilience, and what it puts between a call and its instance: time-outs, retries, the breaker."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from time import monotonic

from prism.config.sections.policy import PolicySection, Retries
from prism.context import Context
from prism.errors import BackendError, BackendUnavailable, DeadlineExceeded, InternalError, Outcome, PrismError
from prism.gateway.call import Call
from prism.gateway.resilience.breaker import CLOSED, Breaker
from prism.gateway.resilience.retry import MAX_TOKENS, RetryBudget, pause
from prism.gateway.snapshot import Target
from prism.interfaces.operation import Requests
from prism.plugins.instance import Instance
from prism.reason import Reason
from prism.wire import Code, Deadline
from prism.wire.timer import DeadlineWheel, Expiring

_FAULTS = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL, Code.DATA_LOSS})
CLOCK_SKEW = 0.02
"""Seconds by which an instance may end a call before its deadline has passed here."""


class Expiry:
    """Cancels a task at a deadline that the transport does not know of."""

    __slots__ = ("bucket", "ended", "expires", "fired", "task")

    def __init__(self, deadline: Deadline, task: "asyncio.Task[object]") -> None:
        self.expires = deadline.instant
        self.ended = False
        self.fired = False
        self.bucket: set[Expiring] | None = None
        self.task = task

    def expire(self) -> None:
        """The deadline has passed."""
        self.fired = True
        self.task.cancel()

    def end(self) -> None:
        """The call has ended before."""
        self.ended = True
        if self.bucket is not None:
            self.bucket.discard(self)


class Resilience:
    """What stands between the calls of one namespace and its instance.

    Attributes:
        stream_lifetime: seconds that a stream may last.

    Args:
        policy: what is done.
        instance: who serves it.
        breaker: of the instance; None for none.
        budget: for retries, the namespace's.
        wheel: watches over deadlines.
    """

    __slots__ = ("_breaker", "_budget", "_default", "_earned", "_instance", "_retries", "_wheel", "stream_lifetime")

    def __init__(
        self,
        policy: PolicySection,
        instance: Instance,
        breaker: Breaker | None,
        budget: RetryBudget,
        wheel: DeadlineWheel,
    ) -> None:
        timeouts = policy.timeouts
        self.stream_lifetime = (timeouts and timeouts.stream) or math.inf
        self._default = (timeouts and (timeouts.default or timeouts.longest)) or math.inf
        self._retries = policy.retries
        self._earned = 0.0 if policy.retries is None else policy.retries.budget
        self._instance = instance
        self._breaker = breaker
        self._budget = budget
        self._wheel = wheel

    async def call(self, call: Call, payload: bytes) -> bytes:
        """Runs an operation with one response; raises PrismErrors as the instance does.

        One function for the way that nearly every call goes; what is rare has its own.
        """
        began = call.now
        if call.deadline is None and self._default < math.inf:
            return await self._before(Deadline(began + self._default), call, payload)
        breaker, instance = self._breaker, self._instance
        if breaker is not None and breaker.state is not CLOSED:
            self._admit(breaker)
        era = 0 if breaker is None else breaker.era
        try:
            response = await instance.call(call.operation.name, payload, call.context())
        except PrismError as error:
            self._note(breaker, era, error, call, began)
            if self._retries is None:
                raise
            return await self._again(self._retries, call, payload, error)
        except BaseException:
            self._gave_up(breaker, era, began)
            raise
        if breaker is not None:
            breaker.succeeded(era)
        budget = self._budget
        if budget.tokens < MAX_TOKENS:
            budget.earn(self._earned)
        return response

    async def _before(self, deadline: Deadline, call: Call, payload: bytes) -> bytes:
        """The same for a caller that said no deadline, ended where the policy's passes."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for mypy: a coroutine runs in one
        call.deadline = deadline
        expiry = Expiry(deadline, task)
        self._wheel.add(expiry)
        cancellations = task.cancelling()
        try:
            return await self.call(call, payload)
        except asyncio.CancelledError:
            if not expiry.fired or task.uncancel() > cancellations:
                raise  # from outside, and meant for the whole call
            outcome = None if call.operation.reads else Outcome.UNKNOWN
            message = (
                f"the call did not finish within {self._default:g} s, this namespace's default timeout; "
                "set a deadline, or ask for less"
            )
            raise DeadlineExceeded(message, outcome=outcome) from None
        finally:
            expiry.end()

    async def stream(self, call: Call, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """Runs an operation that streams. It is not repeated; `StreamLifetime` ends it."""
        breaker, era, began = self._breaker, 0, monotonic()
        if breaker is not None:
            self._admit(breaker)
            era = breaker.era
        responses = self._instance.stream(call.operation.name, asked, context)
        try:
            async with aclosing(responses):  # type: ignore[type-var]  # generators, all of them
                async for response in responses:
                    yield response
        except PrismError as error:
            self._note(breaker, era, error, call, began)
            raise
        except BaseException:  # cancelled, or left by its reader
            if breaker is not None:
                breaker.abandoned(era)
            raise
        if breaker is not None:
            breaker.succeeded(era)

    async def _again(self, retries: Retries, call: Call, payload: bytes, error: PrismError) -> bytes:
        """Further attempts after the first has failed.

        Raises:
            PrismError: the last one's error; it says what all of them together did to the store.
        """
        made, unknown = 1, False
        while True:
            unknown = unknown or error.outcome is Outcome.UNKNOWN
            if unknown:
                error.outcome = Outcome.UNKNOWN
            wait = pause(retries, self._budget, call, payload, error, made)
            if wait is None:
                raise error
            await asyncio.sleep(wait)
            made += 1
            try:
                return await self._attempt(call, payload)
            except PrismError as another:
                error = another

    async def _attempt(self, call: Call, payload: bytes) -> bytes:
        breaker, era, began = self._breaker, 0, monotonic()
        if breaker is not None:
            self._admit(breaker)
            era = breaker.era
        try:
            response = await self._instance.call(call.operation.name, payload, call.context())
        except PrismError as error:
            self._note(breaker, era, error, call, began)
            raise
        except BaseException:
            self._gave_up(breaker, era, began)
            raise
        if breaker is not None:
            breaker.succeeded(era)
        return response

    def _gave_up(self, breaker: Breaker | None, era: int, began: float) -> None:
        """The caller's deadline has passed, or it has gone away: the instance's fault where it was slow."""
        if breaker is not None:
            slow = monotonic() - began >= breaker.section.slow
            (breaker.failed if slow else breaker.abandoned)(era)

    def _admit(self, breaker: Breaker) -> None:
        breaker.came_up(self._instance.incarnation)  # who has been started again need not prove itself for so long
        wait = breaker.admit()
        if wait:
            raise BackendUnavailable(
                f"circuit breaker open for backend {self._instance.backend!r}; retry later",
                reason=Reason.BREAKER_OPEN,
                outcome=Outcome.NOT_APPLIED,
                retry_after=wait,
            )

    def _note(self, breaker: Breaker | None, era: int, error: PrismError, call: Call, began: float) -> None:
        if breaker is None:
            return
        if error.code not in _FAULTS or not isinstance(error, BackendError | DeadlineExceeded | InternalError):
            breaker.succeeded(era)  # it answered: the request was at fault
        elif self._instance.refusal:
            breaker.abandoned(era)  # it is known to be down: calls are refused for that, until it is up
        elif self._instance.incarnation != breaker.incarnation:
            breaker.came_up(self._instance.incarnation)  # it was down, and is up again
        elif call.deadline is not None and call.deadline.remaining() < CLOCK_SKEW:
            # Instances look at the deadline too: it may be they who say that a caller allowed no time.
            self._gave_up(breaker, era, began)
        else:
            breaker.failed(era)


class ApplyResilience:
    """The hop, for one snapshot: it sets `call.resilience` where the namespace's policy asks for it."""

    def __init__(self, resilience: Mapping[Target | None, Resilience]) -> None:
        self._resilience = resilience

    def __call__(self, call: Call) -> None:
        """Never refuses."""
        call.resilience = self._resilience.get(call.target)
