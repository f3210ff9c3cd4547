"""The data path: a call comes in, passes the hops, is dispatched to its plugin, and is counted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from types import FunctionType, MethodType
from typing import Final, Protocol

from prism.errors import BackendUnavailable, CallerError, InternalError, Outcome, PrismError, Unimplemented
from prism.gateway.call import Call, Hop, Incoming
from prism.gateway.handler import Decode
from prism.gateway.observers.denials import POLICY, Denials
from prism.gateway.snapshot import Snapshot, Target
from prism.gateway.streams.lifetime import StreamLifetime
from prism.gateway.streams.registry import Recheck, SubscriptionRegistry
from prism.gateway.streams.subscription import Subscription
from prism.gateway.streams.wait import Wait
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation, Requests
from prism.open_files import OPEN_FILES
from prism.rpc_status import said_by_transport
from prism.wire import Code, StatusError

_OK: Final = Code.OK  # of every call: on CPython 3.11 a member by its class takes ten times as long
_INTERNAL: Final = Code.INTERNAL
CLIENT_CLOCK_SKEW = 0.02
"""Seconds by which a client may give up before its deadline has passed here."""


class Recorder(Protocol):
    """Counts calls; must not wait."""

    def begin(self, operation: str) -> None: ...

    def end(self, namespace: str, operation: str, code: Code, seconds: float) -> None: ...


class Observer(Protocol):
    """Learns of every call when it has ended: the access log, the audit trail, traces. Must not wait."""

    def ended(self, call: Call, code: Code, started: float, seconds: float, error: PrismError | None) -> None:
        """A call has ended.

        Args:
            call: the call, as far as the hops came.
            code: how it ended.
            started: when it arrived, by `time.monotonic`.
            seconds: how long it took.
            error: why it failed; None also where it was cancelled, and where a defect ended it (`INTERNAL`).
        """
        ...


class Gateway:
    """One data path, over whatever ways in.

    Attributes:
        snapshot: what calls are decided by; control replaces it with one assignment.
        recorder: counts the calls.
        denials: counts the calls that policies refuse, and passes them to listeners.
        subscriptions: the streams without an end of their own.
        scrub: takes known secrets out of what a plugin says of its trouble.
    """

    def __init__(
        self, hops: Sequence[Hop], recorder: Recorder, offers: Mapping[tuple[str, str], Sequence[str]] | None = None
    ) -> None:
        """
        Args:
            hops: the chain; the last one sets `call.target`.
            recorder: counts the calls.
            offers: (abstraction, capability) -> backends that declare it, for the sentence that refuses a call without.
        """
        self.snapshot = Snapshot()
        self._contract: Mapping[str, Operation] = {
            operation.path: operation for interface in interfaces().values() for operation in interface.operations
        }
        self._own = self.snapshot.own
        self._operations = self._contract
        self._decide = tuple(map(_direct, hops))
        self._hops = self._decide
        self._first: tuple[Hop, ...] = ()
        self._last: tuple[Hop, ...] = ()
        self._observers: tuple[Observer, ...] = ()
        self.recorder = recorder
        self.denials = Denials()
        self.scrub: Callable[[str], str] = str
        self._offers = offers or {}
        self.subscriptions = SubscriptionRegistry(self.denials.report)

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Every operation of the contract, and those of their own that plugins serve now, by path."""
        if (own := self.snapshot.own) is not self._own:
            self._own, self._operations = own, {**own.operations, **self._contract}
        return self._operations

    def publish(self, snapshot: Snapshot, hops: Sequence[Hop] | None = None, recheck: Recheck | None = None) -> None:
        """Calls that begin from now on are decided by these; those under way by what they began with.

        Streams without an end of their own are ended where another instance serves their namespace now, and where
        `recheck` says that their callers may not have them any longer.
        """
        self.snapshot = snapshot
        if hops is not None:
            self._decide = tuple(map(_direct, hops))
            self._hops = self._first + self._decide + self._last
        if recheck is not None:
            self.subscriptions.review(recheck)
        self.subscriptions.move(snapshot)

    def drain(self) -> None:
        """Ends the streams that would not end by themselves; other calls go on."""
        self.subscriptions.drain()

    def observe(self, observers: Sequence[Observer], first: Sequence[Hop] = (), last: Sequence[Hop] = ()) -> None:
        """Calls that begin from now on are observed.

        Args:
            observers: learn of each call's end.
            first: hops before all others, so that a refused call is known too.
            last: hops after all others, right before dispatch.
        """
        self._observers = tuple(observers)
        self._first, self._last = tuple(map(_direct, first)), tuple(map(_direct, last))
        self._hops = self._first + self._decide + self._last

    async def unary(
        self,
        incoming: Incoming,
        operation: Operation,
        payload: bytes,
        decode: Decode | None = None,
        instead: Callable[[Call, bytes], Awaitable[bytes | None]] | None = None,
    ) -> bytes:
        """Carries out an operation with one request and one response.

        Args:
            incoming: what arrived beside the message.
            operation: what is asked.
            payload: the message.
            decode: makes the message of the payload, once the call is admitted; None where it is one already.
            instead: answers in place of the call's instance, or with None leaves it to that.

        Raises:
            PrismError: with namespace, backend and, for a write, its outcome.
        """
        started = monotonic()
        call = Call(operation, incoming, self.snapshot, len(payload), started)
        code = _INTERNAL
        failure: PrismError | None = None
        self.recorder.begin(operation.name)
        try:
            if (slow := self._admit(call)) is not None:
                await slow
            if decode is not None:
                payload = await decode(payload)
                call.now = monotonic()  # the time that a caller takes to send is not its instance's
            instance = _target(call).instance
            instance.acquire()
            try:
                resilience = call.resilience
                if operation.drains:
                    response = await self._waited(call, payload)
                elif instead is not None and (answer := await instead(call, payload)) is not None:
                    response = answer
                elif resilience is None:
                    response = await instance.call(operation.name, payload, call.context())
                else:
                    response = await resilience.call(call, payload)
            finally:
                instance.release()
            if call.meter is not None:
                call.meter.answered(len(response), operation.reads)
        except PrismError as error:
            code, failure = error.code, error
            self._explain(error, call)
            raise
        except asyncio.CancelledError:
            code = _why_ended(incoming)
            raise
        else:
            code = _OK
            return response
        finally:
            self._ended(call, code, started, failure)
            failure = None  # an error that knows its own frame would wait for the garbage collector

    async def _waited(self, call: Call, payload: bytes) -> bytes:
        """The response of an admitted call that may wait for long, and is not waited for when the gateway drains."""
        wait = Wait(_target(call))
        if call.resilience is None:
            asked = wait.target.instance.call(call.operation.name, payload, call.context())
        else:
            asked = call.resilience.call(call, payload)
        self.subscriptions.add(wait, call)
        try:
            return await wait.response(asked)
        finally:
            self.subscriptions.discard(wait)

    async def stream(
        self,
        incoming: Incoming,
        operation: Operation,
        asked: bytes | Requests,
        decode: Decode | None = None,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Carries out an operation that streams; takes and raises what `unary` does, or a stream of messages.

        `on_established` is called when the backend says that the stream misses nothing from then on, if it does.
        """
        started = monotonic()
        size = len(asked) if isinstance(asked, bytes) else 0
        call = Call(operation, incoming, self.snapshot, size, started)
        code = Code.CANCELLED  # what remains where the caller leaves the stream
        failure: PrismError | None = None
        self.recorder.begin(operation.name)
        try:
            if (slow := self._admit(call)) is not None:
                await slow
            if not isinstance(asked, bytes):
                asked = _all_asked(asked, call, decode)
            elif decode is not None:
                asked = await decode(asked)
                call.now = monotonic()
            async with self._subscribed(call, asked, on_established) as responses:
                async for response in responses:
                    if call.meter is not None:
                        call.meter.answered(len(response), operation.reads)
                    if not operation.server_streaming:
                        code = Code.OK  # who has the one response asks for no other
                    yield response
            code = _OK
        except PrismError as error:
            code, failure = error.code, error
            self._explain(error, call)
            raise
        except asyncio.CancelledError:
            code = _why_ended(incoming)
            raise
        finally:
            self._ended(call, code, started, failure)
            failure = None  # an error that knows its own frame would wait for the garbage collector

    def _ended(self, call: Call, code: Code, started: float, failure: PrismError | None) -> None:
        if call.meter is not None:
            call.meter.end()
        seconds = monotonic() - started
        self.recorder.end(_counted_as(call), call.operation.name, code, seconds)
        for observer in self._observers:
            observer.ended(call, code, started, seconds, failure)

    @asynccontextmanager
    async def _subscribed(
        self, call: Call, asked: bytes | Requests, on_established: Callable[[], None] | None
    ) -> AsyncIterator[Subscription]:
        """The stream of an admitted call, which the gateway can end from the moment that it is established."""
        target = _target(call)

        def established() -> None:
            self.subscriptions.add(subscription, call)
            if on_established is not None:
                on_established()

        target.instance.acquire()
        try:
            context = call.context(established)
            if call.resilience is None:
                responses = target.instance.stream(call.operation.name, asked, context)
            else:
                responses = call.resilience.stream(call, asked, context)
            subscription = Subscription(target, responses, context, drains=call.operation.drains)
            if call.operation.client_streaming:
                self.subscriptions.add(subscription, call)  # it lasts for as long as its caller likes
            try:
                with StreamLifetime(subscription, call, self.denials.report):
                    yield subscription
            finally:
                self.subscriptions.discard(subscription)
                await subscription.aclose()
        finally:
            target.instance.release()

    def _admit(self, call: Call) -> Awaitable[None] | None:
        """Passes the hops; what is left to await where one of them must wait."""
        hops = iter(self._hops)
        for hop in hops:
            if (slow := hop(call)) is not None:
                return _admit_slowly(slow, hops, call)
        return None

    def _explain(self, error: PrismError, call: Call) -> None:
        if call.target is None and isinstance(error, POLICY):
            self.denials.report(call, error)
        error.metadata.setdefault("namespace", call.namespace[:63])
        if call.target is not None:
            error.metadata.setdefault("backend", call.target.instance.backend)
            if isinstance(error, (BackendUnavailable, InternalError)):
                error.message = OPEN_FILES.explained(error.message)
            error.message = self.scrub(error.message)
        if error.outcome is None and not call.operation.reads:
            refused = call.target is None or isinstance(error, CallerError)
            error.outcome = Outcome.NOT_APPLIED if refused else Outcome.UNKNOWN
        if isinstance(error, Unimplemented):
            offers = self._offers.get((call.operation.interface, error.capability))
            error.message += f"; {' and '.join(offers)} can" if offers else ""


def _direct(hop: Hop) -> Hop:
    """The method of an object that is a hop: the interpreter calls it without a detour over the object's type."""
    return hop if isinstance(hop, (FunctionType, MethodType)) else MethodType(type(hop).__call__, hop)


async def _admit_slowly(slow: Awaitable[None], rest: Iterator[Hop], call: Call) -> None:
    await slow
    call.now = monotonic()
    for hop in rest:
        if (slower := hop(call)) is not None:
            await slower
            call.now = monotonic()


async def _all_asked(requests: Requests, call: Call, decode: Decode | None) -> Requests:
    """The requests of a stream, each paid for; one that cannot be read ends the call as its transport says."""
    try:
        async for request in requests:
            if call.meter is not None:
                await call.meter.asked(len(request))
            yield request if decode is None else await decode(request)
    except StatusError as error:
        raise said_by_transport(error.status) from error


def _target(call: Call) -> Target:
    target = call.target
    assert target is not None, "the chain ends with route"  # noqa: S101  # a defect, not an input
    return target


def _why_ended(incoming: Incoming) -> Code:
    """A call is cancelled by its client, whose own clock may run a little ahead, or at its deadline."""
    deadline = incoming.deadline
    late = deadline is not None and deadline.remaining() < CLIENT_CLOCK_SKEW
    return Code.DEADLINE_EXCEEDED if late else Code.CANCELLED


def _counted_as(call: Call) -> str:
    """Only configured namespaces become label values: callers cannot grow the metrics."""
    return call.namespace if call.namespace in call.snapshot.namespaces else ""
