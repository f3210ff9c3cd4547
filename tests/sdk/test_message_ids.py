"""Ids of messages: unique, whoever gives them."""

from prism.sdk import MessageIds


def test_no_id_comes_twice() -> None:
    """Two sources that know nothing of each other give different ids, each in a rising order."""
    one, other = MessageIds(), MessageIds()
    ids = [[source.next() for _ in range(1000)] for source in (one, other)]
    assert len({*ids[0], *ids[1]}) == 2000
    assert ids == [sorted(ids[0]), sorted(ids[1])]
