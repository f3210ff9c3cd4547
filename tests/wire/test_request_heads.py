"""What a client says before it knows of a call."""

from prism.wire import ChannelConfig
from prism.wire.client.request_heads import RequestHeads
from prism.wire.hpack.decoder import Decoder


async def test_the_head_of_a_method_is_made_once() -> None:
    """It says what every request must (gRPC PROTOCOL-HTTP2.md), and however many methods are called, few are kept."""
    heads = RequestHeads("http", "localhost:1", ChannelConfig().user_agent)
    block = heads["/test.Test/Echo"]
    assert Decoder().decode(block) == (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/test.Test/Echo"),
        (b":authority", b"localhost:1"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"user-agent", b"grpc-python-prism/0.1"),
        (b"grpc-accept-encoding", b"identity,gzip"),
    )
    assert heads["/test.Test/Echo"] is block
    for number in range(5000):
        assert heads[f"/test.Test/{number}"]
    assert len(heads) <= 1024
