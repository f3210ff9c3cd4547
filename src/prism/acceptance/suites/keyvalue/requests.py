"""One request for each operation of KeyValue that names a record and a key, and the field that holds the key."""

from typing import Any

from google.protobuf.empty_pb2 import Empty

from prism.acceptance.dsl import LONG, duration
from prism.interfaces.keyvalue import (
    CompareAndSwapRequest,
    DeleteRequest,
    ExistsRequest,
    ExpireRequest,
    GetRequest,
    PersistRequest,
    PutItem,
    PutRequest,
    ScanRequest,
    ScanStreamRequest,
)

TTL = duration(LONG)

REQUESTS: dict[str, Any] = {
    "Put": lambda record, key: PutRequest(id=record, items=[PutItem(key=b"fine"), PutItem(key=key)]),
    "Get": lambda record, key: GetRequest(id=record, keys=[b"fine", key]),
    "Exists": lambda record, key: ExistsRequest(id=record, keys=[b"fine", key]),
    "Delete": lambda record, key: DeleteRequest(id=record, keys=[b"fine", key]),
    "Scan": lambda record, key: ScanRequest(id=record, start=key),
    "ScanStream": lambda record, key: ScanStreamRequest(id=record, start=key),
    "CompareAndSwap": lambda record, key: CompareAndSwapRequest(
        id=record, key=key, expected_absent=Empty(), new_value=b"v"
    ),
    "Expire": lambda record, key: ExpireRequest(id=record, keys=[b"fine", key], ttl=TTL),
    "Persist": lambda record, key: PersistRequest(id=record, keys=[b"fine", key]),
}
KEY_FIELDS = {
    "Put": "items[1].key",
    "Get": "keys[1]",
    "Exists": "keys[1]",
    "Delete": "keys[1]",
    "Scan": "start",
    "ScanStream": "start",
    "CompareAndSwap": "key",
    "Expire": "keys[1]",
    "Persist": "keys[1]",
}
