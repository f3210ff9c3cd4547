"""The frame parser: whatever the frames and wherever the network cuts them, it sees what was sent."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from prism.wire import ServerConfig
from prism.wire.http2 import frames
from prism.wire.http2.connection import Connection
from prism.wire.http2.stream import Stream
from wire.fuzz.seeds import split
from wire.fuzz.stage import Pipe, Stage

_CONTROL = (frames.PRIORITY, frames.RST_STREAM, frames.SETTINGS, frames.PING, frames.GOAWAY, frames.WINDOW_UPDATE, 77)

Seen = tuple[object, ...]


class Recorder(Connection[Stream]):
    """A connection that writes down what it was told instead of acting upon it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(ServerConfig(), stage.loop, b"")
        self.seen: list[Seen] = []

    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        self.seen.append((frames.DATA, stream_id, flags, data[start:stop]))

    def _on_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        self.seen.append((frames.HEADERS, stream_id, end_stream, block))

    def _is_idle_id(self, stream_id: int) -> bool:
        raise AssertionError("no frame of a recorder is taken apart")

    def _control(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self.seen.append((kind, stream_id, flags, payload))


@dataclass
class Sent:
    """Some frames, and what is to be seen of them."""

    octets: bytes = b""
    seen: list[Seen] = field(default_factory=list)


streams = st.integers(1, frames.LARGEST_WINDOW)
payloads = st.binary(max_size=60) | st.binary(min_size=300, max_size=400)


@st.composite
def data_frames(draw: st.DrawFn) -> Sent:
    """A DATA frame."""
    stream_id, flags, payload = draw(streams), draw(st.integers(0, 255)), draw(payloads)
    sent = frames.frame(frames.DATA, flags, stream_id, payload)
    return Sent(sent, [(frames.DATA, stream_id, flags, payload)])


@st.composite
def control_frames(draw: st.DrawFn) -> Sent:
    """A frame that carries no call; its highest stream bit means nothing."""
    kind, flags, payload = draw(st.sampled_from(_CONTROL)), draw(st.integers(0, 255)), draw(payloads)
    stream_id, reserved = draw(st.just(0) | streams), draw(st.sampled_from([0, 1 << 31]))
    sent = frames.frame(kind, flags, stream_id | reserved, payload)
    return Sent(sent, [(kind, stream_id, flags, payload)])


@st.composite
def header_blocks(draw: st.DrawFn) -> Sent:
    """A block in one frame or many, perhaps padded, perhaps with a priority."""
    stream_id, fragments = draw(streams), draw(st.lists(payloads, min_size=1, max_size=4))
    end = draw(st.sampled_from([0, frames.END_STREAM]))
    flags, first = end, fragments[0]
    if draw(st.booleans()):
        flags |= frames.HAS_PRIORITY
        # Weight and parent are ignored, but for a stream that would be its own parent.
        first = b"\0\0\0\0" + draw(st.binary(min_size=1, max_size=1)) + first
    if draw(st.booleans()):
        flags |= frames.PADDED
        pad = draw(st.integers(0, 255))
        first = bytes((pad,)) + first + bytes(pad)
    pieces = [(frames.HEADERS, flags, first), *((frames.CONTINUATION, 0, each) for each in fragments[1:])]
    kind, flags, payload = pieces[-1]
    pieces[-1] = (kind, flags | frames.END_HEADERS, payload)
    sent = b"".join(frames.frame(kind, flags, stream_id, payload) for kind, flags, payload in pieces)
    return Sent(sent, [(frames.HEADERS, stream_id, end, b"".join(fragments))])


def read(stage: Stage, octets: bytes, cuts: list[int]) -> tuple[list[Seen], bytes]:
    """What a connection sees and says."""
    pipe, recorder = Pipe(stage), Recorder(stage)
    pipe.set_protocol(recorder)
    stage.inside(recorder.connection_made, pipe)
    edges = sorted({min(cut, len(octets)) for cut in cuts} | {0, len(octets)})
    for start, stop in pairwise(edges):
        pipe.feed(octets[start:stop])
    stage.settle()
    return recorder.seen, bytes(pipe.written)


cuts = st.lists(st.integers(0, 3000), max_size=20)


@settings(deadline=None)
@given(st.lists(data_frames() | control_frames() | header_blocks(), max_size=8), cuts)
def test_what_is_sent_is_seen(conversation: list[Sent], cuts: list[int]) -> None:
    """Every frame once, in order, with padding and priority taken off and header blocks joined."""
    with Stage() as stage:
        seen, said = read(stage, b"".join(each.octets for each in conversation), cuts)
        stage.check()
    assert seen == [each for sent in conversation for each in sent.seen]
    assert said == b""


@settings(deadline=None)
@given(st.lists(data_frames() | control_frames() | header_blocks(), min_size=1, max_size=4), st.data())
def test_what_is_damaged_ends_the_same_wherever_it_is_cut(conversation: list[Sent], data: st.DataObject) -> None:
    """A flipped octet never escapes as an exception, and the cut makes no difference to what comes of it."""
    octets = bytearray(b"".join(each.octets for each in conversation))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] = data.draw(st.integers(0, 255))
    with Stage() as stage:
        whole = read(stage, bytes(octets), [])
        assert read(stage, bytes(octets), data.draw(cuts)) == whole
        stage.check()
    found, rest = split(whole[1])
    assert not rest
    assert {each[3] for each in found} <= {frames.GOAWAY, frames.RST_STREAM}


@settings(deadline=None)
@given(st.integers(0, 1000).map(bytes), st.booleans(), st.integers(1, 300))
def test_a_block_that_we_send_arrives_whole(block: bytes, end_stream: bool, largest: int) -> None:
    """In frames as long as the peer takes."""
    sent = frames.headers(7, block, end_stream=end_stream, max_frame_size=largest)
    assert all(len(each) - 9 <= largest for each in split(sent)[0])
    with Stage() as stage:
        seen, _ = read(stage, sent, [])
    assert seen == [(frames.HEADERS, 7, int(end_stream), block)]
