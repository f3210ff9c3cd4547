"""The envelope that is written and read by hand says what the protobuf library says."""

import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from prism._proto.plugin.v1.plugin_pb2 import (
    ExecuteRequest,
    ExecuteResponse,
    ExecuteStreamRequest,
    ExecuteStreamResponse,
    PluginMetrics,
)
from prism.context import Context
from prism.plugins.rpc.envelope import Envelopes, read, read_item, result_of, usual_item, usual_result, varint

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
NAME = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
TRACEPARENT = (
    TEXT | st.text(min_size=55, max_size=55) | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", fullmatch=True)
)
SIZES = st.sampled_from([0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152])
PAYLOAD = st.one_of(st.binary(max_size=300), SIZES.map(lambda size: b"\x2a" * size))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "success": st.booleans(),
        "error": TEXT,
        "error_code": st.integers(-(2**31), 2**31 - 1),
        "raw_result": PAYLOAD,
        "metrics": st.just(PluginMetrics(requests_total=1)),
        "status": st.just(Status(code=14, message="down")),
    },
)


@given(NAME, NAME, NAME, TEXT, TRACEPARENT, PAYLOAD)
def test_a_request_is_what_the_library_reads(
    operation: str, namespace: str, instance: str, principal: str, traceparent: str, payload: bytes
) -> None:
    """Every field, whatever it holds, as either of the two messages that begin alike."""
    envelopes = Envelopes(instance)
    context = Context(namespace, None, principal, traceparent)
    expected = {"prism-namespace": namespace, "prism-instance": instance}
    expected |= {"prism-principal": principal} if principal else {}
    expected |= {"traceparent": traceparent} if traceparent else {}
    for _ in range(2):  # once encoded, once remembered
        written = envelopes.write(operation, payload, context)
        for kind in (ExecuteRequest, ExecuteStreamRequest):
            request = kind.FromString(written)
            assert (request.operation, request.raw_params, dict(request.metadata)) == (operation, payload, expected)
            assert request.WhichOneof("params") == "raw_params"


def test_claims_of_a_caller() -> None:
    """They go with the name where the plugin asks for them, those of the token of this call."""
    one, other = {"tenant": ("acme",), "groups": ("a", "é")}, {"tenant": ("other",)}
    asked, not_asked = Envelopes("i", claims=True), Envelopes("i")
    for claims in (one, one, other, one):
        context = Context("n", None, "ann", claims=claims)
        metadata = ExecuteRequest.FromString(asked.write("op", b"", context)).metadata
        assert Context("n", claims=metadata["prism-claims"]).claims == claims
        assert metadata["prism-principal"] == "ann"
        assert "prism-claims" not in ExecuteRequest.FromString(not_asked.write("op", b"", context)).metadata
    assert dict(Context("n", claims="").claims) == {}


@given(FIELDS)
def test_the_fast_reading_of_a_response_is_right_or_left_to_the_library(fields: dict[str, object]) -> None:
    """It gives a result only where the library finds that result, success, and nothing else."""
    response = ExecuteResponse(**fields)
    usual = response == ExecuteResponse(success=True, raw_result=response.raw_result)
    assert usual_result(response.SerializeToString()) == (response.raw_result if usual else None)


@given(PAYLOAD)
def test_the_usual_response_takes_the_fast_way(result: bytes) -> None:
    """So that no success pays for the library."""
    assert usual_result(ExecuteResponse(success=True, raw_result=result).SerializeToString()) == result
    assert usual_item(ExecuteStreamResponse(raw_result=result).SerializeToString()) == result


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x08\x01\x2a", b"\x12"]))
def test_garbage_is_read_as_the_library_reads_it(garbage: bytes, start: bytes) -> None:
    """What the fast way takes, the library takes too, and finds the same in it."""
    answer = start + garbage
    if (result := usual_result(answer)) is not None:
        message = read(answer)
        assert message is not None
        assert (message.success, result_of(message)) == (True, result)
    if (item := usual_item(answer)) is not None:
        streamed = read_item(answer)
        assert streamed is not None
        assert result_of(streamed) == item


@given(PAYLOAD, st.booleans())
def test_the_fast_reading_of_a_streamed_response(result: bytes, final: bool) -> None:
    """A message that says that it is the last one is left to the library."""
    written = ExecuteStreamResponse(raw_result=result, is_final=final).SerializeToString()
    assert usual_item(written) == (None if final else result)


def test_typed_results_and_none() -> None:
    """A result may come typed; none at all is none."""
    assert result_of(ExecuteResponse(success=True, typed_result=Any(value=b"x"))) == b"x"
    assert result_of(ExecuteResponse(success=True)) is None
    assert read(b"\xff\xff") is None
    assert read_item(b"\xff\xff") is None


@pytest.mark.parametrize(("number", "written"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varints(number: int, written: bytes) -> None:
    """As protobuf's guide writes them."""
    assert varint(number) == written


def test_many_namespaces_do_not_pile_up() -> None:
    """What is remembered of them has a bound."""
    envelopes = Envelopes("i")
    for number in range(20_001):
        envelopes.write("op", b"", Context(f"n{number}"))
    assert len(envelopes._namespaces) <= 20_000
