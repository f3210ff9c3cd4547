"""Whoever keeps a record hears of every administrative action, and authentication has its place."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.world import Arrived, World, toy
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Action, Actor
from prism.admin.service import Admin
from prism.errors import InvalidArgument, NamespaceNotFound, PermissionDenied, Unauthenticated
from prism.gateway.call import Incoming
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
    monkeypatch.setattr(type(world.control), "served", None)
    with pytest.raises(Exception, match="the gateway's log has the details"):
        await admin.unary(OPERATOR, admin.operations[f"{SERVICE}ListPlugins"], b"")
    assert [each.code for each in told] == [Code.INTERNAL]


async def ask(admin: Admin, arrived: Arrived, operation: Operation, payload: bytes) -> bytes:
    """The answer, of a stream the first one."""
    if operation.server_streaming:
        return await anext(admin.stream(arrived, operation, payload))
    return await admin.unary(arrived, operation, payload)


class Strict:
    """Knows everyone as bob, who may administer one namespace."""

    async def identify(self, operation: Operation, incoming: Incoming) -> Principal:
        if "prism-operator" not in incoming.metadata:
            raise Unauthenticated(f"{operation.method} needs a name")
        return Principal("spiffe://ops/bob")

    def allow(self, principal: Principal, namespace: str) -> None:
        if namespace != "a":
            raise PermissionDenied(f"{principal.name} may not administer {namespace}")


async def test_whoever_is_not_known_is_refused_before_anything_is_read(world: World) -> None:
    """By every operation; the denial is told too."""
    told: list[Action] = []
    admin = Admin(world.control, authorizer=Strict(), listeners=[told.append])
    for operation in admin.operations.values():
        with pytest.raises(Unauthenticated):
            await ask(admin, Arrived(Metadata(())), operation, b"\xff")
    assert {each.code for each in told} == {Code.UNAUTHENTICATED}
    assert len(told) == len(admin.operations)


async def test_whoever_may_administer_one_namespace_sees_no_other(world: World) -> None:
    """Nor the gateway as a whole; what authentication found is who acts, not what the caller says."""
    told: list[Action] = []
    admin = Admin(world.control, authorizer=Strict(), listeners=[told.append])
    for name, operation in admin.operations.items():
        fields = {field.name for field in operation.request.DESCRIPTOR.fields}
        request = operation.request(namespace="b") if "namespace" in fields else operation.request()  # type: ignore[call-arg]
        if name.endswith("DescribePlugin"):
            request = pb.DescribePluginRequest(plugin="toy")
        with pytest.raises(PermissionDenied):
            await ask(admin, OPERATOR, operation, request.SerializeToString())
    status = admin.operations[f"{SERVICE}GetPluginStatus"]
    await admin.unary(OPERATOR, status, pb.GetPluginStatusRequest(namespace="a").SerializeToString())
    assert [each.code for each in told] == [Code.PERMISSION_DENIED] * len(admin.operations) + [Code.OK]
    assert {str(each.actor) for each in told} == {"spiffe://ops/bob"}
    assert told[-1].actor.claimed == "ann@desk_x"


def test_an_actor_without_a_name_is_an_address() -> None:
    """With the uid that the kernel vouches for, where there is one."""
    assert str(Actor.of(Metadata(()), Peer("127.0.0.1:5"))) == "someone at 127.0.0.1:5"
    peer = Peer("unix:", credentials=UnixCredentials(1, 1000, 1000))
    assert str(Actor.of(Metadata(()), peer)) == "someone at unix:uid=1000"
