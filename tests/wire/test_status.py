"""Status messages on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.wire import Code, Metadata, Status, StatusError
from prism.wire.grpc.status import decode_message, encode_message, parse_code


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_message_survives_the_wire(message: str) -> None:
    """Any text comes back, and only printable ASCII travels."""
    encoded = encode_message(message)
    assert decode_message(encoded.decode("ascii")) == message
    assert all(0x20 <= octet < 0x7F for octet in encoded)


@given(st.binary())
def test_no_message_is_refused(value: bytes) -> None:
    """A status with a bad message is still a status."""
    decode_message(value.decode("latin-1"))


@pytest.mark.parametrize(("value", "message"), [("100%", "100%"), ("%zz", "%zz"), ("%4", "%4"), ("%41%", "A%")])
def test_stray_percent_signs_stay(value: str, message: str) -> None:
    """What is not an escape is kept as it stands."""
    assert decode_message(value) == message


def test_codes() -> None:
    """Known numbers are themselves, all others UNKNOWN."""
    assert [parse_code(str(code.value)) for code in Code] == list(Code)
    assert {parse_code(value) for value in ("17", "", "-1", "x")} == {Code.UNKNOWN}


def test_an_error_reads_like_its_status() -> None:
    """For logs."""
    error = StatusError(Status(Code.NOT_FOUND, "no such thing"), Metadata([("a", "b")]))
    assert str(error) == "NOT_FOUND: no such thing"
