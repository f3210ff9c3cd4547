"""Topics as subjects and attributes as headers: any text goes through, and nothing gets a meaning on the way."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from prism.backends.nats import headers
from prism.backends.nats.subjects import Subjects, token, topic
from prism.interfaces.pubsub import Message
from prism.sdk.topics import fault

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "",
        "%",
        "%41",
        "nats-x",
        "Nats-Msg-Id",
        "prism-message",
        "Prism-Message",
        " a",
        "a ",
        "a\r\nb: c",
        "\u00a0",
        "a:b",
    ]
)
TOPICS = st.lists(TEXT, min_size=1, max_size=4).map(".".join).filter(lambda text: not fault(text))


@settings(deadline=None)  # a busy machine is slow
@given(TOPICS, st.sampled_from(["n", "a.b", ".", "-"]))
def test_a_topic_comes_back_as_it_was(text: str, namespace: str) -> None:
    """As many tokens as before, and nothing in them that NATS reads as more than text."""
    subjects = Subjects("prism")
    subject = subjects.of_topic(namespace, text)
    assert re.fullmatch(r"[!-~]+", subject)
    tokens = subject.split(".")
    assert len(tokens) == 2 + len(text.split("."))
    assert not any({"*", ">"} & {*each} for each in tokens)
    assert topic(subject, subjects.root(namespace)) == text


def test_wildcards_stay_wildcards() -> None:
    """Only whole tokens are, and `>` at the end."""
    assert Subjects("p.q").of_pattern("n.s", "a.*.b*.>") == "p.q.n%2Es.a.*.b%2A.>"
    assert token("g h") == "g%20h"


@settings(deadline=None)  # a busy machine is slow
@given(st.dictionaries(TEXT, TEXT, max_size=4))
def test_attributes_come_back_as_they_were(attributes: dict[str, str]) -> None:
    """Whatever the names and values; no header is one of NATS's own."""
    written = headers.write("id", 1_234_567, attributes)
    assert len(written) == len(attributes) + 1
    for name, value in written.items():
        assert re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name)
        assert not name.lower().startswith("nats-")
        assert re.fullmatch(r"[ -~]*", value)
        assert value == value.strip()
    message = Message()
    assert headers.read(written, message)
    assert (dict(message.attributes), message.message_id) == (attributes, "id")
    assert (message.published_at.seconds, message.published_at.nanos) == (1, 234_567_000)


def test_plain_attributes_are_plain_headers() -> None:
    """Other clients need no decoding for what needs no encoding; the size is that on the wire."""
    written = headers.write("id", 1, {"content-type": "text/plain; charset=utf-8"})
    assert written == {"Prism-Message": "id 1", "content-type": "text/plain; charset=utf-8"}
    wire = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in written.items()) + "\r\n"
    assert headers.size(written) == len(wire)


def test_others_headers_are_taken_as_they_are() -> None:
    """Without our own header nothing is decoded, and neither is what only looks like it."""
    for theirs in ({"a": "%41"}, {"Prism-Message": "nonsense", "a": "%41"}, {"Prism-Message": "id x"}):
        message = Message()
        assert not headers.read(theirs, message)
        assert dict(message.attributes) == theirs
    assert not headers.read(None, Message())
