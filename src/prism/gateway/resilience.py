"""The last hop, protect, and what it puts between a call and its instance: time-outs, retries, the breaker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from time import monotonic

from prism.context import Context
from prism.control.policy import PolicySection, Retries
from prism.errors import BackendError, BackendUnavailable, DeadlineExceeded, InternalError, Outcome, PrismError
from prism.gateway.breaker import Breaker
from prism.gateway.call import Call
from prism.gateway.retry import RetryBudget, pause
from prism.plugins.instance import Instance
from prism.wire import Code, Deadline
from prism.wire.timer import DeadlineWheel, Expiring

_FAULTS = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL, Code.DATA_LOSS})


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

    Args:
        policy: what is done.
        instance: who serves it.
        breaker: of the instance; None for none.
        budget: for retries, the namespace's.
        wheel: watches over deadlines.
    """

    __slots__ = ("_breaker", "_budget", "_default", "_instance", "_longest", "_retries", "_wheel")

    def __init__(
        self,
        policy: PolicySection,
        instance: Instance,
        breaker: Breaker | None,
        budget: RetryBudget,
        wheel: DeadlineWheel,
    ) -> None:
        timeouts = policy.timeouts
        self._default = None if timeouts is None else timeouts.default
        self._longest = None if timeouts is None else timeouts.longest
        self._retries = policy.retries
        self._instance = instance
        self._breaker = breaker
        self._budget = budget
        self._wheel = wheel

    async def call(self, call: Call, payload: bytes) -> bytes:
        """Runs an operation with one response; raises PrismErrors as the instance does."""
        retries = self._retries
        if (expiry := self._expiry(call)) is not None:
            return await self._before(expiry, call, payload)
        if retries is None:
            return await self._attempt(call, payload)
        try:
            response = await self._attempt(call, payload)
        except PrismError as error:
            return await self._again(retries, call, payload, error)
        self._budget.earn(retries.budget)
        return response

    async def _before(self, expiry: Expiry, call: Call, payload: bytes) -> bytes:
        """The same, ended where the policy's deadline passes."""
        task = expiry.task
        cancellations = task.cancelling()
        try:
            return await self._attempt(call, payload)
        except PrismError as error:
            if self._retries is None:
                raise
            return await self._again(self._retries, call, payload, error)
        except asyncio.CancelledError:
            if not expiry.fired or task.uncancel() > cancellations:
                raise  # by somebody else, who means the whole call
            outcome = None if call.operation.reads else Outcome.UNKNOWN
            message = "the call took longer than the namespace's policy allows; ask for less, or have timeouts changed"
            raise DeadlineExceeded(message, outcome=outcome) from None
        finally:
            expiry.end()

    async def stream(self, call: Call, payload: bytes, context: Context) -> AsyncIterator[bytes]:
        """Runs an operation with a stream of responses; it is not repeated, and has no time-out but the caller's."""
        breaker = self._breaker
        trips = 0 if breaker is None else self._admitted(breaker)
        responses = self._instance.stream(call.operation.name, payload, context)
        try:
            async with aclosing(responses):  # type: ignore[type-var]  # generators, all of them
                async for response in responses:
                    yield response
        except PrismError as error:
            self._note(breaker, trips, error)
            raise
        except BaseException:  # cancelled, or left by its reader
            if breaker is not None:
                breaker.abandoned(trips)
            raise
        if breaker is not None:
            breaker.succeeded(trips)

    def _expiry(self, call: Call) -> Expiry | None:
        """Watches over the policy's deadline where it comes before the caller's."""
        given, seconds = call.deadline, self._longest
        if given is None and self._default is not None:
            seconds = self._default
        if seconds is None:
            return None
        instant = monotonic() + seconds
        if given is not None and given.instant <= instant:
            return None
        call.deadline = Deadline(instant)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for mypy
        expiry = Expiry(call.deadline, task)
        self._wheel.add(expiry)
        return expiry

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
        breaker, instance = self._breaker, self._instance
        if breaker is None:
            return await instance.call(call.operation.name, payload, call.context())
        trips = self._admitted(breaker)
        began = monotonic()
        try:
            response = await instance.call(call.operation.name, payload, call.context())
        except PrismError as error:
            self._note(breaker, trips, error)
            raise
        except BaseException:
            # Cancelled: the caller's deadline has passed, or it has given up.
            slow = monotonic() - began >= breaker.section.slow
            (breaker.failed if slow else breaker.abandoned)(trips)
            raise
        breaker.succeeded(trips)
        return response

    def _admitted(self, breaker: Breaker) -> int:
        wait = breaker.admit()
        if wait:
            raise BackendUnavailable(
                f"backend {self._instance.backend!r} has failed too often and is left alone for a while; call later",
                reason="BREAKER_OPEN",
                outcome=Outcome.NOT_APPLIED,
                retry_after=wait,
            )
        return breaker.trips

    def _note(self, breaker: Breaker | None, trips: int, error: PrismError) -> None:
        if breaker is None:
            return
        if error.code in _FAULTS and isinstance(error, BackendError | DeadlineExceeded | InternalError):
            breaker.failed(trips)
        else:
            breaker.succeeded(trips)  # it answered: the request was at fault


class Protect:
    """The hop, for one snapshot: it sets `call.resilience` where the namespace's policy asks for it."""

    def __init__(self, resilience: Mapping[str, Resilience]) -> None:
        self._resilience = resilience

    def __call__(self, call: Call) -> None:
        """Never refuses."""
        call.resilience = self._resilience.get(call.namespace)
