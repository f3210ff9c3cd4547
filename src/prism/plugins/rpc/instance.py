"""An instance in another process: how it is called, whether or not the gateway starts that process."""

import abc
import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, nullcontext
from typing import Any

from prism.context import Context
from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.interfaces.operation import Requests
from prism.plugins.discovery import Plugin
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.rpc import translation
from prism.plugins.rpc.affinity import Affinity, Subject, begun
from prism.plugins.rpc.endpoint import Endpoint, Identity
from prism.plugins.rpc.envelope import (
    EXECUTE,
    EXECUTE_STREAM,
    Envelopes,
    read,
    read_item,
    result_of,
    usual_item,
    usual_result,
)
from prism.plugins.rpc.metrics import Intervals
from prism.plugins.rpc.sending import sending
from prism.reason import Reason
from prism.sdk.backend import Health, HealthStatus
from prism.wire import Deadline, StatusError
from prism.wire.client.call import ClientCall

PROBE_TIMEOUT = 4.0
ALIVE_TIMEOUT = 2.0
ATTEMPTS = 3
"""Of a call that the plugin certainly did not process."""

_ENVELOPE = 64 << 10  # bytes that an answer may have beyond the backend's `max_payload`

log = logging.getLogger(__name__)


class RpcInstance(ManagedInstance):
    """What `Sidecar` and `Remote` share.

    Attributes:
        instance: its name in the plugin's processes.
    """

    __slots__ = (
        "_affinity",
        "_envelopes",
        "_gauges",
        "_intervals",
        "_known",
        "_namespaces",
        "_stopped",
        "_store",
        "instance",
    )

    def __init__(self, plugin: Plugin, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        super().__init__(plugin)
        # Another gateway's Shutdown of an equal instance must not end this one.
        self.instance = f"{plugin.name}-{uuid.uuid4().hex}"
        self._known = Identity(self.instance, plugin.name, config, credentials, plugin)
        self._envelopes = Envelopes(self.instance, claims=plugin.manifest.claims)
        self._affinity: Affinity | None = None
        self._gauges: Mapping[str, float] = {}
        self._intervals = Intervals()
        self._namespaces: set[str] = set()
        self._store = ""
        self._stopped = False

    @abc.abstractmethod
    def _choose(self, subject: Subject | None = None) -> Endpoint:
        """The endpoint for the next call, which is about `subject`.

        Raises:
            BackendUnavailable: no endpoint is available; nothing was applied.
        """

    @abc.abstractmethod
    def _on_lost(self, endpoint: Endpoint, why: str) -> None:
        """The endpoint could not be reached, or its connection was lost during a call."""

    async def _reinitialize(self, endpoint: Endpoint, namespace: str, deadline: Deadline | None) -> None:
        """Initializes the instance again in a process that has been restarted; raises where that fails."""
        log.warning(
            "plugin %s at %s has lost its instance, most likely by a restart; the instance is initialised again",
            self.backend,
            endpoint.target,
        )
        await endpoint.initialise("", deadline)
        await attach_all(endpoint, self._namespaces | ({namespace} if namespace else set()), deadline)

    @property
    def identity(self) -> str:
        """As the plugin gave it."""
        return self._store

    def metrics(self) -> Mapping[str, float]:
        """The gauges of the last probe."""
        return self._gauges

    def counted(self) -> Mapping[str, float]:
        """What the plugin has counted, by its answers so far, through all its processes."""
        return self._intervals.totals

    async def _fetch_metrics(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Fetches the plugin's metrics."""
        metrics = await endpoint.metrics(deadline)
        self._gauges = metrics.gauges
        self._intervals.add(endpoint.target, metrics)

    @property
    def _max_message_size(self) -> int:
        """Bytes that one answer may have."""
        return self.capabilities.max_payload + self.capabilities.max_item_size + _ENVELOPE

    async def call(self, operation: str, payload: bytes, context: Context) -> bytes:
        """As `Instance.call`; a call that the plugin certainly did not process is sent again."""
        message = self._envelopes.write(operation, payload, context)
        affinity = self._affinity
        subject = None if affinity is None else affinity.subject(operation, payload, context.namespace)
        for attempt in range(ATTEMPTS):
            endpoint = self._choose(subject)
            endpoint.outstanding += 1
            try:
                response = await endpoint.calls.unary(EXECUTE, message, deadline=context.deadline)
            except StatusError as error:
                await self._handle_failure(endpoint, error, context, last=attempt + 1 == ATTEMPTS)
            else:
                result = usual_result(response)
                return self._unusual(response) if result is None else result
            finally:
                endpoint.outstanding -= 1
        raise AssertionError  # the last attempt returns or raises

    def stream(self, operation: str, asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """As `Instance.stream`; closing it cancels the plugin's."""
        if isinstance(asked, bytes):
            return self._stream(operation, asked, context)
        return self._exchange(operation, asked, context)

    async def _exchange(self, operation: str, requests: Requests, context: Context) -> AsyncGenerator[bytes, None]:
        """A stream of requests: it is not tried again, for what has been read of it is gone."""
        affinity, subject = self._affinity, None
        if affinity is not None and (first := await anext(requests, None)) is not None:
            subject, requests = affinity.subject(operation, first, context.namespace), begun(first, requests)
        endpoint = self._choose(subject)
        endpoint.outstanding += 1
        try:
            with nullcontext() if affinity is None else affinity.streaming(subject, endpoint):
                async with endpoint.streams.open(EXECUTE_STREAM, deadline=context.deadline) as call:
                    await call.send(self._envelopes.open(operation, context))
                    async with sending(call, requests, context.draining), aclosing(self._items(call, context)) as items:
                        async for item in items:
                            yield item
        except StatusError as error:
            await self._handle_failure(endpoint, error, context, last=True)
        finally:
            endpoint.outstanding -= 1

    async def _items(self, call: ClientCall, context: Context) -> AsyncGenerator[bytes, None]:
        """The results of a stream that is under way."""
        await call.headers()
        # A plugin's error is a message that comes with the headers: without one the stream is established.
        if not call.has_message:
            context.established()
        while (response := await call.receive()) is not None:
            item, final = usual_item(response), False
            if item is None:
                item, final = self._unusual_item(response)
            if item is not None:
                yield item
            if final:
                return

    async def _stream(self, operation: str, payload: bytes, context: Context) -> AsyncGenerator[bytes, None]:
        message = self._envelopes.write(operation, payload, context)
        for attempt in range(ATTEMPTS):
            endpoint = self._choose()
            begun = False
            endpoint.outstanding += 1
            try:
                async with endpoint.streams.open(EXECUTE_STREAM, deadline=context.deadline) as call:
                    await call.send(message)
                    await call.end()
                    async with aclosing(self._items(call, context)) as items:
                        async for item in items:
                            begun = True
                            yield item
                    return
            except StatusError as error:
                await self._handle_failure(endpoint, error, context, last=begun or attempt + 1 == ATTEMPTS)
            finally:
                endpoint.outstanding -= 1

    async def _handle_failure(self, endpoint: Endpoint, error: StatusError, context: Context, *, last: bool) -> None:
        """Returns where the call may be tried again.

        Raises:
            PrismError: it may not.
        """
        failure = translation.of_failure(error, self.backend)
        gone = failure.reason == Reason.PLUGIN_LOST and not endpoint.connected
        if gone:
            self._on_lost(endpoint, error.status.message)
        if failure.reason == Reason.INSTANCE_UNKNOWN and not last:
            try:
                await self._reinitialize(endpoint, context.namespace, context.deadline)
            except PrismError as again:
                again.outcome = Outcome.NOT_APPLIED
                raise again from error
        elif last or not (gone and error.unprocessed):
            raise failure from error

    def _unusual(self, response: bytes) -> bytes:
        message = read(response)
        if message is None:
            raise translation.defective(
                self.backend, f"answered a call with {len(response)} bytes that are not a valid ExecuteResponse"
            )
        if not message.success:
            raise translation.of_response(message, self.backend)
        result = result_of(message)
        if result is None:
            raise translation.defective(self.backend, "answered a call with success but without a result")
        return result

    def _unusual_item(self, response: bytes) -> tuple[bytes | None, bool]:
        message = read_item(response)
        if message is None:
            raise translation.defective(
                self.backend, f"answered a call with {len(response)} bytes that are not a valid ExecuteStreamResponse"
            )
        if message.HasField("status"):
            raise translation.of_rpc_status(message.status, self.backend)
        return result_of(message), message.is_final

    async def holds_data(self, namespace: str) -> bool:
        """As the plugin says."""
        return await self._choose().holds_data(namespace)

    async def health(self) -> Health:
        """As the plugin says; fetches its metrics as well."""
        try:
            endpoint = self._choose()
        except BackendUnavailable as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        deadline = Deadline.after(PROBE_TIMEOUT)
        try:
            health = await endpoint.health(deadline)
        except PrismError as error:
            if error.reason != Reason.INSTANCE_UNKNOWN:
                raise
            await self._reinitialize(endpoint, "", deadline)
            health = await endpoint.health(deadline)
        await self._fetch_metrics(endpoint, deadline)
        return health

    async def is_stuck(self) -> bool:
        """Whether the process does not answer at all; asked once, after a probe has failed."""
        try:
            endpoint = self._choose()
        except BackendUnavailable:
            return False
        return not await endpoint.alive(Deadline.after(ALIVE_TIMEOUT))

    def _refuse(self, why: str) -> None:
        """Refuses calls from now on, and sets `lost`, so that control starts it again."""
        if not self._stopped:
            self.refusal = f"backend {self.backend!r} is unavailable: {why}; it is brought back automatically, retry"
            self.refusal_kind = BackendUnavailable
            self.lost.set()


async def attach_all(endpoint: Endpoint, namespaces: "set[str]", deadline: Deadline | None = None) -> None:
    """Attaches namespaces, some of them at once; raises the error of the first that fails."""
    waiting = iter(tuple(namespaces))

    async def work() -> None:
        for name in waiting:
            await endpoint.initialise(name, deadline)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(16, len(namespaces))):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
