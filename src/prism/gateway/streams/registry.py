"""The streams that are in place and have no end of their own, and calls that wait: what ends them from outside.

Another instance serves their namespace, their callers may not have them any longer, the gateway itself ends.
"""

from collections.abc import Callable

from prism.errors import GatewayUnavailable, PrismError
from prism.gateway.call import Call
from prism.gateway.snapshot import Snapshot
from prism.gateway.streams.lifetime import COME_AGAIN_AFTER, Denied
from prism.gateway.streams.subscription import Subscription
from prism.gateway.streams.wait import Wait
from prism.reason import Reason

Recheck = Callable[[Call], PrismError | None]
"""Why a call that was admitted would not be any longer; None where it would."""


class SubscriptionRegistry:
    """The streams and waits, each with the call that asked for it.

    Args:
        denied: called where one ends because its caller may not have it any longer.
    """

    def __init__(self, denied: Denied) -> None:
        self._denied = denied
        self._calls: dict[Subscription | Wait, Call] = {}

    def add(self, subscription: Subscription | Wait, call: Call) -> None:
        """It is in place from now on."""
        self._calls[subscription] = call

    def discard(self, subscription: Subscription | Wait) -> None:
        """It has ended, or was never in place."""
        self._calls.pop(subscription, None)

    def review(self, recheck: Recheck) -> None:
        """Ends those whose callers may not have them any longer."""
        for each, call in tuple(self._calls.items()):
            if (refusal := recheck(call)) is not None:
                self._denied(call, refusal)
                each.end(refusal)

    def move(self, snapshot: Snapshot) -> None:
        """Ends those whose namespaces are served by another instance, or no more."""
        for each, call in tuple(self._calls.items()):
            served = snapshot.namespaces.get(call.namespace)
            target = None if served is None else served.targets.get(call.operation.service)
            if target is None or target.instance is not each.target.instance:
                sentence = f"namespace {call.namespace!r} is served by a new instance; subscribe again"
                each.drain(GatewayUnavailable(sentence, reason=Reason.PLUGIN_RELOADED, retry_after=COME_AGAIN_AFTER))

    def drain(self) -> None:
        """Ends them all; the gateway ends."""
        for each in tuple(self._calls):
            each.drain(GatewayUnavailable("the gateway is shutting down; subscribe again"))
