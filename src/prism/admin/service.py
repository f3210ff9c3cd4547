"""The admin service: `prism.admin.v1.AdminService` over control. Carries operations out as the gateway does on the data
port, so the same ways in serve both.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from time import perf_counter, time
from typing import Any

from google.protobuf.message import DecodeError, Message

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Action, Actor, Listener
from prism.admin.authorizer import EVERYWHERE, Anybody, Authorizer
from prism.admin.catalogue import Catalogue
from prism.admin.enablement import Enablement
from prism.admin.logs import Logs
from prism.admin.namespaces import Namespaces
from prism.admin.reloads import Reloads
from prism.admin.status import Breakers, Reporter, Statuses
from prism.control.control import Control
from prism.errors import InternalError, InvalidArgument, Outcome, PrismError
from prism.gateway.call import Incoming
from prism.gateway.handler import Decode
from prism.interfaces.capabilities import Capabilities
from prism.interfaces.operation import Operation, Requests
from prism.principal import ANONYMOUS
from prism.sdk.validation import validator
from prism.telemetry.audit import audit
from prism.wire import Code

SERVICE = pb.DESCRIPTOR.services_by_name["AdminService"]

Handler = Callable[[Any, Actor], Any]
"""Carries out one operation: request, and who asked -> the response to await, or responses to iterate over."""

log = logging.getLogger(__name__)


class Admin:
    """The service.

    Attributes:
        operations: by path.
    """

    def __init__(
        self,
        control: Control,
        *,
        authorizer: Authorizer | None = None,
        breakers: Breakers = dict,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """
        Args:
            control: what is administered.
            authorizer: authenticates and authorizes callers; None allows every caller.
            breakers: the circuit breakers that there are.
            listeners: are called with every action, beside the log and the audit trail.
        """
        operations = [Operation.of(method) for method in SERVICE.methods]
        self.operations: Mapping[str, Operation] = {each.path: each for each in operations}
        self._authorizer = authorizer or Anybody()
        self._listeners = (log_action, audit_action, *listeners)
        reporter = Reporter(control, breakers)
        reporting = (Statuses, Reloads, Enablement, Namespaces)
        nouns = (Catalogue(control), Logs(control), *(noun(control, reporter) for noun in reporting))
        self._handlers: Mapping[str, Handler] = {each.name: _handler(nouns, each) for each in operations}

    async def unary(
        self, incoming: Incoming, operation: Operation, payload: bytes, decode: Decode | None = None
    ) -> bytes:
        """Carries out an operation with one answer.

        Raises:
            PrismError: it failed; what writes says its outcome.
        """
        async with self._performed(incoming, operation) as begun:
            await self._let_in(begun, payload, decode)
            response: Message = await self._handlers[operation.name](begun.request, begun.actor)
            return response.SerializeToString()

    async def stream(
        self,
        incoming: Incoming,
        operation: Operation,
        asked: bytes | Requests,
        decode: Decode | None = None,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Carries out an operation with a stream of answers; raises as `unary` does."""
        if not isinstance(asked, bytes):
            raise TypeError(f"{operation.name} takes a stream of requests; no operation of the admin service does")
        async with self._performed(incoming, operation) as begun:
            await self._let_in(begun, asked, decode)
            if on_established is not None:
                on_established()
            async for response in self._handlers[operation.name](begun.request, begun.actor):
                yield response.SerializeToString()

    async def _let_in(self, begun: "_Begun", payload: bytes, decode: Decode | None) -> None:
        """Reads the request, by the rules of the .proto, and asks whether they may."""
        begun.request = await _read(begun.operation, payload, decode)
        self._authorizer.allow(begun.principal, begun.namespace or EVERYWHERE)

    @asynccontextmanager
    async def _performed(self, incoming: Incoming, operation: Operation) -> "AsyncIterator[_Begun]":
        """Around every action: admits it, puts what goes wrong into order, and tells of it."""
        begun = _Begun(operation, Actor.of(incoming.metadata, incoming.peer))
        code, reason, message = Code.CANCELLED, "", "the caller gave up"
        try:
            begun.principal = await self._authorizer.identify(operation, incoming)
            begun.actor = replace(begun.actor, principal=begun.principal.name)
            yield begun
        except PrismError as error:
            code, reason, message = error.code, error.reason, error.message
            if error.outcome is None and not operation.reads:
                error.outcome = Outcome.NOT_APPLIED
            raise
        except Exception as error:
            code, reason, message = Code.INTERNAL, "INTERNAL", f"a defect ({type(error).__name__})"
            log.exception(
                "admin operation %s failed with an unexpected error; this is a defect in Prism or a plugin: report it "
                "with the traceback below",
                operation.name,
            )
            outcome = None if operation.reads else Outcome.UNKNOWN
            text = f"{operation.name} failed inside the gateway; the gateway's log has the details"
            raise InternalError(text, outcome=outcome) from error
        else:
            code, message = Code.OK, ""
        finally:
            self.tell(begun.ended(code, reason, message))

    def tell(self, action: Action) -> None:
        """Tells every listener of an action: the one place that all of them pass."""
        for listener in self._listeners:
            listener(action)


class _Begun:
    """An action under way."""

    __slots__ = ("_clock", "_time", "actor", "operation", "principal", "request")

    def __init__(self, operation: Operation, actor: Actor) -> None:
        self.actor = actor
        self.principal = ANONYMOUS
        self.request: Message | None = None
        self.operation = operation
        self._time = time()
        self._clock = perf_counter()

    @property
    def namespace(self) -> str:
        """The one that it concerns; empty for none in particular."""
        return str(getattr(self.request, "namespace", ""))

    def ended(self, code: Code, reason: str, message: str) -> Action:
        return Action(
            operation=self.operation.name,
            reads=self.operation.reads,
            namespace=self.namespace,
            plugin=str(getattr(self.request, "plugin", "")),
            actor=self.actor,
            code=code,
            reason=reason,
            message=message,
            time=self._time,
            seconds=perf_counter() - self._clock,
        )


def audit_action(action: Action) -> None:
    """An event of the audit trail, for each."""
    detail = {"claimed": action.actor.claimed, "plugin": action.plugin, "message": action.message}
    audit.record(
        "admin" if action.code not in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED) else "denial",
        action.operation,
        outcome=action.code.name,
        reason=action.reason,
        principal=action.actor.principal,
        namespace=action.namespace,
        peer=action.actor.address,
        detail={name: value for name, value in detail.items() if value},
    )


def log_action(action: Action) -> None:
    """A line for what changed something, was refused or failed; looking is not worth one."""
    if action.reads and action.code in (Code.OK, Code.CANCELLED, Code.NOT_FOUND, Code.INVALID_ARGUMENT):
        return
    fields = {
        "operation": action.operation,
        "namespace": action.namespace,
        "actor": str(action.actor),
        "address": action.actor.address,
        "status": action.code.name,
        "milliseconds": round(action.seconds * 1000, 3),
    }
    level = logging.INFO if action.code is Code.OK else logging.WARNING
    log.log(level, "admin%s", f": {action.message}" if action.message else "", extra=fields)


def _handler(nouns: Iterable[object], operation: Operation) -> Handler:
    found = next(filter(None, (getattr(noun, operation.method, None) for noun in nouns)), None)
    if found is None:
        raise TypeError(f"nothing carries out {operation.name}")
    handler: Handler = found
    return handler


async def _read(operation: Operation, payload: bytes, decode: Decode | None) -> Message:
    """The request, by the rules of the .proto."""
    if decode is not None:
        payload = await decode(payload)
    try:
        request = operation.request.FromString(payload)
    except DecodeError as error:
        name = operation.request.DESCRIPTOR.full_name
        raise InvalidArgument(f"the request is not a {name}; send one as the .proto says") from error
    validator(operation.request.DESCRIPTOR, Capabilities())(request)
    return request
