"""`Execute` and `ExecuteStream`: from the envelope to the author's method and back; the hot path of a sidecar.

What the operation itself raises travels inside the response. A violation of the protocol (no request, unknown instance)
ends the call with a gRPC status.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Final

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.context import Context
from prism.errors import BackendUnavailable, InvalidArgument, Outcome, PrismError, Unimplemented
from prism.host import envelope
from prism.host.instance import HostedInstance
from prism.host.instances import Instances
from prism.host.metrics import plugin_metrics
from prism.host.tracing import PluginTrace, PluginTracer
from prism.interfaces.operation import Operation, Requests
from prism.telemetry.current import CURRENT
from prism.telemetry.tracing.trace_context import TRACEPARENT, TRACESTATE
from prism.wire.grpc.status import Code
from prism.wire.server.call import ServerCall

NAMESPACE: Final = "prism-namespace"
INSTANCE: Final = "prism-instance"
PRINCIPAL: Final = "prism-principal"
CLAIMS: Final = "prism-claims"
METRICS: Final = "prism-metrics"


class Execute:
    """Runs operations on the instances.

    Args:
        instances: those of the process.
        tracer: makes a span of each call; None to make none.
    """

    def __init__(self, instances: Instances, tracer: PluginTracer | None = None) -> None:
        self._instances = instances
        self._tracer = tracer

    def _traced(self, metadata: Mapping[str, str]) -> PluginTrace | str:
        caller = metadata.get(TRACEPARENT, "")
        return caller if self._tracer is None else self._tracer.begin(caller, metadata.get(TRACESTATE, ""))

    def _ended(
        self, trace: PluginTrace | str, operation: Operation, namespace: str, code: Code, started: float
    ) -> None:
        if self._tracer is not None and not isinstance(trace, str):
            self._tracer.ended(trace, operation, namespace, code, started)

    async def unary(self, call: ServerCall) -> bytes:
        """`Execute`; raises PrismErrors only for violations of the protocol."""
        request = envelope.parsed(call.message, pb.ExecuteRequest)
        metadata = request.metadata
        namespace = metadata.get(NAMESPACE, "")
        instance = self._instances.serving(metadata.get(INSTANCE, ""), namespace)
        trace = self._traced(metadata)
        context = Context(namespace, call.deadline, metadata.get(PRINCIPAL, ""), trace, claims=metadata.get(CLAIMS, ""))
        CURRENT.set(context)
        name, payload, typed = request.operation, request.raw_params, False
        run = instance.unary.get(name)
        if run is None:
            return envelope.failure(_not_served(instance, name)).SerializeToString()
        code = Code.CANCELLED  # unless it ends before the caller gives up
        started = instance.begin(name)
        try:
            if not payload and request.HasField("typed_params"):
                typed = True
                payload = envelope.typed_params(request.typed_params, instance.binding.every[name])
            result = await run(payload, context)
            code = Code.OK
        except PrismError as error:
            code = error.code
            response = envelope.failure(error)
        else:
            if not typed and METRICS not in metadata:
                return envelope.raw_response(result)
            response = pb.ExecuteResponse(success=True, raw_result=result)
            if typed:
                response.typed_result.CopyFrom(envelope.typed_result(result, instance.binding.every[name]))
        finally:
            instance.end(name, code, started)
            self._ended(trace, instance.binding.every[name], namespace, code, started)
        if METRICS in metadata:
            response.metrics.CopyFrom(plugin_metrics((instance,)))
        return response.SerializeToString()

    async def stream(self, call: ServerCall) -> None:
        """`ExecuteStream`; raises as `unary` does."""
        request = await _first_request(call)
        metadata = request.metadata
        namespace = metadata.get(NAMESPACE, "")
        instance = self._instances.serving(metadata.get(INSTANCE, ""), namespace)
        name = request.operation
        run = instance.streaming.get(name)
        if run is None:
            await call.send(envelope.ended_early(_not_served(instance, name)))
            return
        trace = self._traced(metadata)
        context = Context(
            namespace, call.deadline, metadata.get(PRINCIPAL, ""), trace, call.send_head, metadata.get(CLAIMS, "")
        )
        CURRENT.set(context)
        code = Code.CANCELLED
        task = asyncio.current_task()
        assert task is not None, "a handler runs in a task"  # noqa: S101  # a defect, not an input
        started = instance.begin(name)
        instance.streams[task] = context
        try:
            operation = instance.binding.every[name]
            asked, wrapped = _wrapping(request, operation)
            if operation.client_streaming:
                asked = _all_asked(request, call, operation, context)
            async with aclosing(run(asked, context)) as results:  # type: ignore[type-var]  # they are generators
                async for result in results:
                    await call.send(wrapped(result))
            code = Code.OK
        except PrismError as error:
            code = error.code
            await call.send(envelope.ended_early(error))
        except asyncio.CancelledError:
            if not instance.ended or call.ended:
                raise
            task.uncancel()
            code = Code.UNAVAILABLE
            await call.send(envelope.ended_early(_ended(self._instances)))
        finally:
            del instance.streams[task]
            instance.end(name, code, started)
            self._ended(trace, instance.binding.every[name], namespace, code, started)


async def _first_request(call: ServerCall) -> pb.ExecuteStreamRequest:
    """The one that names the operation.

    Raises:
        InvalidArgument: the stream has no request.
    """
    async for message in call.messages:
        return envelope.parsed(message, pb.ExecuteStreamRequest)
    raise InvalidArgument("the stream ended before its first request; send a request that names the operation")


async def _all_asked(
    first: pb.ExecuteStreamRequest, call: ServerCall, operation: Operation, context: Context
) -> Requests:
    """The requests of a stream; the first message may name the operation and carry none."""
    if first.WhichOneof("params") is not None:
        yield _params(first, operation)
    async for message in call.messages:
        if (params := envelope.usual_params(message)) is not None:
            yield params
            continue
        request = envelope.parsed(message, pb.ExecuteStreamRequest)
        if request.drain:
            context.draining.set()
        else:
            yield _params(request, operation)


def _params(request: pb.ExecuteStreamRequest, operation: Operation) -> bytes:
    if request.HasField("typed_params"):
        return envelope.typed_params(request.typed_params, operation)
    return request.raw_params


def _wrapping(
    request: pb.ExecuteStreamRequest, operation: Operation
) -> tuple[bytes | Requests, Callable[[bytes], bytes]]:
    """The bytes of the parameters, and what makes a message of a result: as they came, so the results go."""
    if not request.HasField("typed_params"):
        return request.raw_params, envelope.raw_message
    return envelope.typed_params(request.typed_params, operation), partial(envelope.typed_message, operation)


def _not_served(instance: HostedInstance, name: str) -> Unimplemented:
    what = f"operation {name[:200]!r}"
    if name in instance.streaming:
        problem = f"{what} returns a stream; call it with ExecuteStream"
    elif name in instance.unary:
        problem = f"{what} returns one response; call it with Execute"
    else:
        problem = f"{what} is not served by this plugin; the response of Initialize lists those that are"
    error = Unimplemented(problem)
    error.outcome = Outcome.NOT_APPLIED
    return error


def _ended(instances: Instances) -> BackendUnavailable:
    return BackendUnavailable(f"plugin {instances.plugin.name!r} was shut down; open the stream again")
