"""A batch whose store fails in the middle: what comes behind, of the same ordering key, may be published later."""

from typing import Any

import pytest

from prism.backends.memory.testing import TemporaryStore
from prism.context import Context
from prism.errors import BackendUnavailable, Outcome
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.rpc_status import from_status
from prism.sdk.queue import StoredQueue
from prism.wire.grpc.status import Code, Status

HERE = Context("ns")


async def test_what_comes_behind_a_failure_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has that failure's reason, not that of a request at fault, and was not applied."""
    store = TemporaryStore()
    await store.start()
    backend = await store.backend()
    queue = next(each for each in backend.interfaces if isinstance(each, StoredQueue))
    queue.declare(QueueCapabilities(max_payload=1 << 20, ordering="key"))
    publish: Any = queue._store.publish

    async def fails_once(context: Context, messages: Any, **options: Any) -> Any:
        if messages[0].payload == b"2":
            raise BackendUnavailable("the store is away", outcome=Outcome.UNKNOWN, retry_after=1.0)
        return await publish(context, messages, **options)

    monkeypatch.setattr(queue._store, "publish", fails_once)
    messages = [q.PublishRequest(topic="t", ordering_key="k", payload=b"%d" % number) for number in range(1, 5)]
    answer = await queue.publish_batch(q.PublishBatchRequest(messages=messages), HERE)
    first, *failed = answer.results
    assert first.message_id
    statuses = [Status(Code(each.error.code), each.error.message, each.error.SerializeToString()) for each in failed]
    errors = [from_status(each) for each in statuses]
    assert all(type(each) is BackendUnavailable for each in errors), errors
    assert [each.outcome for each in errors] == [Outcome.UNKNOWN, Outcome.NOT_APPLIED, Outcome.NOT_APPLIED]
    assert [each.message.count("the store is away") for each in errors] == [1, 1, 1]
    await store.stop()
