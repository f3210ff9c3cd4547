"""grpc.health.v1, asked by the stock client."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from prism._proto.grpc.health.v1 import health_pb2 as pb
from prism.services import HealthService
from services.serving import serving

KEYVALUE = "prism.data.v1.KeyValue"
Status = pb.HealthCheckResponse


@pytest.fixture
def readiness() -> dict[str, bool]:
    return {"": True, KEYVALUE: True, "prism.data.v1.Queue": False}


@pytest.fixture
def health(readiness: dict[str, bool]) -> HealthService:
    return HealthService(lambda: readiness, interval=60.0)


@pytest.fixture
async def channel(health: HealthService) -> AsyncIterator[grpc.aio.Channel]:
    async with serving(health) as address, grpc.aio.insecure_channel(address) as channel:
        yield channel


def check(channel: grpc.aio.Channel, service: str) -> grpc.aio.UnaryUnaryCall:
    method = channel.unary_unary(
        "/grpc.health.v1.Health/Check", pb.HealthCheckRequest.SerializeToString, Status.FromString
    )
    return method(pb.HealthCheckRequest(service=service), timeout=10)


def watch(channel: grpc.aio.Channel, service: str) -> grpc.aio.UnaryStreamCall:
    method = channel.unary_stream(
        "/grpc.health.v1.Health/Watch", pb.HealthCheckRequest.SerializeToString, Status.FromString
    )
    return method(pb.HealthCheckRequest(service=service), timeout=10)


@pytest.mark.parametrize(
    ("service", "status"),
    [("", Status.SERVING), (KEYVALUE, Status.SERVING), ("prism.data.v1.Queue", Status.NOT_SERVING)],
)
async def test_check(channel: grpc.aio.Channel, service: str, status: int) -> None:
    """The server and each service say whether they serve."""
    assert (await check(channel, service)).status == status


async def test_an_unknown_service_is_not_found(channel: grpc.aio.Channel) -> None:
    """Check names the services that are known."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await check(channel, "prism.data.v1.KeyVale")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert KEYVALUE in (raised.value.details() or "")


async def test_a_broken_request_is_an_invalid_argument(channel: grpc.aio.Channel) -> None:
    """Bytes that are no request are the caller's fault."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff", timeout=10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_list(channel: grpc.aio.Channel) -> None:
    """List gives every service at once."""
    method = channel.unary_unary(
        "/grpc.health.v1.Health/List", pb.HealthListRequest.SerializeToString, pb.HealthListResponse.FromString
    )
    answer = await method(pb.HealthListRequest(), timeout=10)
    assert {service: each.status for service, each in answer.statuses.items()} == {
        "": Status.SERVING,
        KEYVALUE: Status.SERVING,
        "prism.data.v1.Queue": Status.NOT_SERVING,
    }


async def test_watch_tells_changes_and_nothing_else(
    channel: grpc.aio.Channel, health: HealthService, readiness: dict[str, bool]
) -> None:
    """A watcher gets the status now, then every change at once, and no repetition."""
    call = watch(channel, KEYVALUE)
    assert (await call.read()).status == Status.SERVING
    health.refresh()
    readiness[KEYVALUE] = False
    health.refresh()
    assert (await call.read()).status == Status.NOT_SERVING
    readiness[KEYVALUE] = True
    health.refresh()
    assert (await call.read()).status == Status.SERVING
    call.cancel()


async def test_watchers_are_let_go_when_the_server_drains(
    channel: grpc.aio.Channel, health: HealthService, readiness: dict[str, bool]
) -> None:
    """They learn the last status first, and do not hold the server until its grace has run out."""
    call = watch(channel, KEYVALUE)
    assert (await call.read()).status == Status.SERVING
    readiness[KEYVALUE] = False
    health.close()
    assert (await call.read()).status == Status.NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_watch_looks_again_by_itself(readiness: dict[str, bool]) -> None:
    """A change that nobody announces reaches watchers after the interval."""
    health = HealthService(lambda: readiness, interval=0.01)
    async with serving(health) as address, grpc.aio.insecure_channel(address) as channel:
        call = watch(channel, KEYVALUE)
        assert (await call.read()).status == Status.SERVING
        readiness[KEYVALUE] = False
        assert (await call.read()).status == Status.NOT_SERVING
        call.cancel()


async def test_watching_an_unknown_service_waits_for_it(
    channel: grpc.aio.Channel, health: HealthService, readiness: dict[str, bool]
) -> None:
    """Watch says SERVICE_UNKNOWN and goes on, as the protocol asks."""
    call = watch(channel, "prism.data.v1.Graph")
    assert (await call.read()).status == Status.SERVICE_UNKNOWN
    readiness["prism.data.v1.Graph"] = True
    health.refresh()
    assert (await call.read()).status == Status.SERVING
    call.cancel()


async def test_the_stock_stub_lives_beside_ours(channel: grpc.aio.Channel) -> None:
    """grpcio-health-checking can be imported in the same process, and its stub reads our answers."""
    pytest.importorskip("grpc_health")
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    assert health_pb2.DESCRIPTOR.package == pb.DESCRIPTOR.package
    stub = health_pb2_grpc.HealthStub(channel)
    answer = await asyncio.wait_for(stub.Check(health_pb2.HealthCheckRequest(service=KEYVALUE)), 10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
