"""Buckets with the empty ones filled in (rule 9): the grid of all windows and of all groups that occur."""

from collections.abc import Mapping, Sequence
from typing import Final

from prism.interfaces import timeseries as t
from prism.interfaces.value import Value
from prism.sdk.timeseries.store import Bucket, Group, Place, Plan

NULL: Final = Value(null="NULL_VALUE")
_ZERO: Final = Value(int64=0)


class Filling:
    """Fills the buckets of one page.

    Args:
        plan: with windows.
        fill: as asked.
        groups: all that occur, in their order.
        after: the place that the page begins behind; None: at the beginning.
        previous: for PREVIOUS, the values of each group's last bucket up to that place.
    """

    def __init__(
        self,
        plan: Plan,
        fill: t.Fill,
        groups: Sequence[Group],
        after: Place | None,
        previous: Mapping[bytes, Sequence[Value]],
    ) -> None:
        self._plan = plan
        self._mode = fill.mode
        self._value = fill.value
        self._groups = groups
        self._previous = dict(previous)
        self._numbers = {packed(each): number for number, each in enumerate(groups)}
        self._next = 0 if after is None else self._number(after) + 1
        self._count = len(plan.windows or ()) * len(groups)

    def _number(self, place: Place) -> int:
        """Of a place in the grid; of a group that has come since, that of the one before it."""
        found = self._numbers.get(packed(place.group), len(self._groups) - 1)
        return place.window * len(self._groups) + found

    @property
    def done(self) -> bool:
        """Nothing is left to fill."""
        return self._next >= self._count

    def up_to(self, bucket: Bucket | None, limit: int) -> list[Bucket]:
        """The empty buckets before one that has events, and that one, at most so many in all; None: to the end."""
        last = self._count if bucket is None else self._number(bucket.place)
        made: list[Bucket] = []
        while self._next < last and len(made) < limit:
            window, group = divmod(self._next, len(self._groups))
            made.append(Bucket(Place(window, self._groups[group]), self._filled(self._groups[group])))
            self._next += 1
        if bucket is not None and len(made) < limit:
            made.append(bucket)
            self._previous[packed(bucket.place.group)] = bucket.values
            self._next = max(self._next, last + 1)
        return made

    def _filled(self, group: Group) -> list[Value]:
        before = self._previous.get(packed(group))
        return [self._one(number, before) for number in range(len(self._plan.functions))]

    def _one(self, number: int, before: Sequence[Value] | None) -> Value:
        if self._plan.functions[number].name == t.FunctionName.TIME_SERIES_FUNCTION_NAME_COUNT:
            return _ZERO
        if self._mode == t.FillMode.TIME_SERIES_FILL_MODE_VALUE:
            return self._value
        if self._mode == t.FillMode.TIME_SERIES_FILL_MODE_PREVIOUS and before is not None:
            return before[number]
        return NULL


def packed(group: Group) -> bytes:
    """A group as one string of bytes, for dictionaries and cursors."""
    return t.Bucket(group=group).SerializeToString(deterministic=True)


def unpacked(group: bytes) -> Group:
    """What `packed` gave."""
    return tuple(t.Bucket.FromString(group).group)
