"""Queue on a `QueueStore`: every operation, with what the .proto cannot say of its requests."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing

from prism.context import Context
from prism.errors import CallerError, PrismError
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.interfaces.queue import AtomicCommit, Cancel, Queue, Receive
from prism.rpc_status import to_rpc_status
from prism.sdk.cursor import Query
from prism.sdk.deadline import check_time
from prism.sdk.queue.answers import behind, check_delay, receipt_lost, told
from prism.sdk.queue.calls import Claim, Lease, Peeked, Settlement, Verb, Want
from prism.sdk.queue.configuration import (
    duration,
    group_config,
    group_message,
    invalid,
    micros,
    start_of,
    timestamp,
    topic_config,
    topic_message,
)
from prism.sdk.queue.consumer import Consumer
from prism.sdk.queue.options import QueueOptions
from prism.sdk.queue.outgoing import delivered, fingerprint, outgoing, plain
from prism.sdk.queue.queue_metrics import QueueMetrics
from prism.sdk.queue.receipts import Receipts
from prism.sdk.queue.rows import GroupConfig, State
from prism.sdk.queue.store import QueueStore
from prism.sdk.validation import validator

PAGE = 100
NO_STREAM = "-"
"""The session of what a call has: no stream goes on with it."""
MAX_WAIT_SHARE = 0.9
"""Of a caller's deadline: Receive answers before it."""
_STATES = {
    q.State.QUEUE_STATE_UNSPECIFIED: (State.WAITING, False),
    q.State.QUEUE_STATE_WAITING: (State.WAITING, False),
    q.State.QUEUE_STATE_DELAYED: (State.WAITING, True),
    q.State.QUEUE_STATE_IN_FLIGHT: (State.IN_FLIGHT, None),
    q.State.QUEUE_STATE_DEAD: (State.DEAD, None),
}


class StoredQueue(Queue, Receive, AtomicCommit, Cancel):
    """Serves Queue from a store.

    Args:
        store: what keeps topics and groups.
        options: times of the backend's configuration.
    """

    def __init__(self, store: QueueStore, options: QueueOptions) -> None:
        self._store = store
        self._options = options
        self._limits = QueueCapabilities()
        self._secret = b""
        self._metrics = QueueMetrics(store)
        self._stopped = False

    def declare(self, capabilities: QueueCapabilities) -> None:
        """What the manifest declares; the binding says it before the first call."""
        self._limits = capabilities

    def stop(self) -> None:
        """Those who wait get an answer at once."""
        self._stopped = True
        self._metrics.stop()
        self._store.wakeups.notify_all()

    def metrics(self) -> Mapping[str, float]:
        """For `Backend.metrics`."""
        return self._metrics.metrics()

    async def publish(self, request: q.PublishRequest, context: Context) -> q.PublishResponse:
        check_time(context, writes=True)
        self._metrics.used(context.namespace)
        message = outgoing(request, context, self._limits.max_payload)
        (done,) = await self._store.publish(context, [message], create=self._options.create)
        return q.PublishResponse(message_id=done.message_id, duplicate=done.duplicate)

    async def publish_batch(self, request: q.PublishBatchRequest, context: Context) -> q.PublishBatchResponse:
        check_time(context, writes=True)
        if request.atomic:
            for each in request.messages:
                validator(each.DESCRIPTOR, self._limits)(each)
            messages = [outgoing(each, context, self._limits.max_payload) for each in request.messages]
            done = await self._store.publish(context, messages, create=self._options.create)
            return q.PublishBatchResponse(
                results=[
                    q.PublishBatchResponse.Result(message_id=each.message_id, duplicate=each.duplicate) for each in done
                ]
            )
        failed: dict[tuple[str, str], PrismError] = {}
        waiting: dict[tuple[str, str], asyncio.Lock] = {}

        async def one(message: q.PublishRequest) -> q.PublishBatchResponse.Result:
            key = (message.topic, message.ordering_key)
            async with waiting.setdefault(key, asyncio.Lock()) if message.ordering_key else asyncio.Lock():
                try:
                    if key in failed:
                        raise behind(failed[key])
                    validator(message.DESCRIPTOR, self._limits)(message)
                    answer = await self.publish(message, context)
                except PrismError as error:
                    if message.ordering_key:
                        failed.setdefault(key, error)
                    return q.PublishBatchResponse.Result(error=to_rpc_status(told(error)))
                return q.PublishBatchResponse.Result(message_id=answer.message_id, duplicate=answer.duplicate)

        return q.PublishBatchResponse(results=await asyncio.gather(*map(one, request.messages)))

    async def cancel(self, request: q.CancelRequest, context: Context) -> q.CancelResponse:
        check_time(context, writes=True)
        return q.CancelResponse(message_ids=await self._store.cancel(context, request.topic, request.message_ids))

    async def _receipts(self, context: Context, topic: str, group: str) -> Receipts:
        self._secret = self._secret or await self._store.secret()
        return Receipts(self._secret, context.namespace, topic, group)

    async def consume(
        self, requests: AsyncIterator[q.ConsumeRequest], context: Context
    ) -> AsyncIterator[q.ConsumeResponse]:
        first = await anext(requests, None)
        if first is None or not first.HasField("subscribe"):
            raise invalid("request", "no subscribe", "the first request of a stream is `subscribe`")
        wanted = first.subscribe
        config = await self._joined(wanted.topic, wanted.group, wanted.create, context)
        receipts = await self._receipts(context, wanted.topic, wanted.group)
        window = int(self._options.resume_window * 1e6)
        consumer = Consumer(
            self._store, context, wanted, config, receipts, window, self._limits.max_nack_delay, self._committed,
            self._metrics.deliveries(context.namespace, wanted.topic, wanted.group),
        )  # fmt: skip
        context.established()
        async with aclosing(consumer.responses(requests)) as responses:
            async for response in responses:
                yield response

    async def _joined(self, topic: str, group: str, create: q.Create, context: Context) -> GroupConfig:
        self._metrics.used(context.namespace)
        config = group_config(create.config, topic, self._limits) if create.HasField("config") else None
        start = start_of(create.start)
        made = await self._store.create_group(context, topic, group, start, config, create=self._options.create)
        return made.config

    async def receive(self, request: q.ReceiveRequest, context: Context) -> q.ReceiveResponse:
        check_time(context, writes=True)
        await self._joined(request.topic, request.group, request.create, context)
        receipts = await self._receipts(context, request.topic, request.group)
        most = self._limits.max_payload // 2
        room = min(request.max_bytes or most, most)
        consumer = context.principal or "receive"
        want = Want(request.max or 1, room, at_least_one=True, consumer=consumer, session=NO_STREAM)
        wait = min(micros(request.wait) / 1e6, self._options.max_wait)
        if context.deadline is not None:
            wait = min(wait, context.deadline.remaining() * MAX_WAIT_SHARE)
        claim = await self._waited(request, context, want, wait)
        messages = [delivered(each, request.topic, receipts.give(each.lease)) for each in claim.deliveries]
        if messages:
            counts = self._metrics.deliveries(context.namespace, request.topic, request.group)
            counts.update(each.attempt for each in messages)
        return q.ReceiveResponse(messages=messages)

    async def _waited(self, request: q.ReceiveRequest, context: Context, want: Want, wait: float) -> Claim:
        loop = asyncio.get_running_loop()
        end, key = loop.time() + wait, (context.namespace, request.topic)
        changed = self._store.wakeups.join(key, request.group)
        try:
            while True:
                changed.clear()
                claim = await self._claimed(request, context, want)
                left = end - loop.time()
                if claim.deliveries or left <= 0 or self._stopped:
                    return claim
                pause = left if claim.wait is None else min(left, claim.wait or 0.05)
                try:
                    async with asyncio.timeout(pause):
                        await changed.wait()
                except TimeoutError:
                    pass
        finally:
            self._store.wakeups.leave(key, changed)

    async def _claimed(self, request: q.ReceiveRequest, context: Context, want: Want) -> Claim:
        """A claim; what it leases for a caller who has gone is released (11)."""
        claiming = asyncio.ensure_future(self._store.claim(context, request.topic, request.group, want))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claim = await claiming
            unwanted = [Settlement(each.lease, Verb.RELEASE) for each in claim.deliveries]
            if unwanted:
                await self._store.settle(Context(context.namespace), request.topic, request.group, unwanted)
            raise

    async def acknowledge(self, request: q.AcknowledgeRequest, context: Context) -> q.AcknowledgeResponse:
        return q.AcknowledgeResponse(results=await self._settled(request, context, Verb.ACKNOWLEDGE))

    async def nack(self, request: q.NackRequest, context: Context) -> q.NackResponse:
        delay = micros(request.delay) if request.HasField("delay") else None
        check_delay(delay, self._limits.max_nack_delay)
        results = await self._settled(request, context, Verb.NACK, delay, request.reason, dead=request.dead)
        return q.NackResponse(results=results)

    async def release(self, request: q.ReleaseRequest, context: Context) -> q.ReleaseResponse:
        return q.ReleaseResponse(results=await self._settled(request, context, Verb.RELEASE))

    async def extend(self, request: q.ExtendRequest, context: Context) -> q.ExtendResponse:
        return q.ExtendResponse(results=await self._settled(request, context, Verb.EXTEND))

    async def _settled(
        self,
        request: q.AcknowledgeRequest | q.NackRequest | q.ReleaseRequest | q.ExtendRequest,
        context: Context,
        verb: Verb,
        delay: int | None = None,
        reason: str = "",
        *,
        dead: bool = False,
    ) -> list[q.Settlement]:
        """What became of each receipt, in the order of the request."""
        check_time(context, writes=True)
        receipts = await self._receipts(context, request.topic, request.group)
        results = [q.Settlement(receipt=each) for each in request.receipts]
        wanted: list[Settlement] = []
        asked: list[q.Settlement] = []
        for each in results:
            try:
                wanted.append(Settlement(receipts.read(each.receipt), verb, delay, reason, dead))
                asked.append(each)
            except CallerError as error:
                each.error.CopyFrom(to_rpc_status(told(error)))
        answers = await self._store.settle(context, request.topic, request.group, wanted) if wanted else []
        for each, seconds in zip(asked, answers, strict=True):
            if isinstance(seconds, PrismError):
                each.error.CopyFrom(to_rpc_status(told(seconds)))
            elif seconds is None:
                each.error.CopyFrom(to_rpc_status(receipt_lost()))
        return results

    async def commit(self, request: q.CommitRequest, context: Context) -> q.CommitResponse:
        check_time(context, writes=True)
        receipts = await self._receipts(context, request.topic, request.group)
        leases = [receipts.read(each) for each in request.receipts]
        return q.CommitResponse(message_ids=await self._committed(request, leases, context))

    async def _committed(self, request: q.CommitRequest, leases: Sequence[Lease], context: Context) -> Sequence[str]:
        for each in request.publishes:
            if each.idempotency_key:
                raise invalid("publishes.idempotency_key", "set", "a commit has one of its own")
        messages = [outgoing(each, context, self._limits.max_payload) for each in request.publishes]
        key = request.idempotency_key
        return await self._store.commit(
            context, request.topic, request.group, leases, messages, key, fingerprint(request) if key else b"",
            create=self._options.create,
        )  # fmt: skip

    async def create_topic(self, request: q.CreateTopicRequest, context: Context) -> q.CreateTopicResponse:
        config = topic_config(request.config, self._limits)
        made = await self._store.create_topic(context, request.topic, config)
        return q.CreateTopicResponse(config=topic_message(made.config), created=made.created)

    async def update_topic(self, request: q.UpdateTopicRequest, context: Context) -> q.UpdateTopicResponse:
        config = await self._store.update_topic(
            context, request.topic, lambda before: topic_config(request.config, self._limits, before)
        )
        return q.UpdateTopicResponse(config=topic_message(config))

    async def describe_topic(self, request: q.DescribeTopicRequest, context: Context) -> q.DescribeTopicResponse:
        topic, messages, size, groups = await self._store.describe_topic(context, request.topic)
        return q.DescribeTopicResponse(
            topic=topic.name, config=topic_message(topic.config), messages=messages, bytes=size, groups=groups
        )

    async def list_topics(self, request: q.ListTopicsRequest, context: Context) -> q.ListTopicsResponse:
        query, limit = Query(request, context), request.limit or PAGE
        position = query.position(request.cursor, parts=1)
        after = position[0].decode() if position else ""
        found = await self._store.list_topics(context, request.prefix, after, limit + 1)
        cursor = query.cursor(found[limit - 1].encode()) if len(found) > limit else b""
        return q.ListTopicsResponse(topics=found[:limit], next_cursor=cursor)

    async def delete_topic(self, request: q.DeleteTopicRequest, context: Context) -> q.DeleteTopicResponse:
        return q.DeleteTopicResponse(existed=await self._store.delete_topic(context, request.topic))

    async def purge_topic(self, request: q.PurgeTopicRequest, context: Context) -> q.PurgeTopicResponse:
        return q.PurgeTopicResponse(count=await self._store.purge_topic(context, request.topic))

    async def create_group(self, request: q.CreateGroupRequest, context: Context) -> q.CreateGroupResponse:
        config = group_config(request.config, request.topic, self._limits)
        made = await self._store.create_group(
            context, request.topic, request.group, start_of(request.start), config, same=True
        )
        return q.CreateGroupResponse(config=group_message(made.config), created=made.created)

    async def update_group(self, request: q.UpdateGroupRequest, context: Context) -> q.UpdateGroupResponse:
        config = await self._store.update_group(
            context,
            request.topic,
            request.group,
            lambda before: group_config(request.config, request.topic, self._limits, before),
        )
        return q.UpdateGroupResponse(config=group_message(config))

    async def describe_group(self, request: q.DescribeGroupRequest, context: Context) -> q.DescribeGroupResponse:
        group, tally = await self._store.describe_group(context, request.topic, request.group)
        counts = q.Counts(
            offered=group.offered,
            waiting=tally.waiting,
            delayed=tally.delayed,
            in_flight=tally.in_flight,
            acknowledged=group.acknowledged,
            dead=tally.dead + group.dead_removed,
            expired=group.expired,
            dead_kept=tally.dead,
        )
        answer = q.DescribeGroupResponse(
            topic=request.topic, group=group.name, config=group_message(group.config), counts=counts
        )
        if tally.waiting:
            answer.oldest_age.CopyFrom(duration(tally.oldest))
        for partition, messages in sorted((tally.lag or {0: tally.waiting + tally.delayed + tally.in_flight}).items()):
            answer.lag.add(partition=partition, messages=messages)
        for consumer, in_flight in sorted(tally.consumers.items()):
            answer.consumers.add(consumer_id=consumer, in_flight=in_flight)
        return answer

    async def list_groups(self, request: q.ListGroupsRequest, context: Context) -> q.ListGroupsResponse:
        query, limit = Query(request, context), request.limit or PAGE
        position = query.position(request.cursor, parts=1)
        names = await self._store.list_groups(context, request.topic)
        found = [each for each in names if not position or each.encode() > position[0]]
        cursor = query.cursor(found[limit - 1].encode()) if len(found) > limit else b""
        return q.ListGroupsResponse(groups=found[:limit], next_cursor=cursor)

    async def delete_group(self, request: q.DeleteGroupRequest, context: Context) -> q.DeleteGroupResponse:
        return q.DeleteGroupResponse(existed=await self._store.delete_group(context, request.topic, request.group))

    async def seek(self, request: q.SeekRequest, context: Context) -> q.SeekResponse:
        return q.SeekResponse(count=await self._store.seek(context, request.topic, request.group, start_of(request.to)))

    async def peek(self, request: q.PeekRequest, context: Context) -> q.PeekResponse:
        want = _STATES.get(request.state)
        if want is None:
            raise invalid("state", q.State.Name(request.state), "these are counted only; see DescribeGroup")
        query, limit = Query(request, context), request.limit or PAGE
        position = query.position(request.cursor, parts=1)
        after = int.from_bytes(position[0], "big") if position else 0
        found = await self._store.peek(context, request.topic, request.group, want, after, limit + 1)
        shown: list[Peeked] = []
        size = 0
        for each in found[:limit]:
            size += each.message.size
            if shown and size > self._limits.max_payload // 4:
                break
            shown.append(each)
        answer = q.PeekResponse(messages=[_peeked(each, request.topic) for each in shown])
        if len(shown) < len(found):
            answer.next_cursor = query.cursor(shown[-1].entry.seq.to_bytes(8, "big"))
        return answer

    async def redrive(self, request: q.RedriveRequest, context: Context) -> q.RedriveResponse:
        _check_which(request)
        return q.RedriveResponse(
            count=await self._store.redrive(context, request.topic, request.group, request.message_ids, request.limit)
        )

    async def discard(self, request: q.DiscardRequest, context: Context) -> q.DiscardResponse:
        _check_which(request)
        return q.DiscardResponse(
            count=await self._store.discard(context, request.topic, request.group, request.message_ids, request.limit)
        )


def _check_which(request: q.RedriveRequest | q.DiscardRequest) -> None:
    if bool(request.message_ids) == bool(request.limit):
        found = "both" if request.limit else "neither"
        raise invalid("message_ids", found, "one of message_ids and limit is required")


def _peeked(each: Peeked, topic: str) -> q.Peeked:
    entry, message = each.entry, plain(each.message, topic)
    message.attempt = entry.failed + (entry.state is State.IN_FLIGHT)
    peeked = q.Peeked(message=message, reason=entry.reason, consumer_id=entry.consumer)
    (peeked.dead_at if entry.state is State.DEAD else peeked.due_at).CopyFrom(timestamp(entry.at))
    return peeked
