"""One page of Aggregate. Numbers in comments are those of the rules in docs/contract.md, "TimeSeries"."""

from collections.abc import Sequence
from typing import Final

from prism.context import Context
from prism.errors import LimitExceeded
from prism.interfaces import timeseries as t
from prism.interfaces.capabilities.timeseries import TimeSeriesCapabilities
from prism.interfaces.value import Value
from prism.sdk.timeseries.cursors import Cursors
from prism.sdk.timeseries.filling import Filling, packed
from prism.sdk.timeseries.options import SeriesOptions
from prism.sdk.timeseries.planning import PERCENTILES, names_of, plan_of
from prism.sdk.timeseries.refusals import refusal
from prism.sdk.timeseries.store import Bucket, Group, Place, Plan, SeriesStore
from prism.sdk.timeseries.stream import Stream

ROOM: Final = 8 << 10
"""Bytes of an answer that are not its rows'."""


class Aggregating:
    """Answers one request."""

    def __init__(
        self,
        store: SeriesStore,
        options: SeriesOptions,
        capabilities: TimeSeriesCapabilities,
        stream: Stream,
        context: Context,
    ) -> None:
        self._store = store
        self._options = options
        self._capabilities = capabilities
        self._stream = stream
        self._context = context

    async def page(self, request: t.AggregateRequest) -> t.AggregateResponse:
        """The buckets behind the request's cursor."""
        stream, context = self._stream, self._context
        plan = plan_of(request, stream)
        cursors = Cursors(request, context, stream)
        after = cursors.place(request.cursor, tuple(plan.groups))
        answer = t.AggregateResponse(names=names_of(request))
        selection = plan.selection
        if selection.begin is not None and selection.begin == selection.end:
            return answer
        await self._check_percentiles(plan)
        limit = request.limit or t.DEFAULT_PAGE
        if request.fill.mode and plan.windows is not None:
            groups = await self._groups(plan) if plan.groups else ((),)
            buckets = await self._filled(plan, request.fill, groups, after, limit + 1)
        else:
            buckets = list(await self._store.aggregate(self._context, self._stream, plan, after, limit + 1))
            if plan.groups and after is None:
                await self._check_groups(plan, buckets, whole=len(buckets) <= limit)
        room = self._capabilities.max_payload - ROOM
        for number, each in enumerate(buckets):
            made = self._bucket(plan, each)
            room -= made.ByteSize() + 8
            if number == limit or (number and room < 0):
                answer.next_cursor = cursors.of_place(buckets[number - 1].place)
                break
            answer.buckets.append(made)
        return answer

    async def _check_percentiles(self, plan: Plan) -> None:
        """7."""
        fields = {each.field.number: each.field for each in plan.functions if each.field and each.name in PERCENTILES}
        if not fields or plan.approximate:
            return
        most = self._options.exact_values
        counts = await self._store.counts(self._context, self._stream, plan, [*fields.values()])
        for field, count in zip(fields.values(), counts, strict=True):
            if count > most:
                better = "ask for `approximate`, or for " if self._capabilities.approximate else "ask for "
                raise LimitExceeded(
                    f"percentiles of {field.name} look at {count} values, and no more than {most} are allowed "
                    f"(exact_values); {better}a shorter range",
                    metadata={"limit": "timeseries.exact_values"},
                )

    async def _check_groups(self, plan: Plan, buckets: Sequence[Bucket], *, whole: bool) -> None:
        """10: their number is looked at on the first page, which says it itself where it has all of them."""
        if not whole:
            await self._groups(plan)
        elif len({packed(each.place.group) for each in buckets}) > self._options.max_groups:
            raise self._too_many()

    async def _groups(self, plan: Plan) -> Sequence[Group]:
        """All of them."""
        most = self._options.max_groups
        groups = await self._store.groups(self._context, self._stream, plan, most + 1)
        if len(groups) > most:
            raise self._too_many()
        return groups

    def _too_many(self) -> LimitExceeded:
        return LimitExceeded(
            f"there are more than {self._options.max_groups} groups (max_groups); ask for fewer with a filter or a "
            "shorter range",
            metadata={"limit": "timeseries.max_groups"},
        )

    async def _filled(
        self, plan: Plan, fill: t.Fill, groups: Sequence[Group],
        after: Place | None, limit: int,
    ) -> list[Bucket]:  # fmt: skip
        if fill.mode not in t.FillMode.values():
            raise refusal("fill.mode", str(fill.mode), "NULL, VALUE or PREVIOUS")
        if fill.mode == t.FillMode.TIME_SERIES_FILL_MODE_VALUE and not fill.HasField("value"):
            raise refusal("fill.value", "nothing", "VALUE needs one")
        previous: dict[bytes, Sequence[Value]] = {}
        if after is not None and fill.mode == t.FillMode.TIME_SERIES_FILL_MODE_PREVIOUS:
            previous = await self._previous(plan, after)
        filling = Filling(plan, fill, groups, after, previous)
        made: list[Bucket] = []
        while len(made) < limit and not filling.done:
            found = await self._store.aggregate(self._context, self._stream, plan, after, limit)
            for each in [*found, None] if len(found) < limit else found:
                made += filling.up_to(each, limit - len(made))
                if len(made) >= limit:
                    break
            if len(found) < limit:
                break
            after = found[-1].place
        return made

    async def _previous(self, plan: Plan, until: Place) -> dict[bytes, Sequence[Value]]:
        """The values of each group's last bucket up to a place."""
        previous: dict[bytes, Sequence[Value]] = {}
        after: Place | None = None
        while True:
            found = await self._store.aggregate(self._context, self._stream, plan, after, t.DEFAULT_PAGE)
            for each in found:
                if each.place.window > until.window:
                    return previous
                previous[packed(each.place.group)] = each.values
            if len(found) < t.DEFAULT_PAGE:
                return previous
            after = found[-1].place

    @staticmethod
    def _bucket(plan: Plan, bucket: Bucket) -> t.Bucket:
        made = t.Bucket(group=bucket.place.group, values=bucket.values)
        begin, end = plan.selection.begin, plan.selection.end
        if plan.windows is not None:
            begin, end = plan.windows.bounds[bucket.place.window : bucket.place.window + 2]
        if begin is not None:
            made.start = begin
        if end is not None:
            made.end = end
        return made
