"""The circuit breaker of a namespace is part of its status."""

from dataclasses import dataclass
from pathlib import Path

from control.world import Arrived, World, toy
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.service import Admin
from prism.wire import Metadata


@dataclass(frozen=True)
class Open:
    """One that is open."""

    state: str = "open"
    trips: int = 2
    opens_in: float = 1.5


async def test_it_is_shown_where_there_is_one(tmp_path: Path) -> None:
    """And absent where there is none."""
    world = World(tmp_path)
    world.write(toy("a", "s"), toy("b", "s"))
    await world.control.start()
    admin = Admin(world.control, breakers=lambda: {("a", "prism.data.v1.KeyValue"): Open()})
    operation = admin.operations["/prism.admin.v1.AdminService/GetPluginStatus"]
    answer = await admin.unary(Arrived(Metadata(())), operation, b"")
    a, b = pb.GetPluginStatusResponse.FromString(answer).statuses
    assert (a.breaker.state, a.breaker.trips, a.breaker.opens_in_seconds) == ("open", 2, 1.5)
    assert not b.HasField("breaker")
    await world.control.stop()
