"""What the gateway repeats by itself when a store fails, and when it stops.

Source: docs/contract.md, "Errors"; the budget is gRPC's retry throttling (proposal A6), per namespace.
"""

import random

from google.protobuf.message import DecodeError

from prism.config.sections.policy import Retries
from prism.errors import Outcome, PrismError
from prism.gateway.call import Call
from prism.reason import Reason
from prism.wire import Code

WORTH_REPEATING = frozenset({Code.UNAVAILABLE, Code.ABORTED})
MAX_TOKENS = 20.0
NOT_REPEATED = frozenset({Reason.BREAKER_OPEN, Reason.BACKEND_CREDENTIALS})
"""Reasons that another attempt meets again."""


class RetryBudget:
    """Ends retries while most calls of a namespace fail, so that a store that is coming back is not buried.

    Attributes:
        spent: retries made.
        tokens: what may be spent; half of the most is kept back.
    """

    __slots__ = ("spent", "tokens")

    def __init__(self) -> None:
        self.tokens = MAX_TOKENS
        self.spent = 0

    def earn(self, tokens: float) -> None:
        """A call has succeeded."""
        if self.tokens < MAX_TOKENS:
            self.tokens = min(MAX_TOKENS, self.tokens + tokens)

    def spend(self) -> bool:
        """A call has failed; whether it may be repeated."""
        self.tokens = max(0.0, self.tokens - 1)
        if self.tokens <= MAX_TOKENS / 2:
            return False
        self.spent += 1
        return True


def pause(
    section: Retries, budget: RetryBudget, call: Call, payload: bytes, error: PrismError, made: int
) -> float | None:
    """Seconds until the next attempt after so many; None where there is none."""
    if made >= section.attempts or error.code not in WORTH_REPEATING or error.reason in NOT_REPEATED:
        return None
    if not (call.operation.reads or error.outcome is Outcome.NOT_APPLIED or _is_keyed(call, payload)):
        return None
    longest = min(section.first_delay * 2.0 ** (made - 1), section.longest_delay)
    delay = longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
    deadline = call.deadline
    if deadline is not None and delay >= deadline.remaining():
        return None
    return delay if budget.spend() else None


def _is_keyed(call: Call, payload: bytes) -> bool:
    """Whether the request carries an idempotency key; it is read here only, after a failure."""
    request = call.operation.request
    if "idempotency_key" not in request.DESCRIPTOR.fields_by_name:
        return False
    try:
        return bool(getattr(request.FromString(payload), "idempotency_key"))  # noqa: B009  # not every message has it
    except DecodeError:
        return False
