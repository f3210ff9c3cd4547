"""Initialise, health in each state, double initialise, use before initialise, shutdown with work in flight."""

import asyncio

import pytest

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.acceptance.subject import Subject
from prism.errors import Outcome, PrismError
from prism.host.testing import RunningPlugin, running
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation
from prism.wire.grpc.status import Code

HEALTHY = pb.HealthCheckResponse.HEALTHY


def first_operation(subject: Subject, *, reads: bool) -> Operation:
    """A unary operation of the plugin's first abstraction that reads, or writes; any where none does."""
    operations = interfaces()[subject.plugin.manifest.interfaces[0]].operations
    unary = [each for each in operations if not each.server_streaming and not each.requires]
    return next((each for each in unary if each.reads is reads), unary[0])


async def test_it_says_what_it_is(subject: Subject, plugin: RunningPlugin) -> None:
    """RFC-008, Initialize: answers the plugin's version and what it supports."""
    answer = plugin.initialised
    assert answer.success
    assert answer.plugin_version == subject.plugin.manifest.version
    served = {each.name for name in subject.plugin.manifest.interfaces for each in interfaces()[name].operations}
    assert set(answer.supported_operations) & served


async def test_it_is_healthy_once_initialised(plugin: RunningPlugin) -> None:
    """RFC-008, HealthCheck: healthy while its store answers."""
    assert (await plugin.health()).status == HEALTHY


async def test_initialising_twice_is_one_instance(subject: Subject, plugin: RunningPlugin) -> None:
    """RFC-008, Initialize: each further one attaches a namespace; the same again changes nothing and succeeds."""
    for _ in range(2):
        await plugin.attach("twice")
    await plugin.attach("another")
    assert (await plugin.health()).status == HEALTHY


async def test_use_before_initialise_is_refused(subject: Subject, plugin: RunningPlugin) -> None:
    """plugin.proto, Execute: an instance that is not known is FAILED_PRECONDITION, INSTANCE_UNKNOWN, NOT_APPLIED."""
    operation = first_operation(subject, reads=False)
    request = pb.ExecuteRequest(operation=operation.name, raw_params=b"")
    request.metadata.update({"prism-namespace": "default", "prism-instance": "not started"})
    with pytest.raises(PrismError) as caught:
        await plugin.ask("Execute", request, pb.ExecuteResponse)
    assert (caught.value.reason, caught.value.outcome) == ("INSTANCE_UNKNOWN", Outcome.NOT_APPLIED)


async def test_an_operation_that_there_is_not_is_refused(subject: Subject, plugin: RunningPlugin) -> None:
    """CONTRACT: where a store cannot do a thing, the call is refused; UNIMPLEMENTED for what does not exist."""
    request = pb.ExecuteRequest(operation="prism.data.v1.Nothing/Nothing", raw_params=b"")
    request.metadata.update({"prism-namespace": "default", "prism-instance": "test"})
    await plugin.attach("default")
    assert await _status(plugin, request) == "UNIMPLEMENTED"


async def test_shutdown_answers_what_is_in_flight(subject: Subject) -> None:
    """RFC-008, Shutdown: work in flight is completed or refused, none is left without an answer; the process ends."""
    operation = first_operation(subject, reads=True)
    async with running(subject.command, subject.config, subject.credentials) as plugin:
        await plugin.attach("default")
        calls = [asyncio.create_task(_attempt(plugin, operation)) for _ in range(32)]
        await asyncio.sleep(0)
        await plugin.ask("Shutdown", pb.ShutdownRequest(grace_seconds=5.0), pb.ShutdownResponse)
        answers = await asyncio.wait_for(asyncio.gather(*calls), 20)
        assert set(answers) <= {"OK", "INVALID_ARGUMENT", "UNAVAILABLE", "CANCELLED", "FAILED_PRECONDITION"}
        assert len(answers) == 32
        await asyncio.wait_for(plugin.process.wait(), 20)
    assert plugin.process.returncode == 0


async def _attempt(plugin: RunningPlugin, operation: Operation) -> str:
    request = pb.ExecuteRequest(operation=operation.name, raw_params=b"")
    request.metadata.update({"prism-namespace": "default", "prism-instance": "test"})
    return await _status(plugin, request)


async def _status(plugin: RunningPlugin, request: pb.ExecuteRequest) -> str:
    """The status that an operation ends with, whether gRPC's own or the one in the answer."""
    try:
        answer = await plugin.ask("Execute", request, pb.ExecuteResponse)
    except PrismError as error:
        return error.code.name
    return Code(answer.status.code).name


async def test_a_configuration_that_is_wrong_is_refused(subject: Subject) -> None:
    """RFC-008, Initialize: on failure success is false, with an error that names the option."""
    wrong = {**subject.config, "no_such_option": "x"}
    with pytest.raises(PrismError, match="no_such_option"):
        async with running(subject.command, wrong, subject.credentials):
            pass
