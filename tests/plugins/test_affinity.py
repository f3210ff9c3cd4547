"""Calls about one thing go to one process of a remote plugin that keeps it there; see `prism.plugins.rpc.affinity`."""

from collections.abc import AsyncIterator
from typing import Any, cast

from prism.errors import BackendUnavailable
from prism.interfaces import queue as q
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import discover
from prism.plugins.placement import Endpoints
from prism.plugins.rpc.affinity import Affinity, Subject, begun
from prism.plugins.rpc.endpoint import Endpoint
from prism.plugins.rpc.remote import Remote

QUEUE = "prism.data.v1.Queue/"
ADDRESSES = ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")


class Place:
    """An endpoint, as far as it is chosen."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.outstanding = 0


def places() -> list[Endpoint]:
    return cast("list[Endpoint]", [Place(each) for each in ADDRESSES])


def affinity(seed: str = "one") -> Affinity:
    return Affinity(interfaces()["queue"].operations, seed)


def test_what_calls_are_about() -> None:
    """The topic, in the first request of a stream and in every call that a group's process must do; else nothing."""
    found = affinity()
    subscribe = q.ConsumeRequest(subscribe=q.Subscribe(topic="t", group="g")).SerializeToString()
    assert found.subject(f"{QUEUE}Consume", subscribe, "ns") == ("ns", "t")
    described = q.DescribeGroupRequest(topic="t", group="g").SerializeToString()
    assert found.subject(f"{QUEUE}DescribeGroup", described, "ns") == ("ns", "t")
    publish = q.PublishRequest(topic="t").SerializeToString()
    assert found.subject(f"{QUEUE}Publish", publish, "ns") is None
    assert found.subject(f"{QUEUE}Consume", b"\xff", "ns") is None


def test_one_thing_has_one_process_and_many_have_all() -> None:
    """The name decides, the same each time; names, and gateways, spread over the processes."""
    rotation, found = places(), affinity()
    chosen = {name: found.choose(("ns", name), rotation) for name in map(str, range(100))}
    assert {each.target for each in chosen.values()} == {*ADDRESSES}
    assert all(found.choose(("ns", name), rotation) is each for name, each in chosen.items())
    assert len({affinity(str(number)).choose(("ns", "t"), rotation).target for number in range(100)}) == len(ADDRESSES)


def test_streams_keep_the_process_of_the_first() -> None:
    """One that comes back draws nothing from where the streams are; one that goes has its calls elsewhere."""
    rotation, found = places(), affinity()
    subject: Subject = ("ns", "t")
    usual = found.choose(subject, rotation)
    fewer = [each for each in rotation if each is not usual]
    other = found.choose(subject, fewer)
    with found.streaming(subject, other):
        assert found.choose(subject, rotation) is other
        assert found.choose(("another", "t"), [usual]) is usual
        assert found.choose(subject, [usual]) is usual
    assert found.choose(subject, rotation) is usual


async def test_a_remote_plugin_that_says_so_gets_calls_by_it() -> None:
    """Kafka's manifest asks for it; with one address, or by another plugin's manifest, calls go to the least busy."""
    plugins = discover().found
    remote = Remote(plugins["kafka"], Endpoints(ADDRESSES, None), {}, {})
    remote._rotation = places()
    assert {id(remote._choose(("ns", "t"))) for _ in range(50)} == {id(remote._choose(("ns", "t")))}
    assert len({id(remote._choose()) for _ in range(200)}) == len(ADDRESSES)
    for other in (
        Remote(plugins["kafka"], Endpoints(ADDRESSES[:1], None), {}, {}),
        Remote(plugins["postgres"], Endpoints(ADDRESSES, None), {}, {}),
    ):
        assert other._affinity is None
    remote._rotation.clear()
    try:
        remote._choose(("ns", "t"))
    except BackendUnavailable:
        return
    raise AssertionError("there was none to choose")


async def test_the_first_request_is_not_lost() -> None:
    """What was read to find the process goes on to it before the others."""

    async def rest() -> AsyncIterator[bytes]:
        yield b"2"

    requests: Any = rest()
    assert [each async for each in begun(b"1", requests)] == [b"1", b"2"]
