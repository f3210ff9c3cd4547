"""Defects of the rules of PubSub that persists on memory, each breaking one of them."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from prism.context import Context
from prism.errors import FellBehind
from prism.interfaces.pubsub import Kind, Message, SubscribeRequest
from prism.sdk.pubsub import Bounds, LogReader, Page
from prism.sdk.pubsub.log import Logged
from prism.sdk.pubsub.log_reader import StandingSubscription
from prism.sdk.pubsub.positions import Positions
from prism.sdk.pubsub.tail import Tail


class _LiveOnly(Tail):
    def after(self, identity: bytes, place: bytes) -> Sequence[Logged] | None:
        return super().after(identity, place) or ()


class ForgetsHistory(LogReader):
    """What is published is sent; what was, is not."""

    def _tail(self, namespace: str) -> Tail:
        return self._tails.setdefault(namespace, _LiveOnly(self._log, namespace, self._options.buffer_bytes))


class RepeatsTheLast(LogReader):
    """A position is before its message."""

    def _new(self, request: SubscribeRequest, context: Context) -> StandingSubscription:
        class Late(StandingSubscription):
            def pass_by(self, message: Logged) -> Message | None:
                before = self.place
                answer = super().pass_by(message)
                if answer is not None:
                    answer.position = self.positions.give(self.identity, before)
                return answer

        return Late(request, Positions(context.namespace, request.topic_pattern))


class SkipsAtAPage(LogReader):
    """The last message of a page is passed by where more follow."""

    async def _read(self, context: Context, place: bytes) -> Page:
        page = await super()._read(context, place)
        return replace(page, messages=page.messages[:-1]) if page.end < page.bounds.end else page


class EndsSlowReaders(LogReader):
    """Who is further behind than what is at hand is ended."""

    async def _read(self, context: Context, place: bytes) -> Page:
        raise FellBehind.by(1)


class SkipsInSilence(LogReader):
    """What is kept no longer is not missed."""

    def _new(self, request: SubscribeRequest, context: Context) -> StandingSubscription:
        class Silent(StandingSubscription):
            def skip_to(self, bounds: Bounds) -> None:
                self.identity, self.place = bounds.identity, bounds.floor

        return Silent(request, Positions(context.namespace, request.topic_pattern))


class TakesAnyPosition(LogReader):
    """Whose a position is, is not looked at."""

    def _new(self, request: SubscribeRequest, context: Context) -> StandingSubscription:
        return StandingSubscription(request, Positions("", ""))


class SaysNoProgress(LogReader):
    """It says where it begins, and then nothing until there is a message."""

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncGenerator[Message, None]:
        first = True
        async for answer in super().subscribe(request, context):
            if first or answer.kind != Kind.PUB_SUB_KIND_PROGRESS:
                yield answer
            first = False


class TurnsHistoryAround(LogReader):
    """What was published comes with the newest first."""

    async def _read(self, context: Context, place: bytes) -> Page:
        page = await super()._read(context, place)
        return replace(page, messages=[*reversed(page.messages)])
