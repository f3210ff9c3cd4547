"""When a server's connection is drained by itself, on a clock of the test's own."""

from time import monotonic

from prism.wire import ServerConfig
from prism.wire.server.drain import Drain
from prism.wire.server.lifetime import Lifetime


def test_an_idle_connection_is_due() -> None:
    """A call under way, or one that began and ended between two looks, makes it a busy one."""
    drain = Drain(ServerConfig(idle_timeout=10))
    now = monotonic()
    assert not drain.due(now + 9, busy=False, completed=0)
    assert not drain.due(now + 11, busy=True, completed=0)
    assert not drain.due(now + 20, busy=False, completed=1)
    assert not drain.due(now + 29, busy=False, completed=1)
    assert drain.due(now + 30, busy=False, completed=1)


def test_an_old_connection_is_due_within_a_tenth_of_its_age() -> None:
    """However busy it is; those made together do not end together."""
    drains = [Drain(ServerConfig(max_connection_age=100)) for _ in range(50)]
    now = monotonic()
    assert not any(each.due(now + 89, busy=True, completed=0) for each in drains)
    assert any(each.due(now + 100, busy=True, completed=0) for each in drains)
    assert not all(each.due(now + 100, busy=True, completed=0) for each in drains)
    assert all(each.due(now + 111, busy=True, completed=0) for each in drains)


def test_only_a_drain_that_was_due_has_a_limit() -> None:
    """One that the server began lasts as long as the server lets it."""
    due, asked = Drain(ServerConfig(idle_timeout=1, drain_timeout=5)), Drain(ServerConfig(drain_timeout=5))
    assert due.due(monotonic() + 2, busy=False, completed=0)
    for each in (due, asked):
        each.begin()
    later = monotonic() + 6
    assert due.out_of_time(later)
    assert not asked.out_of_time(later)


def test_another_longest_life_counts_for_connections_that_are_open() -> None:
    """From their beginning on; so does another grace, and none at all."""
    lifetime = Lifetime(None, 5)
    drain = Drain(ServerConfig(), lifetime)
    now = monotonic()
    assert not drain.due(now + 200, busy=True, completed=0)
    lifetime.max_age = 100
    assert drain.due(now + 111, busy=True, completed=0)
    drain.begin()
    assert drain.out_of_time(monotonic() + 6)
    lifetime.grace = 30
    assert not drain.out_of_time(monotonic() + 6)
    lifetime.max_age = None
    assert not drain.due(now + 200, busy=True, completed=0)
