"""Who gets a message: all whose pattern matches, one of each group, in turn or by key."""

from prism.sdk import SubscriberBuffer, SubscriptionIndex


class Member:
    """A listener and what it has been told."""

    def __init__(self, subscriptions: SubscriptionIndex[str], pattern: str, group: str = "") -> None:
        self.buffer: SubscriberBuffer[str] = SubscriberBuffer(1000, 10_000)
        self.listener = subscriptions.join(pattern, group, self.buffer)

    async def heard(self) -> list[str]:
        """The messages since the last time."""
        end = "end"
        self.buffer.put(end, 0)
        taken = []
        async for message in self.buffer:
            if message is end:
                break
            taken.append(message)
        return taken


async def test_everybody_who_matches_is_told() -> None:
    """Each listener gets each message of its topics once, and no other."""
    subscriptions: SubscriptionIndex[str] = SubscriptionIndex()
    exact, one, rest = (Member(subscriptions, pattern) for pattern in ("a.b", "a.*", ">"))
    for topic in ("a.b", "a.c", "b"):
        subscriptions.deliver(topic, topic, 1, "")
    assert await exact.heard() == ["a.b"]
    assert await one.heard() == ["a.b", "a.c"]
    assert await rest.heard() == ["a.b", "a.c", "b"]


async def test_coming_and_going_counts_from_the_next_message() -> None:
    """A topic that was told before reaches a listener that came since, and not one that left."""
    subscriptions: SubscriptionIndex[str] = SubscriptionIndex()
    first = Member(subscriptions, "t")
    subscriptions.deliver("t", "1", 1, "")
    second = Member(subscriptions, "t")
    subscriptions.deliver("t", "2", 1, "")
    subscriptions.leave(first.listener)
    subscriptions.leave(first.listener)
    subscriptions.deliver("t", "3", 1, "")
    assert (await first.heard(), await second.heard()) == (["1", "2"], ["2", "3"])
    assert len(subscriptions) == 1


async def test_a_group_shares_its_messages() -> None:
    """Each message goes to one member of each group, all members get their share, and no group takes from another."""
    subscriptions: SubscriptionIndex[str] = SubscriptionIndex()
    workers = [Member(subscriptions, "t.>", "workers") for _ in range(3)]
    auditor, bystander = Member(subscriptions, "t.*", "audit"), Member(subscriptions, ">")
    sent = [f"t.{number}" for number in range(30)]
    for topic in sent:
        subscriptions.deliver(topic, topic, 1, "")
    shares = [await worker.heard() for worker in workers]
    assert sorted(topic for share in shares for topic in share) == sorted(sent)
    assert [len(share) for share in shares] == [10, 10, 10]
    assert await auditor.heard() == await bystander.heard() == sent


async def test_a_key_stays_with_its_member() -> None:
    """Messages of one ordering key go to one member of a group, in their order; keys are spread."""
    subscriptions: SubscriptionIndex[str] = SubscriptionIndex()
    workers = [Member(subscriptions, "t", "workers") for _ in range(3)]
    for number in range(20):
        for key in ("red", "green", "blue", "white", "black"):
            subscriptions.deliver("t", f"{key} {number}", 1, key)
    shares = [await worker.heard() for worker in workers]
    for key in ("red", "green", "blue", "white", "black"):
        (share,) = [own for each in shares if (own := [m for m in each if m.startswith(key)])]
        assert share == [f"{key} {number}" for number in range(20)]
    assert len([share for share in shares if share]) > 1


async def test_topics_beyond_number_are_found() -> None:
    """What is remembered of topics is bounded, and forgetting changes nothing."""
    subscriptions: SubscriptionIndex[str] = SubscriptionIndex()
    member = Member(subscriptions, "*.end")
    for number in range(20_001):
        subscriptions.deliver(f"t{number}", "no", 1, "")
    subscriptions.deliver("t.end", "yes", 1, "")
    assert await member.heard() == ["yes"]
