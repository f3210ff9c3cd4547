"""A compare-and-swap as the contract asks for it, from what an application has in its hands."""

from google.protobuf.empty_pb2 import Empty

from prism.client.item import Item, Seconds, Value, put_items
from prism.interfaces.keyvalue import CompareAndSwapRequest


def swap_request(
    record: str, key: bytes, expected: Item | bytes | None, new: bytes | Value | None, ttl: Seconds | None
) -> CompareAndSwapRequest:
    """The request; what the arguments mean: `KeyValue.compare_and_swap`."""
    request = CompareAndSwapRequest(id=record, key=key)
    if expected is None:
        request.expected_absent.CopyFrom(Empty())
    elif isinstance(expected, bytes):
        request.expected_value = expected
    elif expected.version:
        request.expected_version = expected.version
    else:
        request.expected_value = expected.value
    if new is None:
        request.delete.CopyFrom(Empty())
    else:
        (item,) = put_items({key: new}, ttl)
        request.new_value = item.value
        request.metadata.update(item.metadata)
        if item.HasField("ttl"):
            request.ttl.CopyFrom(item.ttl)
    return request
