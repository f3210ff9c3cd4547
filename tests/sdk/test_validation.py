"""Validation: each rule of options.proto, on the messages of the contract."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from prism.errors import InvalidArgument, Unimplemented
from prism.interfaces.capabilities import Capabilities
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.interfaces.filter import Filter, FilterList, FilterTest
from prism.interfaces.keyvalue import (
    BatchGetRequest,
    BatchPutRequest,
    CompareAndSwapRequest,
    DeleteRequest,
    ExpireRequest,
    GetRequest,
    PutItem,
    PutRequest,
    ScanRequest,
)
from prism.interfaces.pubsub import PublishBatchRequest, PublishRequest, SubscribeRequest
from prism.interfaces.queue import NackRequest
from prism.interfaces.value import Value, ValueMap
from prism.sdk import DeclaredCapabilities
from prism.sdk.validation import MAX_TTL, MAX_VIOLATIONS, validator

ALL = DeclaredCapabilities.parse(
    {
        "transactions": True,
        "compare_and_swap": "linearizable",
        "scan": True,
        "ttl": True,
        "versions": True,
        "idempotency": True,
        "max_item_size": 2000,
        "max_batch_items": 5,
    }
).whole


def validate(message: Message, capabilities: Capabilities = ALL) -> None:
    validator(message.DESCRIPTOR, capabilities)(message)


def violations(message: Message) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidArgument) as refusal:
        validate(message)
    return [(each.field, each.found, each.limit) for each in refusal.value.violations]


def put(**item: Any) -> PutRequest:
    return PutRequest(id="r", items=[PutItem(**{"key": b"k", **item})])


def ttl(seconds: int = 0, nanos: int = 0) -> Duration:
    return Duration(seconds=seconds, nanos=nanos)


@pytest.mark.parametrize(
    "message",
    [
        GetRequest(id="r", keys=[b"k"]),
        GetRequest(id="i" * 512, keys=[b"k" * 1024]),
        GetRequest(id="ü" * 256, keys=[b"\0"]),
        put(value=bytes(2000), metadata={"m" * 1024: "v" * 1024}),
        put(metadata={f"{number}": "" for number in range(64)}),
        put(ttl=ttl(nanos=1000)),
        put(ttl=ttl(MAX_TTL)),
        PutRequest(id="r", items=[PutItem(key=b"%d" % number) for number in range(5)], idempotency_key="i" * 256),
        DeleteRequest(id="r"),
        DeleteRequest(id="r", keys=[b"k", b"k"]),
        ScanRequest(id="r", limit=1000),
        CompareAndSwapRequest(id="r", key=b"k", expected_value=b"", new_value=b""),
        CompareAndSwapRequest(id="r", key=b"k", expected_version=b"", delete=Empty()),
        PublishRequest(topic="a.b*.\u00fc", payload=bytes(2000), attributes={"": ""}),
        PublishRequest(topic="t" * 512),
        PublishBatchRequest(messages=[PublishRequest(topic="a..b")] * 5),
        SubscribeRequest(topic_pattern="a.*.>"),
    ],
)
def test_what_is_allowed(message: Message) -> None:
    """Each limit is itself allowed, and so is everything that no rule forbids."""
    validate(message)


@pytest.mark.parametrize(
    ("message", "field", "found", "limit"),
    [
        (GetRequest(keys=[b"k"]), "id", "nothing", "it is required"),
        (GetRequest(id="r"), "keys", "nothing", "it is required"),
        (put(key=b""), "items[0].key", "nothing", "it is required"),
        (ExpireRequest(id="r", keys=[b"k"]), "expiry", "nothing", "one of ttl, expires_at is required"),
        (GetRequest(id="i" * 513, keys=[b"k"]), "id", "513 bytes", "at most 512 are allowed"),
        (GetRequest(id="i" + "ü" * 256, keys=[b"k"]), "id", "513 bytes", "at most 512 are allowed"),
        (GetRequest(id="a\0b", keys=[b"k"]), "id", "a NUL character", "NUL is allowed in bytes fields only"),
        (GetRequest(id="r", keys=[b"k", b"k" * 1025]), "keys[1]", "1025 bytes", "at most 1024 are allowed"),
        (GetRequest(id="r", keys=[b"k"] * 6), "keys", "6 elements", "at most 5 are allowed"),
        (put(value=bytes(2001)), "items[0].value", "2001 bytes", "at most 2000 are allowed"),
        (put(metadata={"a": "v" * 1025}), "items[0].metadata['a']", "1025 bytes", "at most 1024 are allowed"),
        (put(metadata={"a" * 1025: ""}), f"items[0].metadata['{'a' * 40}']", "1025 bytes", "at most 1024 are allowed"),
        (put(metadata={"a": "\0"}), "items[0].metadata['a']", "a NUL character", "NUL is allowed in bytes fields only"),
        (
            put(metadata={f"{number}": "" for number in range(65)}),
            "items[0].metadata",
            "65 elements",
            "at most 64 are allowed",
        ),
        (PublishRequest(), "topic", "nothing", "it is required"),
        (PublishRequest(topic="t" * 513), "topic", "513 bytes", "at most 512 are allowed"),
        (PublishRequest(topic="a\0"), "topic", "a NUL character", "NUL is allowed in bytes fields only"),
        (PublishRequest(topic="a..b"), "topic", "'a..b'", "no token between dots may be empty"),
        (PublishRequest(topic="a.*"), "topic", "'a.*'", "'*' and '>' are for patterns; a topic has no such token"),
        (SubscribeRequest(topic_pattern="a."), "topic_pattern", "'a.'", "no token between dots may be empty"),
        (SubscribeRequest(topic_pattern=">.a"), "topic_pattern", "'>.a'", "'>' may only be the last token"),
        (put(ttl=ttl()), "items[0].ttl", "0s", "a time to live is at least a microsecond"),
        (put(ttl=ttl(nanos=999)), "items[0].ttl", "9.99e-07s", "a time to live is at least a microsecond"),
        (put(ttl=ttl(-1)), "items[0].ttl", "-1s", "a time to live is at least a microsecond"),
        (put(ttl=ttl(nanos=-1000)), "items[0].ttl", "-1e-06s", "a time to live is at least a microsecond"),
        (ScanRequest(id="r", limit=1001), "limit", "1001", "at most 1000 is allowed"),
        (
            PutRequest(id="r", items=[PutItem(key=b"a"), PutItem(key=b"b"), PutItem(key=b"a")]),
            "items[2]",
            "the same key as element 0",
            "each may appear once",
        ),
        (
            BatchPutRequest(writes=[PutRequest(id="a"), PutRequest(id="a")]),
            "writes[1]",
            "the same id as element 0",
            "each may appear once",
        ),
        (
            CompareAndSwapRequest(id="r", key=b"k", new_value=b""),
            "expected",
            "nothing",
            "one of expected_value, expected_version, expected_absent is required",
        ),
        (
            CompareAndSwapRequest(id="r", key=b"k", expected_absent=Empty()),
            "new",
            "nothing",
            "one of new_value, delete is required",
        ),
        (
            CompareAndSwapRequest(id="r", key=b"k", expected_absent=Empty(), new_value=bytes(2001)),
            "new_value",
            "2001 bytes",
            "at most 2000 are allowed",
        ),
    ],
)
def test_what_is_refused(message: Message, field: str, found: str, limit: str) -> None:
    """Over a limit is INVALID_ARGUMENT with the field, what was found and what is allowed."""
    assert violations(message) == [(field, found, limit)]


def test_a_ttl_beyond_a_century() -> None:
    """The longest time to live is stated."""
    ((field, _, limit),) = violations(put(ttl=ttl(MAX_TTL + 1)))
    assert field == "items[0].ttl"
    assert limit == f"a time to live is at most {MAX_TTL}s"


def test_every_violation_is_told_at_once() -> None:
    """A caller mends a request in one go; the message holds them all."""
    broken = violations(PutRequest(items=[PutItem(value=bytes(2001)), PutItem(key=b"k", ttl=ttl())]))
    assert [field for field, _, _ in broken] == ["id", "items[0].key", "items[0].value", "items[1].ttl"]


def test_members_of_a_batch_are_not_checked_with_it() -> None:
    """A bad member is answered by itself, so the batch passes; a batch of nothing or too much does not."""
    validate(BatchGetRequest(reads=[GetRequest(), GetRequest(id="r", keys=[b"k"])]))
    assert violations(BatchGetRequest()) == [("reads", "nothing", "it is required")]
    assert violations(BatchGetRequest(reads=[GetRequest()] * 6)) == [("reads", "6 elements", "at most 5 are allowed")]


@pytest.mark.parametrize(
    ("message", "capability"),
    [
        (put(ttl=ttl(1)), "ttl"),
        (PutRequest(id="r", items=[PutItem(key=b"k")], keep_ttl=True), "ttl"),
        (PutRequest(id="r", items=[PutItem(key=b"k")], idempotency_key="once"), "idempotency"),
        (CompareAndSwapRequest(id="r", key=b"k", expected_version=b"", new_value=b""), "versions"),
    ],
)
def test_a_field_may_need_a_capability(message: Message, capability: str) -> None:
    """Set without the capability it is UNIMPLEMENTED, which names the field's need; with it, it passes."""
    validate(message)
    with pytest.raises(Unimplemented) as refusal:
        validate(message, Capabilities())
    assert refusal.value.capability == capability


def test_of_a_list_that_is_too_long_the_elements_are_not_looked_at() -> None:
    """All of them are wrong twice over; looking at each, and telling of each, would outlast the test."""
    many = PutRequest.FromString(b"\x0a\x01r" + b"\x12\x00" * 300_000)
    assert violations(many) == [("items", "300000 elements", "at most 5 are allowed")]
    keys = GetRequest(id="r", keys=[b"k" * 2000] * 6)
    assert violations(keys) == [("keys", "6 elements", "at most 5 are allowed")]


def test_no_more_is_told_than_anybody_reads() -> None:
    """The rest of the message is not looked at."""
    plenty = Capabilities(max_batch_items=100)
    with pytest.raises(InvalidArgument) as refusal:
        validate(GetRequest(id="r", keys=[b"k" * 2000] * 100), plenty)
    assert len(refusal.value.violations) == MAX_VIOLATIONS


def test_values_and_filters_are_checked_whole() -> None:
    """Wherever they are in a message: in a field, a list or a map; messages within their own kind end somewhere."""
    wrong = Value(decimal="1e5")
    says = "digits are expected, such as -12.50: without an exponent, a + or zeros in front"
    assert violations(FilterTest(value=wrong)) == [("value", "'1e5'", says)]
    assert violations(FilterTest(values=[Value(bool=True), wrong])) == [("values[1]", "'1e5'", says)]
    assert violations(ValueMap(entries={"a": Value(bool=True), "b": wrong})) == [("entries['b']", "'1e5'", says)]
    assert violations(ValueMap(entries={"\0": Value(bool=True)})) == [
        ("entries['\\x00']", "a NUL character", "NUL is allowed in bytes fields only")
    ]
    missing = "one of all, any, not, test is required"
    assert violations(FilterList(filters=[Filter(), Filter()])) == [
        ("filters[0]", "nothing", missing),
        ("filters[1]", "nothing", missing),
    ]
    validate(FilterTest(value=Value(decimal="1.5")))


@pytest.mark.parametrize("delay", [ttl(), ttl(nanos=1), ttl(MAX_TTL)])
def test_a_duration_may_be_nothing(delay: Duration) -> None:
    """Zero is a duration, unlike a time to live."""
    nack = NackRequest(topic="t", group="g", receipts=["r"], delay=delay)
    validate(nack, QueueCapabilities(max_nack_delay=1))


@pytest.mark.parametrize("delay", [ttl(-1), ttl(nanos=-1), ttl(MAX_TTL + 1)])
def test_a_duration_has_bounds(delay: Duration) -> None:
    """Not below zero, and not beyond a hundred years."""
    nack = NackRequest(topic="t", group="g", receipts=["r"], delay=delay)
    with pytest.raises(InvalidArgument, match="delay"):
        validate(nack, QueueCapabilities(max_nack_delay=1))
