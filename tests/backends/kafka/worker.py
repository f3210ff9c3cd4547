"""A gateway of its own process that consumes, transforms and produces through Commit, until it is killed.

`python worker.py ADDRESS PREFIX`: what comes in `in` goes out to `out`, as one step each.
"""

import asyncio
import sys
from contextlib import aclosing
from typing import Any

from prism.backends.kafka.backend import KafkaBackend
from prism.backends.kafka.config import KafkaConfig, KafkaCredentials, KafkaQueueOptions
from prism.context import Context
from prism.interfaces import queue as q
from prism.plugins.discovery import discover


async def main(address: str, prefix: str) -> None:
    config = KafkaConfig(
        addresses=(address,), prefix=prefix, session_timeout=1.5, transaction_timeout=2, publish_timeout=2,
        queue=KafkaQueueOptions(linger=0.1, handover=0.5),
    )  # fmt: skip
    backend = KafkaBackend(config, KafkaCredentials())
    await backend.start()
    queue: Any = backend.interfaces[0]
    queue.declare(discover().found["kafka"].manifest.capabilities.of("queue"))
    asked: asyncio.Queue[q.ConsumeRequest] = asyncio.Queue()

    async def requests() -> Any:
        while True:
            yield await asked.get()

    asked.put_nowait(q.ConsumeRequest(subscribe=q.Subscribe(topic="in", group="g", max_in_flight=8)))
    print("ready", flush=True)
    async with aclosing(queue.consume(requests(), Context("shop"))) as responses:
        async for response in responses:
            if response.HasField("message"):
                message = response.message
                out = q.PublishRequest(topic="out", payload=message.payload)
                commit = q.Commit(id=message.message_id, receipts=[message.receipt], publishes=[out])
                asked.put_nowait(q.ConsumeRequest(commit=commit))
            elif response.HasField("committed") and not response.committed.HasField("error"):
                print("done", flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2]))
