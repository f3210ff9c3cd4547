"""What is used of namespaces, by all callers and by each: kept from snapshot to snapshot, and bounded.

Callers can bring any number of identities, so what is known of them makes room for others: first
of those that owe nothing and have no call under way. To forget them changes nothing.
"""

from collections.abc import Callable, Mapping

from prism.gateway.limits.bucket import Bucket

PRINCIPALS = 20_000
"""Pairs of namespace and principal whose use is remembered; more only while they all have calls under way."""
LOOKED_AT = 32
"""Pairs among which one is sought that can be forgotten, those remembered longest first."""

Who = tuple[str, str]


class Usage:
    """What one caller, or all of them, use of a namespace."""

    __slots__ = ("bytes", "concurrent", "requests")

    def __init__(self) -> None:
        self.requests = Bucket()
        self.bytes = Bucket()
        self.concurrent = 0

    @property
    def paid_at(self) -> float:
        """When nothing is owed any more, an instant of `time.monotonic()`."""
        return max(self.requests.paid_at, self.bytes.paid_at)


class Usages:
    """What is used of every namespace.

    Attributes:
        forgotten: called with each pair of namespace and principal that is forgotten.
    """

    def __init__(self) -> None:
        self.forgotten: Callable[[Who], None] = lambda _: None
        self._whole: dict[str, Usage] = {}
        self._each: dict[Who, Usage] = {}

    def keep_only(self, namespaces: Mapping[str, object]) -> None:
        """Other namespaces are no longer there."""
        for name in self._whole.keys() - namespaces.keys():
            del self._whole[name]

    def whole(self, namespace: str) -> Usage:
        """What all callers use of a namespace."""
        return self._whole.get(namespace) or self._whole.setdefault(namespace, Usage())

    def each(self, namespace: str, principal: str, now: float) -> Usage:
        """What one caller uses of it; `now` is of `time.monotonic()`."""
        usage = self._each.get((namespace, principal))
        if usage is None:
            if len(self._each) >= PRINCIPALS:
                self._make_room(now)
            usage = self._each[namespace, principal] = Usage()
        return usage

    def _make_room(self, now: float) -> None:
        """Forgets one of those that have been there longest: who owes nothing, else who owes least.

        Never one with a call under way: there are no more of those than calls.
        """
        entries = self._each
        least: Who | None = None
        for _ in range(LOOKED_AT):
            who = next(iter(entries))
            usage = entries.pop(who)
            entries[who] = usage  # others are looked at next time
            if usage.concurrent:
                continue
            if least is None or usage.paid_at < entries[least].paid_at:
                least = who
            if usage.paid_at <= now:
                break
        if least is not None:
            del entries[least]
            self.forgotten(least)
