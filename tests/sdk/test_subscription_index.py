"""Who gets a message: all whose pattern matches, one of each group, in turn or by key."""

from prism.sdk import Audience, Feed


class Member:
    """A listener and what it has been told."""

    def __init__(self, audience: Audience[str], pattern: str, group: str = "") -> None:
        self.feed: Feed[str] = Feed(1000, 10_000)
        self.listener = audience.join(pattern, group, self.feed)

    async def heard(self) -> list[str]:
        """The messages since the last time."""
        end = "end"
        self.feed.put(end, 0)
        taken = []
        async for message in self.feed:
            if message is end:
                break
            taken.append(message)
        return taken


async def test_everybody_who_matches_is_told() -> None:
    """Each listener gets each message of its topics once, and no other."""
    audience: Audience[str] = Audience()
    exact, one, rest = (Member(audience, pattern) for pattern in ("a.b", "a.*", ">"))
    for topic in ("a.b", "a.c", "b"):
        audience.tell(topic, topic, 1, "")
    assert await exact.heard() == ["a.b"]
    assert await one.heard() == ["a.b", "a.c"]
    assert await rest.heard() == ["a.b", "a.c", "b"]


async def test_coming_and_going_counts_from_the_next_message() -> None:
    """A topic that was told before reaches a listener that came since, and not one that left."""
    audience: Audience[str] = Audience()
    first = Member(audience, "t")
    audience.tell("t", "1", 1, "")
    second = Member(audience, "t")
    audience.tell("t", "2", 1, "")
    audience.leave(first.listener)
    audience.leave(first.listener)
    audience.tell("t", "3", 1, "")
    assert (await first.heard(), await second.heard()) == (["1", "2"], ["2", "3"])
    assert len(audience) == 1


async def test_a_group_shares_its_messages() -> None:
    """Each message goes to one member of each group, all members get their share, and no group takes from another."""
    audience: Audience[str] = Audience()
    workers = [Member(audience, "t.>", "workers") for _ in range(3)]
    auditor, bystander = Member(audience, "t.*", "audit"), Member(audience, ">")
    sent = [f"t.{number}" for number in range(30)]
    for topic in sent:
        audience.tell(topic, topic, 1, "")
    shares = [await worker.heard() for worker in workers]
    assert sorted(topic for share in shares for topic in share) == sorted(sent)
    assert [len(share) for share in shares] == [10, 10, 10]
    assert await auditor.heard() == await bystander.heard() == sent


async def test_a_key_stays_with_its_member() -> None:
    """Messages of one ordering key go to one member of a group, in their order; keys are spread."""
    audience: Audience[str] = Audience()
    workers = [Member(audience, "t", "workers") for _ in range(3)]
    for number in range(20):
        for key in ("red", "green", "blue", "white", "black"):
            audience.tell("t", f"{key} {number}", 1, key)
    shares = [await worker.heard() for worker in workers]
    for key in ("red", "green", "blue", "white", "black"):
        (share,) = [own for each in shares if (own := [m for m in each if m.startswith(key)])]
        assert share == [f"{key} {number}" for number in range(20)]
    assert len([share for share in shares if share]) > 1


async def test_topics_beyond_number_are_found() -> None:
    """What is remembered of topics is bounded, and forgetting changes nothing."""
    audience: Audience[str] = Audience()
    member = Member(audience, "*.end")
    for number in range(20_001):
        audience.tell(f"t{number}", "no", 1, "")
    audience.tell("t.end", "yes", 1, "")
    assert await member.heard() == ["yes"]
