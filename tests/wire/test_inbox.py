"""The inbox: messages out of DATA, whatever the pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.wire import Code
from prism.wire.grpc.compression import compress
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.http2.frames import MESSAGE_HEAD


def framed(messages: list[bytes], compressed: bool = False) -> bytes:
    """The messages as they travel."""
    return b"".join(MESSAGE_HEAD.pack(compressed, len(message)) + message for message in messages)


@given(st.lists(st.binary(max_size=200)), st.data())
def test_messages_survive_any_cut(messages: list[bytes], data: st.DataObject) -> None:
    """Pieces may end anywhere; what is taken is given back to the window."""
    inbox = Inbox(65_535, 1000, None)
    stream = framed(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        inbox.feed(stream, start, stop)
    inbox.end()
    assert inbox.stored() == len(stream)
    assert [inbox.take() for _ in messages] == messages
    assert inbox.stored() == 0


@given(st.binary(max_size=100), st.integers(1, 104))
def test_an_end_inside_a_message_is_an_error(message: bytes, size: int) -> None:
    """Truncation never passes for a message."""
    inbox = Inbox(65_535, 1000, None)
    stream = framed([message])
    inbox.feed(stream, 0, min(size, len(stream) - 1))
    with pytest.raises(BadMessage) as caught:
        inbox.end()
    assert caught.value.status.code is Code.INTERNAL


def test_a_length_over_the_limit_is_refused_before_anything_is_held() -> None:
    """By the head alone."""
    inbox = Inbox(65_535, 1000, None)
    with pytest.raises(BadMessage) as caught:
        inbox.feed(MESSAGE_HEAD.pack(0, 1001), 0, 5)
    assert caught.value.status.code is Code.RESOURCE_EXHAUSTED
    assert inbox.stored() == 0


def test_compressed_messages() -> None:
    """Understood where announced; bounded by what they become, and kept as they came until they are taken."""
    inbox = Inbox(65_535, 100_000, "gzip")
    stream = framed([compress(b"x" * 100_000)], compressed=True)
    inbox.feed(stream, 0, len(stream))
    assert inbox.take() == b"x" * 100_000
    bomb = framed([compress(b"x" * 100_001)], compressed=True)
    inbox.feed(bomb, 0, len(bomb))
    assert inbox.stored() == len(bomb)
    with pytest.raises(BadMessage) as caught:
        inbox.take()
    assert caught.value.status.code is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("stream", "encoding"),
    [
        (framed([b"x"], compressed=True), None),
        (framed([b"no gzip"], compressed=True), "gzip"),
        (framed([compress(b"x")[:-1]], compressed=True), "gzip"),
        (framed([compress(b"x") + b"more"], compressed=True), "gzip"),
        (b"\x02\0\0\0\0", None),
    ],
)
def test_what_cannot_be_read(stream: bytes, encoding: str | None) -> None:
    """Ends the call."""
    inbox = Inbox(65_535, 1000, encoding)
    with pytest.raises(BadMessage) as caught:  # noqa: PT012 - the first that cannot, by its head or when it is taken
        inbox.feed(stream, 0, len(stream))
        inbox.take()
    assert caught.value.status.code is Code.INTERNAL


def test_small_pieces_are_gathered() -> None:
    """A message in pieces of two bytes takes no more memory than one in large pieces, and is the same message."""
    inbox = Inbox(65_535, 100_000, None)
    stream = framed([bytes(range(250)) * 40])
    for start in range(0, len(stream) - 1, 2):
        inbox.feed(stream, start, start + 2)
    assert len(inbox._parts) <= 2
    inbox.feed(stream, len(stream) - 1, len(stream))
    assert inbox.take() == stream[5:]


def test_the_window_follows_the_reader() -> None:
    """Unread messages are not given back; a large one gets what it lacks at once."""
    inbox = Inbox(1000, 1_000_000, None)
    stream = framed([b"x" * 495] * 2)
    inbox.window -= len(stream)
    inbox.feed(stream, 0, len(stream))
    assert inbox.wanted() == 0
    inbox.take()
    assert inbox.wanted() == 500
    inbox.take()
    assert inbox.wanted() == 1000
    inbox.feed(MESSAGE_HEAD.pack(0, 100_000), 0, 5)
    assert inbox.wanted() == 100_000
