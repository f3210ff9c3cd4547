"""What every KeyValue backend does alike between its rows and the messages of the contract.

Stores keep ids and keys as bytes, versions as integers, instants as microseconds since 1970 and metadata packed: byte
order and exact round trips then come by themselves.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from prism.errors import AlreadyExists, DataLoss, InvalidArgument, Outcome, Violation, answer_too_large
from prism.interfaces.keyvalue import (
    MAX_ANSWER_BYTES,
    CompareAndSwapRequest,
    ExpireRequest,
    Item,
    PutItem,
    PutRequest,
)

IDEMPOTENCY_MICROSECONDS = 24 * 3600 * 1_000_000
"""How long an idempotency key is remembered."""
_SHOWN = 60
"""Bytes of a key that a message shows."""


def item(key: bytes, value: bytes | None, metadata: bytes | None, version: int, expires_at: int | None, /) -> Item:
    """The message for a stored item; `value` and `metadata` are None where only keys were asked for.

    Raises:
        DataLoss: what is stored is not what `pack_metadata` and the others made.
    """
    try:
        if metadata:
            message = Item.FromString(metadata)
            if message.key or message.value or message.version or message.HasField("expires_at"):
                raise damaged(key)
            message.key, message.version = key, pack_version(version)
            if value is not None:
                message.value = value
        else:
            message = Item(key=key, value=value, version=pack_version(version))
        if expires_at is not None:
            seconds, microseconds = divmod(expires_at, 1_000_000)
            message.expires_at.CopyFrom(Timestamp(seconds=seconds, nanos=microseconds * 1000))
    except (DecodeError, OverflowError, TypeError, ValueError) as error:
        raise damaged(key) from error
    return message


def damaged(key: bytes) -> DataLoss:
    """The error of an item that is not as it was stored; the others are fine."""
    text = repr(key[:_SHOWN])[1:] + ("..." if len(key) > _SHOWN else "")
    return DataLoss(
        f"the item with the key {text} is damaged in the store: put it anew, delete it, or restore it from a backup"
    )


def fitting(items: Iterable[Item]) -> Iterator[Item]:
    """The items, as long as they fit into one answer, so that no read fills the memory before it is refused.

    Raises:
        LimitExceeded: they do not fit.
    """
    size = 0
    for each in items:
        size += len(each.value)
        if size > MAX_ANSWER_BYTES:
            raise answer_too_large(size, MAX_ANSWER_BYTES)
        yield each


def pack_version(version: int) -> bytes:
    """A version as callers see it."""
    return version.to_bytes(8, "big")


def written_version(version: int, expires_at: int | None, now: int) -> bytes:
    """The version of an item put at `now` as callers see it: empty where it had expired by then."""
    return b"" if expires_at is not None and expires_at <= now else pack_version(version)


def pack_metadata(written: PutItem) -> bytes:
    """An item's metadata as it is stored: a serialised `KeyValueItem` of nothing else; empty for none."""
    return Item(metadata=written.metadata).SerializeToString() if written.metadata else b""


def microseconds(ttl: Duration) -> int:
    """A time to live in microseconds; anything below one is cut off."""
    return ttl.seconds * 1_000_000 + ttl.nanos // 1000


def expiry(written: PutItem | ExpireRequest, now: int) -> int | None:
    """When an item written at `now` expires; None for never. It may have passed: the item is then gone at once."""
    if written.HasField("ttl"):
        return now + microseconds(written.ttl)
    return _instant(written.expires_at) if written.HasField("expires_at") else None


def life(written: PutItem | ExpireRequest) -> int | None:
    """How long an item lives as one number, for a store that has a clock of its own; None for ever.

    Above zero: microseconds from the store's now. Below zero: a time in microseconds since 1970, negated.
    """
    if written.HasField("ttl"):
        return microseconds(written.ttl)
    return -_instant(written.expires_at) if written.HasField("expires_at") else None


def _instant(time: Timestamp) -> int:
    return time.seconds * 1_000_000 + time.nanos // 1000


def check_put(request: PutRequest) -> None:
    """Passes a put that is consistent in itself.

    Raises:
        InvalidArgument: `keep_ttl` together with an item's ttl or expires_at.
    """
    if not request.keep_ttl:
        return
    violations = [
        Violation(f"items[{index}].{given}", "a time to live", "not together with keep_ttl; leave out one of the two")
        for index, each in enumerate(request.items)
        if (given := each.WhichOneof("expiry")) is not None
    ]
    if violations:
        raise InvalidArgument("; ".join(map(str, violations)), violations=violations)


def fingerprint(request: PutRequest) -> bytes:
    """What is remembered of a put with an idempotency key, so that the same one is known again."""
    return sha256(request.SerializeToString(deterministic=True)).digest()


def check_same(request: PutRequest, remembered: bytes) -> None:
    """Passes a repetition of the put whose fingerprint is `remembered`.

    Raises:
        AlreadyExists: the key came first with another payload.
    """
    if fingerprint(request) != remembered:
        raise AlreadyExists(
            f"idempotency key {request.idempotency_key!r} was used in the last 24 hours with another payload; "
            "use a new key for a new write",
            outcome=Outcome.NOT_APPLIED,
        )


def is_expected(request: CompareAndSwapRequest, current: Item | None) -> bool:
    """Whether the live item, or its absence, is what a compare-and-swap asks for."""
    expected = request.WhichOneof("expected")
    if current is None or expected == "expected_absent":
        return current is None and expected == "expected_absent"
    if expected == "expected_version":
        return current.version == request.expected_version
    return current.value == request.expected_value


def replacement(request: CompareAndSwapRequest) -> PutItem | None:
    """What a successful compare-and-swap writes; None where it deletes."""
    if request.WhichOneof("new") == "delete":
        return None
    written = PutItem(key=request.key, value=request.new_value, metadata=request.metadata)
    if request.HasField("ttl"):
        written.ttl.CopyFrom(request.ttl)
    elif request.HasField("expires_at"):
        written.expires_at.CopyFrom(request.expires_at)
    return written
