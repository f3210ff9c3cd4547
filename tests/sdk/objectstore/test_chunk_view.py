"""Chunks as views of their requests: the same as protobuf reads, or left to it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prism.interfaces import objectstore as o
from prism.sdk.objectstore.chunk_view import ChunkView, chunk_view

MOST = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, MOST])
def test_a_chunk_is_what_protobuf_reads(size: int) -> None:
    """Of any length that is allowed."""
    payload = o.PutRequest(chunk=bytes(each % 251 for each in range(size))).SerializeToString()
    view = chunk_view(payload, MOST)
    assert bytes(view.chunk) == o.PutRequest.FromString(payload).chunk
    assert (view.WhichOneof("request"), view.HasField("chunk"), view.HasField("head")) == ("chunk", True, False)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_152])
def test_a_response_is_what_protobuf_writes(size: int) -> None:
    """Byte for byte."""
    data = bytes(size)
    assert ChunkView(data).SerializeToString() == o.GetResponse(chunk=data).SerializeToString()


def test_one_too_large_is_left_to_the_rules() -> None:
    """They say what is allowed."""
    assert chunk_view(o.PutRequest(chunk=bytes(11)).SerializeToString(), 10) is None


@given(
    st.binary(max_size=40)
    | st.builds(lambda head, rest: b"\x12" + head + rest, st.binary(max_size=6), st.binary(max_size=30))
)
@example(b"\x12\x80")  # a length that does not end
@example(b"\x12\x80\x80\x80\x80\x80")
def test_no_bytes_are_read_as_another_thing(payload: bytes) -> None:
    """Whatever is sent: a view is given only for what protobuf reads as that very chunk."""
    view = chunk_view(payload, MOST)
    if view is not None:
        assert o.PutRequest.FromString(payload) == o.PutRequest(chunk=bytes(view.chunk))
        assert o.PutPartRequest.FromString(payload) == o.PutPartRequest(chunk=bytes(view.chunk))
