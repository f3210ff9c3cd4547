"""Which topics a pattern stands for, and namespaces that never hear each other."""

import asyncio

from prism.acceptance.suites.pubsub.dsl import PubSub

TOPICS = [
    "a", "b", "a.b", "a.c", "a.b.c", "a.b.c.d", "b.b", "ab", "A", "a*", "a.b*", "a>", "a.>b", "**", "a .b", "a.\u00fc",
    "a.%62", "a.b c", "$SYS.a", "_INBOX.a", "a.-", "a._", "a:b", "a/b", "\U0001f600.b",
]  # fmt: skip
PATTERNS = {
    "a": ["a"],
    "a.b": ["a.b"],
    "a.*": ["a.b", "a.c", "a.b*", "a.>b", "a.\u00fc", "a.%62", "a.b c", "a.-", "a._"],
    "*": ["a", "b", "ab", "A", "a*", "a>", "**", "a:b", "a/b"],
    "*.b": ["a.b", "b.b", "a .b", "\U0001f600.b"],
    "a.>": ["a.b", "a.c", "a.b.c", "a.b.c.d", "a.b*", "a.>b", "a.\u00fc", "a.%62", "a.b c", "a.-", "a._"],
    "a.*.c": ["a.b.c"],
    "a.*.>": ["a.b.c", "a.b.c.d"],
    "a*": ["a*"],
    "a.b*": ["a.b*"],
    "$SYS.>": ["$SYS.a"],
    "unused.>": [],
    ">": TOPICS,
}


async def test_what_a_pattern_stands_for(ps: PubSub) -> None:
    """proto: `*` is any one token, `>` one or more at the end; everything else is text, whatever the store."""
    for pattern, expected in PATTERNS.items():
        async with ps.listening(pattern) as messages, ps.listening(">") as everything:
            for topic in TOPICS:
                await ps.publish(topic)
            assert await ps.heard(everything, len(TOPICS)) == sorted(TOPICS)
            found = sorted([(await messages.next()).topic for _ in expected])
            assert found == sorted(expected), pattern


async def test_a_topic_of_the_longest(ps: PubSub) -> None:
    """CONTRACT: topics are up to 512 bytes, whatever the characters."""
    for topic in ("t" * 512, "a." * 255 + "bc", "\u00fc" * 256, "*" * 511 + "a", " " * 512):
        async with ps.listening(topic) as exact, ps.listening(">") as everything:
            await ps.publish(topic)
            assert (await exact.next()).topic == (await everything.next()).topic == topic


async def test_namespaces_do_not_hear_each_other(ps: PubSub) -> None:
    """CONTRACT, common rules: namespaces sharing one store: the same topic is another in each."""
    other = ps.elsewhere()
    async with ps.listening() as ours, other.listening() as theirs:
        await asyncio.gather(ps.publish("t", b"ours"), other.publish("t", b"theirs"))
        assert (await ours.next()).payload == b"ours"
        assert (await theirs.next()).payload == b"theirs"
        assert await ps.heard(ours, 0) == await other.heard(theirs, 0) == []


async def test_names_that_run_together_are_kept_apart(ps: PubSub) -> None:
    """CONTRACT, common rules: (namespace, topic) alike when joined are different topics."""
    family = [ps.elsewhere(name) for name in ps.namespaces.family()]
    topics = ["a", "a.b", "b", "a.b.a.b", "1", "-"]
    for each in family:
        async with each.listening() as messages:
            for other in family:
                for topic in topics:
                    await other.publish(topic, other.namespace.encode())
            seen = [await messages.next() for _ in topics]
            assert sorted(message.topic for message in seen) == sorted(topics)
            assert {message.payload for message in seen} == {each.namespace.encode()}
            assert await each.heard(messages, 0) == []
