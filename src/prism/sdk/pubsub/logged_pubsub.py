"""PubSub from a log alone: what is published is appended, and every subscription reads the log."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from prism.context import Context
from prism.interfaces.pubsub import Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk.deadline import check_time
from prism.sdk.message_ids import MessageIds
from prism.sdk.pubsub.log import MessageLog
from prism.sdk.pubsub.log_reader import LogReader
from prism.sdk.pubsub.options import PubSubOptions


class LoggedPubSub(PubSub):
    """Serves PubSub from a store's logs; has no queue groups.

    Args:
        log: of the store.
        options: of the backend's configuration.
    """

    def __init__(self, log: MessageLog, options: PubSubOptions) -> None:
        self._log = log
        self._reader = LogReader(log, options)
        self._ids = MessageIds()

    @property
    def subscriptions(self) -> int:
        """How many are open."""
        return self._reader.subscriptions

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        check_time(context, writes=True)
        message_id = self._ids.next()
        await self._log.append(context, request, message_id)
        return PublishResponse(message_id=message_id)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        serve = self._reader.subscribe if request.HasField("start") else self._reader.listen
        async with aclosing(serve(request, context)) as messages:
            async for message in messages:
                yield message

    async def stop(self) -> None:
        """Ends the subscriptions."""
        await self._reader.stop()
