"""What only time shows of a connection, on a clock of the test's own."""

from prism.wire import ChannelConfig, ServerConfig
from prism.wire.http2.keepalive import Keepalive, StallTimer


def test_a_silent_peer_is_pinged_once_and_given_up() -> None:
    """After the interval; any octet that comes counts as the answer."""
    keepalive = Keepalive(ServerConfig(keepalive_interval=10, keepalive_timeout=5))
    assert not keepalive.ping_due(100, wanted=True)  # it has just been heard
    assert not keepalive.ping_due(109, wanted=True)
    assert keepalive.ping_due(110, wanted=True)
    assert not keepalive.ping_due(114, wanted=True)
    assert not keepalive.unanswered(114)
    assert keepalive.unanswered(115)
    keepalive.heard = True
    assert not keepalive.unanswered(115)
    assert not keepalive.ping_due(115, wanted=True)
    assert keepalive.ping_due(125, wanted=True)


def test_no_ping_where_none_is_wanted() -> None:
    """A client without a call, or a configuration without an interval."""
    idle = Keepalive(ServerConfig(keepalive_interval=10))
    never = Keepalive(ServerConfig(keepalive_interval=None))
    idle.ping_due(0, wanted=False)
    never.ping_due(0, wanted=True)
    assert not idle.ping_due(1000, wanted=False)
    assert not never.ping_due(1000, wanted=True)
    assert idle.ping_due(1000, wanted=True)


def test_what_makes_progress_does_not_stall() -> None:
    """The time counts from the first look after the last progress."""
    timer = StallTimer(5)
    assert not timer.expired(0, pending=True)
    assert not timer.expired(4, pending=True)
    timer.since = None  # progress
    assert not timer.expired(6, pending=True)
    assert not timer.expired(10, pending=True)
    assert timer.expired(11, pending=True)
    assert not timer.expired(12, pending=False)
    assert not timer.expired(20, pending=True)


def test_a_peer_in_doubt_is_pinged_at_once_and_has_less_time() -> None:
    """What it says ends the doubt, and the time is the usual one again."""
    keepalive = Keepalive(ChannelConfig(keepalive_interval=60.0, keepalive_timeout=20.0))
    assert keepalive.probe(100.0, 5.0)
    assert not keepalive.probe(101.0, 5.0)  # one PING will do
    assert keepalive.waiting(102.0) == 2.0
    assert not keepalive.unanswered(104.9)
    assert keepalive.unanswered(105.0)
    keepalive.heard = True
    assert (keepalive.waiting(106.0), keepalive.unanswered(106.0)) == (0.0, False)
    assert not keepalive.ping_due(106.0, wanted=True)
    assert not keepalive.ping_due(165.9, wanted=True)
    assert keepalive.ping_due(166.0, wanted=True)
    assert not keepalive.unanswered(185.9)
    assert keepalive.unanswered(186.0)
