"""A gateway's part, played for the tests of a plugin: runs it in a process of its own and calls it over its socket.

    async with running("prism_shelf", {"path": str(tmp_path / "shelf.db")}) as plugin:
        await plugin.call(PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]))
        found = await plugin.call(GetRequest(id="r", keys=[b"k"]))

What is tested so is the plugin as it ships: its manifest, its options, the handshake and the protocol. No gateway is
needed, and nothing of one is imported.
"""

import asyncio
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import PrismError
from prism.host.go_plugin import COOKIE, COOKIE_VALUE
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation
from prism.plugins.manifest import PROTOCOL
from prism.rpc_status import from_status
from prism.wire import Channel, ClientCall, Code, Deadline, Status, StatusError

TIMEOUT: Final = 30.0
"""Seconds that a call has, where its caller does not say otherwise."""

_PLUGIN: Final = f"/{pb.DESCRIPTOR.services_by_name['BackendPlugin'].full_name}"


class NotStarted(Exception):
    """The plugin's process printed no handshake; the message has what it printed instead."""


class RunningPlugin:
    """A plugin's process, and one instance in it.

    Attributes:
        process: the process; its standard error is the test's.
        channel: to its socket, for calls that the methods here do not make.
        initialised: what it answered when the instance was started.
    """

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.process = process
        self.channel = channel
        self.initialised = pb.InitializeResponse()
        self._options = pb.InitializeRequest(instance="test", protocol_versions=[PROTOCOL])
        self._attached: set[str] = set()

    async def initialise(self, config: Mapping[str, Any], credentials: Mapping[str, str]) -> None:
        """Starts the instance; raises what the plugin answered."""
        options = pb.InitializeRequest(instance="test", protocol_versions=[PROTOCOL], credentials=credentials)
        struct = _struct(config)
        options.config.Pack(struct)
        self._options = options
        await self.attach("")

    async def attach(self, namespace: str) -> None:
        """Attaches a namespace; raises what the plugin answered."""
        request = pb.InitializeRequest(namespace=namespace)
        request.MergeFrom(self._options)
        self.initialised = await self.ask("Initialize", request, pb.InitializeResponse)
        if not self.initialised.success:
            raise _error(self.initialised)
        self._attached.add(namespace)

    async def call(
        self,
        request: Message,
        *,
        namespace: str = "default",
        operation: Operation | MethodDescriptor | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """Runs an operation with one request and one response, on a namespace that is attached when first named.

        Args:
            request: what is asked.
            namespace: where.
            operation: which, or its descriptor; for those of the abstractions the request's type tells it.
            timeout: seconds until the plugin gives up.

        Raises:
            PrismError: what the operation raised.
        """
        operation = _operation_of(request) if operation is None else _operation(operation)
        asked = pb.ExecuteRequest(operation=operation.name, raw_params=request.SerializeToString())
        asked.metadata.update(await self._metadata(namespace))
        answer = await self.ask("Execute", asked, pb.ExecuteResponse, timeout=timeout)
        if not answer.success:
            raise _error(answer)
        return operation.response.FromString(answer.raw_result)

    async def stream(
        self,
        request: Message | AsyncIterable[Message],
        *,
        namespace: str = "default",
        operation: Operation | MethodDescriptor | None = None,
        timeout: float = TIMEOUT,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Runs an operation that streams, as `call`; closing the iterator ends it. A stream of requests names it.

        `on_established` is called when the stream misses nothing from then on.
        """
        if operation is None and isinstance(request, Message):
            operation = _operation_of(request)
        operation = _operation(operation)
        begin = pb.ExecuteStreamRequest(operation=operation.name, metadata=await self._metadata(namespace))
        if isinstance(request, Message):
            begin.raw_params, request = request.SerializeToString(), _no_more()
        async with (
            self.channel.open(f"{_PLUGIN}/ExecuteStream", deadline=Deadline.after(timeout)) as call,
            _sending(call, begin, request),
        ):
            if on_established is not None:
                await call.headers()
                on_established()
            async for message in call:
                answer = pb.ExecuteStreamResponse.FromString(message)
                if answer.HasField("status"):
                    raise _error(answer)
                yield operation.response.FromString(answer.raw_result)

    async def health(self) -> pb.HealthCheckResponse:
        """What the instance says of its store."""
        answer: pb.HealthCheckResponse = await self.ask(
            "HealthCheck", pb.HealthCheckRequest(instance="test"), pb.HealthCheckResponse
        )
        return answer

    async def ask(self, method: str, request: Message, kind: type[Any], *, timeout: float = TIMEOUT) -> Any:
        """Calls a method of BackendPlugin with its own messages; raises the PrismError that its status stands for."""
        try:
            message = request.SerializeToString()
            answer = await self.channel.unary(f"{_PLUGIN}/{method}", message, deadline=Deadline.after(timeout))
        except StatusError as error:
            raise from_status(error.status) from error
        return kind.FromString(answer)

    async def stop(self) -> None:
        """Ends the process in order, as a gateway does."""
        if self.process.returncode is None:
            with contextlib.suppress(PrismError):  # it died; its exit code says so
                await self.ask("Shutdown", pb.ShutdownRequest(grace_seconds=1.0), pb.ShutdownResponse)
        await self.channel.close()
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()

    async def _metadata(self, namespace: str) -> dict[str, str]:
        if namespace not in self._attached:
            await self.attach(namespace)
        return {"prism-namespace": namespace, "prism-instance": "test"}


@contextlib.asynccontextmanager
async def running(
    plugin: str | Sequence[str], config: Mapping[str, Any] | None = None, credentials: Mapping[str, str] | None = None
) -> AsyncIterator[RunningPlugin]:
    """A plugin for the length of a block, with one instance started.

    Args:
        plugin: its name or package, as `python -m prism.sdk` takes it; or the whole command of one in any language.
        config: its options.
        credentials: what it proves itself with.

    Raises:
        NotStarted: the process did not come up.
        PrismError: the instance could not be started.
    """
    command = [sys.executable, "-m", "prism.sdk", plugin] if isinstance(plugin, str) else list(plugin)
    with tempfile.TemporaryDirectory(prefix="prism-") as folder:
        process, address = await _started(command, folder)
        started = RunningPlugin(process, Channel(address))
        try:
            await started.initialise(config or {}, credentials or {})
            yield started
        finally:
            await started.stop()


async def _started(command: Sequence[str], folder: str) -> tuple[asyncio.subprocess.Process, str]:
    handshake = {COOKIE: COOKIE_VALUE, "PLUGIN_PROTOCOL_VERSIONS": str(PROTOCOL), "PLUGIN_UNIX_SOCKET_DIR": folder}
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | handshake, stdout=subprocess.PIPE)
    assert process.stdout is not None, "it was asked for"  # noqa: S101  # for the type checker
    try:
        async with asyncio.timeout(TIMEOUT):
            line = (await process.stdout.readline()).decode(errors="replace")
        fields = line.rstrip("\n").split("|")
        if fields[:3] != ["1", str(PROTOCOL), "unix"] or fields[4:5] != ["grpc"]:
            raise NotStarted(f"{' '.join(command)}: no handshake on standard output, but {line!r}; see its log")
    except BaseException:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        raise
    return process, f"unix:{fields[3]}"


@contextlib.asynccontextmanager
async def _sending(
    call: ClientCall, begin: pb.ExecuteStreamRequest, parts: AsyncIterable[Message]
) -> AsyncIterator[None]:
    """Sends the parts of a stream of requests while the block receives."""

    async def send() -> None:
        with contextlib.suppress(StatusError):  # who receives learns why
            await call.send(begin.SerializeToString())
            async for each in parts:
                await call.send(pb.ExecuteStreamRequest(raw_params=each.SerializeToString()).SerializeToString())
            await call.end()

    sender = asyncio.create_task(send())
    try:
        yield
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)


async def _no_more() -> AsyncIterator[Message]:
    return
    yield  # makes it a generator


def _operation(named: Operation | MethodDescriptor | None) -> Operation:
    if named is None:
        raise TypeError("a stream of requests does not tell its operation; name it")
    return named if isinstance(named, Operation) else Operation.of(named)


def _operation_of(request: Message) -> Operation:
    found = _operations().get(request.DESCRIPTOR.full_name)
    if found is None:
        raise TypeError(f"no abstraction has a {request.DESCRIPTOR.full_name}; say which operation it is for")
    return found


@functools.cache
def _operations() -> Mapping[str, Operation]:
    return {each.request.DESCRIPTOR.full_name: each for one in interfaces().values() for each in one.operations}


def _struct(config: Mapping[str, Any]) -> Message:
    from google.protobuf.struct_pb2 import Struct

    struct = Struct()
    struct.update(dict(config))
    return struct


def _error(answer: Any) -> PrismError:
    status = answer.status
    return from_status(Status(Code(status.code), status.message, status.SerializeToString()))
