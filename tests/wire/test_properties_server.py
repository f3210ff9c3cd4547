"""The whole server, without a network: any calls, in any frames, any order, any windows, are answered right."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from prism.wire import Server, ServerConfig
from prism.wire.http2 import frames
from prism.wire.http2.settings import INITIAL_WINDOW_SIZE, encode_settings
from prism.wire.server.preamble import Preamble
from wire.fuzz.script import HEAD
from wire.fuzz.seeds import seeds
from wire.fuzz.service import Methods
from wire.fuzz.stage import Pipe, Stage, opening
from wire.fuzz.target_server import ServerTarget
from wire.fuzz.wellformed import Half, Transcript, Windows
from wire.raw_peer import RawPeer, message, request

_OK = b"0"


@dataclass(frozen=True)
class Call:
    """A call, how its client frames it, and what must come back."""

    method: str
    messages: tuple[bytes, ...]
    cuts: tuple[int, ...]  # where its DATA is cut
    pad: int
    fragment: int  # octets of a header frame

    @property
    def answer(self) -> bytes:
        """The body of the response."""
        if self.method == "Count":
            return message(str(sum(map(len, self.messages))).encode())
        if self.method == "Repeat":
            return message(self.messages[0]) * 5
        return b"".join(map(message, self.messages))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call of any kind."""
    method = draw(st.sampled_from(["Echo", "Repeat", "Count", "Chat"]))
    one = method in ("Echo", "Repeat")
    content = st.binary(max_size=50) | st.integers(0, 9000).map(lambda size: b"x" * size)
    return Call(
        method,
        tuple(draw(st.lists(content, min_size=one, max_size=1 if one else 4))),
        tuple(sorted(draw(st.lists(st.integers(0, 10_000), max_size=5)))),
        draw(st.sampled_from([0, 0, 1, 200])),
        draw(st.sampled_from([3, 20, 1000])),
    )


def frames_of(peer: RawPeer, stream_id: int, call: Call) -> Iterator[None]:
    """Send a call, one step at a time; a header block is one step, for nothing may come between."""
    block = peer.encode(request(f"/test.Test/{call.method}"))
    pieces = [block[at : at + call.fragment] for at in range(0, len(block), call.fragment)]
    for number, piece in enumerate(pieces):
        kind = frames.CONTINUATION if number else frames.HEADERS
        peer.send(kind, frames.END_HEADERS if number == len(pieces) - 1 else 0, stream_id, piece)
    yield
    body = b"".join(map(message, call.messages))
    edges = sorted([*range(0, len(body), 16_000), *(min(cut, len(body)) for cut in call.cuts), len(body)])
    for start, stop in pairwise(edges):
        payload, flags = body[start:stop], frames.END_STREAM if stop == len(body) and start < stop else 0
        if call.pad:
            peer.send(frames.DATA, frames.PADDED | flags, stream_id, bytes((call.pad,)) + payload + bytes(call.pad))
        else:
            peer.send(frames.DATA, flags, stream_id, payload)
        if flags:
            return
        yield
    peer.send(frames.DATA, frames.END_STREAM, stream_id)


def interleave(peer: RawPeer, todo: list[Call], order: list[int]) -> None:
    """Send all calls at once, a step of one, a step of another."""
    waiting = [frames_of(peer, 2 * number + 1, call) for number, call in enumerate(todo)]
    for steps in waiting:
        # Streams are opened in the order of their numbers.
        next(steps)
    while waiting:
        at = (order.pop() if order else 0) % len(waiting)
        if next(waiting[at], waiting) is waiting:
            del waiting[at]


def connect(stage: Stage, config: ServerConfig) -> tuple[Server, Pipe]:
    """A server, and a connection to it."""
    service = Methods()
    server = Server(service.lookup, http=service.page, config=config)
    shared = server._share(stage.loop)
    pipe, preamble = Pipe(stage), Preamble(shared)
    pipe.set_protocol(preamble)
    stage.inside(preamble.connection_made, pipe)
    return server, pipe


def leave(stage: Stage, server: Server, pipe: Pipe) -> None:
    """Hang up; nothing may be left."""
    pipe.hang_up()
    stage.settle()
    assert (server.connections, server.calls) == (0, 0)
    stage.start(server.close())
    stage.settle()
    stage.check_rest()


def said(pipe: Pipe, sent: bytes) -> dict[int, Half]:
    """The responses, once everything about them has been found to be well-formed."""
    windows = Windows()
    windows.grant(sent)
    transcript = Transcript(bytes(pipe.written), windows, client=False)
    transcript.check()
    return transcript.streams


@settings(deadline=None)
@given(
    st.lists(calls(), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=30),
    st.lists(st.tuples(st.integers(0, 20_000), st.booleans()), max_size=20),
)
def test_every_call_gets_its_answer(todo: list[Call], order: list[int], cuts: list[tuple[int, bool]]) -> None:
    """Whatever the frames, their order and the network's cuts."""
    peer = RawPeer.recorded()
    interleave(peer, todo, order)
    sent = peer.said()
    with Stage() as stage:
        # So many small frames would look like a flood to a server with its mind on that.
        server, pipe = connect(stage, ServerConfig(flood_allowance=100_000))
        pipe.feed(opening() + encode_settings({INITIAL_WINDOW_SIZE: 1 << 20}))
        pipe.feed(frames.window_update(0, 1 << 24))
        turns = {min(cut, len(sent)): turn for cut, turn in cuts}
        edges = sorted({0, len(sent), *turns})
        for start, stop in pairwise(edges):
            pipe.feed(sent[start:stop])
            if turns.get(stop):
                stage.turn()
        stage.settle()
        answers = said(pipe, encode_settings({INITIAL_WINDOW_SIZE: 1 << 20}) + frames.window_update(0, 1 << 24))
        for number, call in enumerate(todo):
            half = answers[2 * number + 1]
            assert (bytes(half.body), half.heads[-1][b"grpc-status"]) == (call.answer, _OK)
        leave(stage, server, pipe)


@settings(deadline=None)
@given(
    st.lists(calls(), min_size=1, max_size=4),
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(-2, 3), st.integers(1, 5000)), max_size=30),
    st.data(),
)
def test_no_window_is_overrun_and_none_is_left_unused(
    todo: list[Call], initial: int, grants: list[tuple[int, int]], data: st.DataObject
) -> None:
    """The client opens its windows bit by bit; a window that changes in between counts from then on."""
    peer = RawPeer.recorded()
    interleave(peer, todo, [])
    with Stage() as stage:
        server, pipe = connect(stage, ServerConfig(flood_allowance=100_000))
        granted = encode_settings({INITIAL_WINDOW_SIZE: initial})
        pipe.feed(opening() + granted + peer.said())
        stage.settle()
        for number, increment in grants:
            stream_id = 0 if number < 0 else 2 * (number % len(todo)) + 1
            if data.draw(st.booleans()):
                granted += encode_settings({INITIAL_WINDOW_SIZE: increment})
                pipe.feed(encode_settings({INITIAL_WINDOW_SIZE: increment}))
            granted += frames.window_update(stream_id, increment)
            pipe.feed(frames.window_update(stream_id, increment))
            stage.settle()
            said(pipe, granted)
        rest = encode_settings({INITIAL_WINDOW_SIZE: 1 << 20}) + frames.window_update(0, 1 << 24)
        pipe.feed(rest)
        stage.settle()
        answers = said(pipe, granted + rest)
        for number, call in enumerate(todo):
            half = answers[2 * number + 1]
            assert (bytes(half.body), half.heads[-1][b"grpc-status"]) == (call.answer, _OK)
        leave(stage, server, pipe)


@settings(deadline=None)
@given(st.lists(calls(), min_size=1, max_size=3), st.lists(st.integers(0, 5), max_size=10), st.integers(0, 100_000))
def test_a_client_that_goes_in_the_middle_leaves_nothing(todo: list[Call], order: list[int], at: int) -> None:
    """Wherever it stops."""
    peer = RawPeer.recorded()
    interleave(peer, todo, order)
    sent = peer.said()
    with Stage() as stage:
        server, pipe = connect(stage, ServerConfig())
        pipe.feed(opening() + sent[: at % len(sent)])
        stage.settle()
        said(pipe, b"")
        leave(stage, server, pipe)


_VALID = seeds("server") + seeds("http1")


@settings(deadline=None, max_examples=2 * settings().max_examples)
@given(
    st.sampled_from(_VALID),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    st.integers(0, 2000) | st.none(),
    st.binary(max_size=40),
    st.booleans(),
)
def test_damage_harms_no_other_connection(
    valid: bytes, damage: list[tuple[int, int]], length: int | None, garbage: bytes, http1: bool
) -> None:
    """Conversations with wrong octets, cut short, followed by garbage: bounds hold, and a good client is answered."""
    damaged = bytearray(valid)
    for at, octet in damage:
        damaged[HEAD + at % (len(damaged) - HEAD)] = octet
    data = bytes(damaged[: None if length is None else HEAD + length]) + garbage
    with Stage() as stage:
        ServerTarget(stage, http1=http1)(data)
