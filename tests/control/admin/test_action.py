"""Whoever keeps a record hears of every administrative action, and authentication has its place."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.world import Arrived, World, toy
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.control.admin import Action, Actor, Admin
from prism.control.admin.action import Asked
from prism.errors import InvalidArgument, NamespaceNotFound, PermissionDenied
from prism.interfaces.operation import Operation
from prism.principal import Principal
from prism.wire import Code, Metadata, Peer, UnixCredentials

SERVICE = "/prism.admin.v1.AdminService/"
OPERATOR = Arrived(Metadata([("prism-operator", "ann@desk x")]))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that serves the namespace `a`."""
    world = World(tmp_path)
    world.write(toy("a", "s"))
    await world.control.start()
    yield world
    await world.control.stop()


async def test_every_action_is_told_however_it_ends(world: World) -> None:
    """Who, what, on which namespace, and how it ended and why."""
    told: list[Action] = []
    admin = Admin(world.control, listeners=[told.append])
    status = admin.operations[f"{SERVICE}GetPluginStatus"]
    await admin.unary(OPERATOR, status, pb.GetPluginStatusRequest(namespace="a").SerializeToString())
    with pytest.raises(NamespaceNotFound):
        await admin.unary(OPERATOR, status, pb.GetPluginStatusRequest(namespace="b").SerializeToString())
    with pytest.raises(InvalidArgument):
        await admin.unary(OPERATOR, status, b"\xff")
    assert [(each.namespace, each.code) for each in told] == [
        ("a", Code.OK), ("b", Code.NOT_FOUND), ("", Code.INVALID_ARGUMENT),
    ]  # fmt: skip
    assert told[0].operation == "prism.admin.v1.AdminService/GetPluginStatus"
    assert told[0].reads
    assert "no namespace 'b'" in told[1].message
    assert {str(each.actor) for each in told} == {"ann@desk_x"}


async def test_a_defect_is_told_and_gives_nothing_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is referred to the log."""
    told: list[Action] = []
    admin = Admin(world.control, listeners=[told.append])
    monkeypatch.setattr(world.control, "served", None)
    with pytest.raises(Exception, match="its log has the details"):
        await admin.unary(OPERATOR, admin.operations[f"{SERVICE}ListPlugins"], b"")
    assert [each.code for each in told] == [Code.INTERNAL]


async def test_whoever_is_not_admitted_is_refused_before_anything_is_read(world: World) -> None:
    """The denial is told too, with who it was."""

    async def nobody(operation: Operation, asked: Asked) -> Principal:
        raise PermissionDenied(f"{asked.metadata.get('prism-operator')} may not call {operation.method}")

    told: list[Action] = []
    admin = Admin(world.control, admit=nobody, listeners=[told.append])
    for operation in admin.operations.values():
        with pytest.raises(PermissionDenied):
            await admin.unary(OPERATOR, operation, b"\xff")
    assert {each.code for each in told} == {Code.PERMISSION_DENIED}
    assert len(told) == len(admin.operations)


async def test_the_principal_is_who_acts(world: World) -> None:
    """What authentication found counts, not what the caller says."""

    async def bob(_operation: Operation, _asked: Asked) -> Principal:
        return Principal("spiffe://ops/bob")

    told: list[Action] = []
    admin = Admin(world.control, admit=bob, listeners=[told.append])
    await admin.unary(OPERATOR, admin.operations[f"{SERVICE}ListPlugins"], b"")
    assert str(told[0].actor) == "spiffe://ops/bob"
    assert told[0].actor.claimed == "ann@desk_x"


def test_an_actor_without_a_name_is_an_address() -> None:
    """With the uid that the kernel vouches for, where there is one."""
    assert str(Actor.of(Metadata(()), Peer("127.0.0.1:5"))) == "someone at 127.0.0.1:5"
    peer = Peer("unix:", credentials=UnixCredentials(1, 1000, 1000))
    assert str(Actor.of(Metadata(()), peer)) == "someone at unix:uid=1000"
