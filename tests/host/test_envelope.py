"""What a plugin's process reads of an envelope by hand is what protobuf reads of it."""

from hypothesis import given
from hypothesis import strategies as st

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host import envelope


@given(st.one_of(st.binary(max_size=300), st.sampled_from([127, 128, 16_383, 16_384, 300_000]).map(bytes)))
def test_further_requests_are_read_without_protobuf(payload: bytes) -> None:
    """Raw parameters and nothing else, of any size."""
    assert envelope.usual_params(pb.ExecuteStreamRequest(raw_params=payload).SerializeToString()) == payload


@given(st.binary(max_size=20).map(lambda rest: b"\x1a" + rest))
def test_what_is_not_usual_is_left_to_protobuf(message: bytes) -> None:
    """Whatever begins so: a length that does not end, or does not fit, and what stands behind."""
    found = envelope.usual_params(message)
    assert found is None or pb.ExecuteStreamRequest.FromString(message).raw_params == found


def test_a_drain_is_not_parameters() -> None:
    """Nor is a request that has none."""
    assert envelope.usual_params(pb.ExecuteStreamRequest(drain=True).SerializeToString()) is None
    assert envelope.usual_params(b"") is None
