"""The hop limit: how much of a namespace may be used, by all its callers and by each of them.

What was used is kept by namespace and principal, and survives every snapshot; how much may be used is the snapshot's.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from prism.config.sections.policy import Limits, Shares
from prism.errors import LimitExceeded, answer_too_large
from prism.gateway.call import Call
from prism.gateway.limits.usage import Usage, Usages
from prism.gateway.snapshot import Snapshot

CONCURRENCY_RETRY = 0.1
"""Seconds after which a caller may try again that came while too many calls were under way."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much of it may be used. What is not limited costs nothing, and its burst is infinite.

    Attributes:
        whose: the namespace or each caller, for the error message.
        call: seconds that a call costs.
        calls: the burst of calls, in seconds.
        byte: seconds that a byte costs.
        bytes: the burst of bytes, in seconds.
        concurrent: calls at once.
    """

    whose: str
    call: float
    calls: float
    byte: float
    bytes: float
    concurrent: float

    @classmethod
    def of(cls, section: Shares, whose: str) -> "Share":
        """As a section says."""
        call = byte = 0.0
        calls = size = math.inf
        if (requests := section.requests) is not None:
            call, calls = 1 / requests.rate, (requests.burst or max(1.0, requests.rate)) / requests.rate
        if (rate := section.bytes) is not None:
            byte, size = 1 / rate.rate, (rate.burst or rate.rate) / rate.rate
        return cls(whose, call, calls, byte, size, section.concurrent or math.inf)

    def take(self, usage: Usage, size: int, now: float) -> None:
        """Takes a call with a request of so many bytes.

        Raises:
            LimitExceeded: there is not as much left.
        """
        if usage.concurrent >= self.concurrent:
            raise self._exceeded(
                f"the limit of {self.concurrent:g} calls at a time for {self.whose} is exceeded",
                "concurrent",
                CONCURRENCY_RETRY,
            )
        # The first branches spare the call of `Bucket.take` where nothing is owed.
        bucket = usage.requests
        if bucket.paid_at <= now:
            bucket.paid_at = now + self.call
        elif wait := bucket.take(now, self.call, self.calls):
            raise self._exceeded(
                f"the limit of {1 / self.call:g} calls a second for {self.whose} is exceeded", "requests", wait
            )
        bucket = usage.bytes
        if bucket.paid_at <= now:
            bucket.paid_at = now + self.byte * size
        elif wait := bucket.take(now, self.byte * size, self.bytes):
            raise self._exceeded(
                f"the limit of {1 / self.byte:g} bytes a second for {self.whose} is exceeded", "bytes", wait
            )

    def take_message(self, usage: Usage, size: int) -> float:
        """Takes a further request of a stream, which has come already; the seconds to wait before the next is read."""
        usage.requests.charge(self.call)
        usage.bytes.charge(self.byte * size)
        return max(usage.requests.debt(self.calls), usage.bytes.debt(self.bytes))

    def _exceeded(self, what: str, limit: str, wait: float) -> LimitExceeded:
        return LimitExceeded(
            f"{what}; retry after {wait:.3g} s, and call less often",
            metadata={"limit": limit},
            retry_after=wait,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of one namespace.

    Attributes:
        whole: of all callers together.
        each: of every caller; None where that is not limited.
        message_size: most bytes in a request.
        scan_size: most bytes that a reading call gives.
    """

    whole: Share
    each: Share | None
    message_size: float
    scan_size: float

    @classmethod
    def of(cls, section: Limits) -> "Plan":
        """As a section says."""
        each = section.each_principal
        return cls(
            Share.of(section, "this namespace"),
            None if each is None else Share.of(each, "each caller on this namespace"),
            section.message_size or math.inf,
            section.scan_size or math.inf,
        )


class Meter:
    """What the calls of one caller on one namespace use, from their admission to their end; kept from call to call."""

    __slots__ = ("_each", "_plan", "_whole")

    def __init__(self, plan: Plan, whole: Usage, each: Usage | None) -> None:
        self._plan = plan
        self._whole = whole
        self._each = each

    def take(self, size: int, now: float) -> None:
        """A call with a request of so many bytes begins.

        Raises:
            LimitExceeded: there is not as much left.
        """
        plan, whole, each = self._plan, self._whole, self._each
        if each is not None and plan.each is not None:
            # First, so that a caller over its own limit takes nothing from the others'.
            plan.each.take(each, size, now)
            plan.whole.take(whole, size, now)
            each.concurrent += 1
        else:
            plan.whole.take(whole, size, now)
        whole.concurrent += 1

    async def asked(self, size: int) -> None:
        """A further request has come on a stream. Who sends more than may be used is read from more slowly.

        Raises:
            LimitExceeded: it is larger than any may be.
        """
        plan = self._plan
        if size > plan.message_size:
            raise _too_large(size, plan)
        wait = plan.whole.take_message(self._whole, size)
        if self._each is not None and plan.each is not None:
            wait = max(wait, plan.each.take_message(self._each, size))
        if wait:
            await asyncio.sleep(wait)

    def answered(self, size: int, reads: bool) -> None:
        """The answer of so many bytes is ready; it is paid for whatever is left, as if it had been asked with the call.

        Raises:
            LimitExceeded: a reading call gives too much.
        """
        plan = self._plan
        self._whole.bytes.paid_at += size * plan.whole.byte
        if self._each is not None and plan.each is not None:
            self._each.bytes.paid_at += size * plan.each.byte
        if reads and size > plan.scan_size:
            raise answer_too_large(size, int(plan.scan_size))

    def end(self) -> None:
        """The call has ended."""
        self._whole.concurrent -= 1
        if self._each is not None:
            self._each.concurrent -= 1


class StreamMeter(Meter):
    """The same for one call with a stream of responses, of which it knows how much has been sent."""

    __slots__ = ("_sent",)

    def __init__(self, plan: Plan, whole: Usage, each: Usage | None) -> None:
        super().__init__(plan, whole, each)
        self._sent = 0

    def answered(self, size: int, reads: bool) -> None:
        """One answer of the stream is ready, perhaps long after its call; raises as a call's one answer does."""
        plan = self._plan
        self._whole.bytes.charge(size * plan.whole.byte)
        if self._each is not None and plan.each is not None:
            self._each.bytes.charge(size * plan.each.byte)
        self._sent += size
        if reads and self._sent > plan.scan_size:
            raise answer_too_large(self._sent, int(plan.scan_size))


class Limit:
    """The hop, for one snapshot."""

    def __init__(self, plans: Mapping[str, Plan], usages: Usages) -> None:
        self._plans = plans
        self._usages = usages
        self._meters: dict[tuple[str, str], Meter] = {}
        usages.forgotten = self._forget

    def __call__(self, call: Call) -> None:
        """Admits what is left to use, and sets `call.meter`.

        Raises:
            LimitExceeded: there is not as much left.
        """
        plan = self._plans.get(call.namespace)
        if plan is None:
            return
        size = call.size
        if size > plan.message_size:
            raise _too_large(size, plan)
        if call.operation.streams:
            meter: Meter = self._meter(StreamMeter, plan, call)
        else:
            who = (call.namespace, call.principal.name if plan.each is not None else "")
            known = self._meters.get(who)
            if known is None:
                known = self._meters[who] = self._meter(Meter, plan, call)
            meter = known
        meter.take(size, call.now)
        call.meter = meter

    def _meter(self, kind: type[Meter], plan: Plan, call: Call) -> Meter:
        each = None if plan.each is None else self._usages.each(call.namespace, call.principal.name, call.now)
        return kind(plan, self._usages.whole(call.namespace), each)

    def _forget(self, who: tuple[str, str]) -> None:
        # A meter goes with the usage that it counts on, or a caller would be counted in two places.
        self._meters.pop(who, None)


def _too_large(size: int, plan: Plan) -> LimitExceeded:
    return LimitExceeded(
        f"the request has {size} bytes, over this namespace's limit of {plan.message_size:g}; send less",
        metadata={"limit": "message_size"},
    )


def plans_of(snapshot: Snapshot) -> dict[str, Plan]:
    """The plans of the namespaces that are limited."""
    known: dict[int, Plan] = {}
    plans: dict[str, Plan] = {}
    for name, namespace in snapshot.namespaces.items():
        policy = namespace.policy
        if policy is not None and policy.limits is not None:
            section = policy.limits
            plans[name] = known.get(id(section)) or known.setdefault(id(section), Plan.of(section))
    return plans
