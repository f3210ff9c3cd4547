"""Configuration of the memory backend."""

from pydantic import ByteSize, Field

from prism.sdk import Config
from prism.sdk.objectstore import ObjectOptions
from prism.sdk.pubsub import PubSubOptions
from prism.sdk.queue import QueueOptions
from prism.sdk.timeseries import SeriesOptions


class MemoryPubSubOptions(PubSubOptions):
    """Options of PubSub that persists: as elsewhere, but for less room.

    Attributes:
        max_bytes: most bytes that the messages of one namespace take; then the oldest go before their time. 0: no
            limit.
    """

    max_bytes: ByteSize = Field(default=ByteSize(64 << 20), ge=0)


class MemoryConfig(Config):
    """Options of the memory backend.

    Attributes:
        store: names the data: instances of one process with the same name share it while one of them runs.
        sweep_interval: seconds between two searches for expired items, which free their memory.
        cache_size: bytes that the entries of one namespace's cache may take; then the least recently used go.
        buffer_messages: messages that may wait for one slow subscriber; one more ends its subscription with `GAP`.
        buffer_bytes: bytes of messages that may wait for one slow subscriber.
        queue: of Queue.
        pubsub: of PubSub that persists.
        objects: of ObjectStore.
        timeseries: of TimeSeries.
    """

    store: str = Field(default="default", min_length=1)
    sweep_interval: float = Field(default=5.0, gt=0)
    cache_size: ByteSize = Field(default=ByteSize(64 << 20), gt=0)
    buffer_messages: int = Field(default=4096, ge=1)
    buffer_bytes: ByteSize = Field(default=ByteSize(8 << 20), gt=0)
    queue: QueueOptions = QueueOptions()
    pubsub: MemoryPubSubOptions = MemoryPubSubOptions()
    objects: ObjectOptions = ObjectOptions()
    timeseries: SeriesOptions = SeriesOptions()
