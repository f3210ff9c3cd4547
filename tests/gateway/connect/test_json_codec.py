"""Messages as JSON: strict, and clear about what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism._proto.admin.v1.admin_pb2 import PluginStatus
from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.errors import InvalidArgument
from prism.gateway.connect.json_codec import decode, encode
from prism.interfaces.value import Value


def test_a_request_is_read() -> None:
    """Fields by their JSON or proto names, base64 of either alphabet with or without padding, null as absent."""
    text = b"""{"id": "a", "keep_ttl": true, "idempotencyKey": null,
        "items": [{"key": "_-8", "value": "/+8=", "metadata": {"type": "text"}, "ttl": "1.5s"}]}"""
    request = decode(text, pb.KeyValuePutRequest)
    item = pb.KeyValuePutItem(key=b"\xff\xef", value=b"\xff\xef", metadata={"type": "text"})
    item.ttl.FromMilliseconds(1500)
    assert request == pb.KeyValuePutRequest(id="a", keep_ttl=True, items=[item])


@given(st.binary(max_size=50), st.binary(max_size=50), st.text(max_size=20))
def test_what_is_written_is_read_back(key: bytes, value: bytes, note: str) -> None:
    """Any bytes and any text survive the way to JSON and back."""
    item = pb.KeyValueItem(key=key, value=value, metadata={"note": note}, version=b"\x00\x01")
    item.expires_at.FromMicroseconds(1_900_000_000_123_456)
    message = pb.KeyValueGetResponse(items=[item])
    assert decode(encode(message), pb.KeyValueGetResponse) == message


@pytest.mark.parametrize(("number", "shown"), [(21432, "21432"), (-0.5, "-0.5"), (0, "0"), (1e300, "1e+300")])
def test_whole_numbers_of_a_struct_are_whole(number: float, shown: str) -> None:
    """A process id is 21432, not 21432.0."""
    status = PluginStatus(namespace="a")
    status.process.update({"pid": number, "within": [{"pid": number}]})
    written = encode(status)
    assert json.loads(written, parse_float=str, parse_int=str)["process"] == {"pid": shown, "within": [{"pid": shown}]}
    assert decode(written, PluginStatus) == status


@pytest.mark.parametrize(
    ("text", "kind", "violations"),
    [
        (b'{"idd": 1}', pb.KeyValueGetRequest, [("idd", "an unknown field", "did you mean id?")]),
        (b'{"zzzzz": 1}', pb.KeyValueGetRequest, [("zzzzz", "an unknown field", "known are id, keys")]),
        (
            b'{"items": [{"key": "YQ"}, {"key": "YQ", "valu": "YQ"}]}',
            pb.KeyValuePutRequest,
            [("items[1].valu", "an unknown field", "did you mean value?")],
        ),
        (
            b'{"id": 1, "keys": ["YQ", "not base64!", 7]}',
            pb.KeyValueGetRequest,
            [
                ("id", "1", "text in quotes is expected"),
                ("keys[1]", '"not base64!"', "base64 in quotes is expected"),
                ("keys[2]", "7", "base64 in quotes is expected"),
            ],
        ),
        (b'{"keys": "YQ"}', pb.KeyValueGetRequest, [("keys", '"YQ"', "a list [...] is expected")]),
        (b'{"keys": ["YQ=A"]}', pb.KeyValueGetRequest, [("keys[0]", '"YQ=A"', "base64 in quotes is expected")]),
        (b'{"keys": ["A"]}', pb.KeyValueGetRequest, [("keys[0]", '"A"', "base64 in quotes is expected")]),
        (b'{"items": [null]}', pb.KeyValuePutRequest, [("items[0]", "null", "an object {...} is expected")]),
        (b'{"items": {}}', pb.KeyValuePutRequest, [("items", "{}", "a list [...] is expected")]),
        (
            b'{"keepTtl": "yes"}',
            pb.KeyValuePutRequest,
            [("keepTtl", '"yes"', "true or false is expected, without quotes")],
        ),
        (
            b'{"limit": -1}',
            pb.KeyValueScanRequest,
            [("limit", "-1", "a whole number that fits 32 bits, not negative, is expected")],
        ),
        (
            b'{"ttl": 5}',
            pb.KeyValueExpireRequest,
            [("ttl", "5", 'seconds in quotes are expected, such as "3.5s"')],
        ),
        (
            b'{"items": [{"metadata": {"a": 1}}]}',
            pb.KeyValuePutRequest,
            [("items[0].metadata[a]", "1", "text in quotes is expected")],
        ),
        (
            b'{"items": [{"metadata": []}]}',
            pb.KeyValuePutRequest,
            [("items[0].metadata", "[]", "an object {...} is expected")],
        ),
        (b'{"double": "1e999"}', Value, [("double", '"1e999"', "a number is expected")]),
        (b'{"double": 1' + b"0" * 400 + b"}", Value, [("double", "1" + "0" * 39 + "...", "a number is expected")]),
        (b'{"double": "inf"}', Value, [("double", '"inf"', "a number is expected")]),
        (b'{"double": "1_0"}', Value, [("double", '"1_0"', "a number is expected")]),
        (
            b'{"int64": 9007199254740993.0}',
            Value,
            [("int64", "9007199254740992.0", "a whole number that fits 64 bits is expected")],
        ),
        (
            b'{"list": {"values": [{"int64": "9007199254740993.0"}]}}',
            Value,
            [("list.values[0].int64", '"9007199254740993.0"', "a whole number that fits 64 bits is expected")],
        ),
        (b"[1]", pb.KeyValueGetRequest, [("the request", "[1]", "an object {...} is expected")]),
        (b'{"id": "\\ud800"}', pb.KeyValueGetRequest, [("id", '"\\ud800"', "text in quotes is expected")]),
    ],
)
def test_every_field_at_fault_is_named(text: bytes, kind: Any, violations: list[tuple[str, str, str]]) -> None:
    """Unknown fields with the nearest known one, wrong types with what is expected, all at once."""
    with pytest.raises(InvalidArgument) as raised:
        decode(text, kind)
    assert [(each.field, each.found, each.limit) for each in raised.value.violations] == violations
    for field, _, limit in violations:
        assert field in raised.value.message
        assert limit in raised.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "has no body; send a JSON object, {} at least"),
        (b" \n", "has no body"),
        (b'{"id": "a",\n "keys": [}', "Expecting value at line 2, column 11"),
        (b'{"id": "a"} x', "Extra data at line 1, column 13"),
        (b'{"id": "\xff"}', "byte 8 is not UTF-8"),
        (b'{"id": "a", "id": "b"}', 'has the field "id" more than once'),
        (b'{"limit": NaN}', "NaN is not a JSON number"),
        (b'{"limit": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"expectedValue": "YQ", "expectedVersion": "YQ"}', 'should not have multiple "expected" oneof'),
    ],
)
def test_what_is_no_request(text: bytes, says: str) -> None:
    """What is not JSON is refused with the place, what JSON allows and a message does not with the reason."""
    kind = pb.KeyValueScanRequest if b"limit" in text else pb.KeyValueGetRequest
    if b"expected" in text:
        kind = pb.KeyValueCompareAndSwapRequest
    with pytest.raises(InvalidArgument) as raised:
        decode(text, kind)
    assert says in raised.value.message
