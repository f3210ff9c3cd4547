"""Retries: only what the contract allows, within the deadline, a bounded number of attempts and a budget.

Source: docs/contract.md, "Common rules"; the budget is gRPC's retry throttling (proposal A6).
"""

import asyncio
import random
from dataclasses import dataclass

from prism.errors import Outcome, PrismError
from prism.interfaces.operation import Operation
from prism.rpc_status import from_status
from prism.wire import Code, Deadline, StatusError

_RETRYABLE = frozenset({Code.UNAVAILABLE, Code.ABORTED})
_REFUSALS = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.NOT_FOUND,
        Code.ALREADY_EXISTS,
        Code.FAILED_PRECONDITION,
        Code.PERMISSION_DENIED,
        Code.UNAUTHENTICATED,
        Code.UNIMPLEMENTED,
    }
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a client repeats failed calls, where that is safe.

    A call may be repeated if it only reads, carries an idempotency key, or is known not to have been applied.

    Attributes:
        attempts: at most this many in all; 1 for no retries.
        first_delay: seconds before the second attempt, doubled for each one after it; half of the delay is random.
        longest_delay: at most this many seconds between two attempts; more only where the gateway asks for more.
    """

    attempts: int = 4
    first_delay: float = 0.05
    longest_delay: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; it must be 1 or more")
        if not 0 < self.first_delay <= self.longest_delay:
            raise ValueError(
                f"first_delay is {self.first_delay}, longest_delay {self.longest_delay}; "
                "give both above zero, and first_delay at most longest_delay"
            )

    def delay(self, attempts_made: int, retry_after: float | None) -> float:
        """Seconds to wait after so many attempts; `retry_after` is what the gateway asked for."""
        longest = min(self.first_delay * 2.0 ** (attempts_made - 1), self.longest_delay)
        jittered = longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
        return jittered + (retry_after or 0.0)


class RetryBudget:
    """Stops retries while most calls fail, so that a client does not bury a gateway that is coming back."""

    __slots__ = ("_tokens",)

    MAX_TOKENS = 20.0
    TOKENS_PER_SUCCESS = 0.1

    def __init__(self) -> None:
        self._tokens = self.MAX_TOKENS

    def earn(self) -> None:
        """A call succeeded."""
        if self._tokens < self.MAX_TOKENS:
            self._tokens = min(self.MAX_TOKENS, self._tokens + self.TOKENS_PER_SUCCESS)

    def spend(self) -> bool:
        """A call failed; whether it may be tried again."""
        self._tokens = max(0.0, self._tokens - 1)
        return self._tokens > self.MAX_TOKENS / 2


class Attempts:
    """The failures of one call, and whether another attempt follows."""

    __slots__ = ("_budget", "_made", "_operation", "_policy", "_repeatable", "_unknown", "deadline")

    def __init__(
        self,
        policy: RetryPolicy,
        budget: RetryBudget,
        operation: Operation,
        deadline: Deadline | None,
        *,
        repeatable: bool,
    ) -> None:
        self._policy = policy
        self._budget = budget
        self._operation = operation
        self.deadline = deadline
        self._repeatable = repeatable
        self._made = 0
        self._unknown = False

    async def failed(self, failure: StatusError) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            PrismError: there is none; a write's error says what the attempts together did to the store.
        """
        error = self._error(failure)
        self._made += 1
        pause = self._pause(error, failure)
        if pause is None:
            try:
                raise error from failure
            finally:
                del error  # its traceback holds this frame: the two would wait for the garbage collector
        await asyncio.sleep(pause)

    def given_up(self, failure: StatusError) -> PrismError:
        """The error of a call that is not to be repeated, whatever it is."""
        return self._error(failure)

    def _pause(self, error: PrismError, failure: StatusError) -> float | None:
        """Seconds until the next attempt; None where there is none."""
        if self._made >= self._policy.attempts or not self._retryable(error, failure):
            return None
        if not self._budget.spend():
            return None
        pause = self._policy.delay(self._made, error.retry_after)
        late = self.deadline is not None and pause >= self.deadline.remaining()
        return None if late else pause

    def _error(self, failure: StatusError) -> PrismError:
        error = from_status(failure.status)
        if self._operation.reads:
            return error
        if failure.unprocessed:
            error.outcome = Outcome.NOT_APPLIED
        elif error.outcome is None:
            refused = error.code in _REFUSALS
            error.outcome = Outcome.NOT_APPLIED if refused else Outcome.UNKNOWN
        # An earlier attempt may have been applied, whatever became of this one.
        self._unknown = self._unknown or error.outcome is Outcome.UNKNOWN
        if self._unknown:
            error.outcome = Outcome.UNKNOWN
        return error

    def _retryable(self, error: PrismError, failure: StatusError) -> bool:
        limited = error.code is Code.RESOURCE_EXHAUSTED and error.retry_after is not None
        promising = limited or error.code in _RETRYABLE
        allowed = self._repeatable or failure.unprocessed or error.outcome is Outcome.NOT_APPLIED
        return promising and allowed
