"""The hop deadline_limit: a caller that would wait longer than its namespace's policy allows is refused.

Its deadline is not shortened in silence: a caller that counts on an hour and gets a minute cannot tell a slow store
from a short policy.
"""

from collections.abc import Mapping

from prism.errors import LimitExceeded
from prism.gateway.call import Call
from prism.gateway.snapshot import Snapshot

ROUNDING = 1.01
"""gRPC's own clients send a deadline with three digits, rounded up: who asks for the longest may come a bit over it."""


class DeadlineLimit:
    """The hop, for one snapshot.

    Args:
        seconds: the longest deadline, by namespace.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds

    def __call__(self, call: Call) -> None:
        """Admits calls that wait no longer than they may; a stream has a time of its own.

        Raises:
            LimitExceeded: the caller's deadline is too far. No RetryInfo: it fails again until it is changed.
        """
        deadline = call.deadline
        if deadline is None:
            return
        longest = self._seconds.get(call.namespace)
        if longest is None or call.operation.streams:
            return
        asked = deadline.instant - call.now
        if asked > longest * ROUNDING:
            raise LimitExceeded(
                f"the deadline of {round(asked, 3):g} s is over this namespace's limit of {longest:g} s; "
                f"set one of at most {longest:g} s, or none",
                metadata={"limit": "deadline"},
            )


def deadline_limits(snapshot: Snapshot) -> dict[str, float]:
    """The longest deadlines of the namespaces that have one."""
    policies = ((name, namespace.policy) for name, namespace in snapshot.namespaces.items())
    return {
        name: policy.timeouts.longest
        for name, policy in policies
        if policy is not None and policy.timeouts is not None and policy.timeouts.longest is not None
    }
