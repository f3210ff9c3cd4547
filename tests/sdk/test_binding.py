"""The binding: bytes in, bytes out, and errors that callers can act upon."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import INVALID_ARGUMENT

from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.backends.memory.store import Store
from prism.errors import (
    AlreadyExists,
    BackendUnavailable,
    DataLoss,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    Outcome,
    PrismError,
    Unimplemented,
)
from prism.interfaces.keyvalue import (
    INTERFACE,
    BatchGetRequest,
    BatchGetResponse,
    BatchPutRequest,
    BatchPutResponse,
    Context,
    DeleteRequest,
    DeleteResponse,
    ExistsRequest,
    ExistsResponse,
    GetRequest,
    GetResponse,
    KeyValue,
    PutItem,
    PutRequest,
    PutResponse,
    ScanRequest,
    ScanResponse,
    ScanStreamRequest,
    ScanStreamResponse,
    Ttl,
)
from prism.sdk import Binding, DeclaredCapabilities

HERE = Context("here")
SERVICE = "prism.data.v1.KeyValue"
OPTIONAL = {"scan": True, "ttl": True, "versions": True, "idempotency": True, "compare_and_swap": "linearizable"}


def declared(**more: Any) -> DeclaredCapabilities:
    """Everything that KeyValue has."""
    return DeclaredCapabilities.parse(OPTIONAL | more)


ALL = declared()


class Failing(MemoryKeyValue):
    """Serves from memory, but raises `failure` where it is set."""

    failure: Exception | None = None

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        if self.failure is not None:
            raise self.failure
        return await super().get(request, context)

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        if self.failure is not None:
            raise self.failure
        return await super().put(request, context)

    async def scan_stream(self, request: ScanStreamRequest, context: Context) -> AsyncIterator[ScanStreamResponse]:
        async for answer in super().scan_stream(request, context):
            yield answer
            if self.failure is not None:
                raise self.failure


@pytest.fixture
def served() -> Failing:
    return Failing(Store())


@pytest.fixture
def binding(served: Failing) -> Binding:
    return Binding([served], ALL)


def put(id_: str, key: bytes = b"k") -> PutRequest:
    return PutRequest(id=id_, items=[PutItem(key=key, value=b"v")])


async def refused(binding: Binding, operation: str, payload: bytes) -> PrismError:
    with pytest.raises(PrismError) as refusal:
        await binding.unary[f"{SERVICE}/{operation}"](payload, HERE)
    return refusal.value


async def test_bytes_in_bytes_out(binding: Binding) -> None:
    """A request is decoded, served and its answer encoded."""
    stored = PutResponse.FromString(await binding.unary[f"{SERVICE}/Put"](put("r").SerializeToString(), HERE))
    read = GetRequest(id="r", keys=[b"k", b"missing"]).SerializeToString()
    (found,) = GetResponse.FromString(await binding.unary[f"{SERVICE}/Get"](read, HERE)).items
    assert (found.value, found.version) == (b"v", stored.versions[0])


async def test_streams(binding: Binding, served: Failing) -> None:
    """A stream's answers are encoded one by one, and its failure is translated where it happens."""
    for id_ in ("a", "b"):
        await served.put(put(id_), HERE)
    stream = binding.streaming[f"{SERVICE}/ScanStream"]
    answers = [ScanStreamResponse.FromString(each) async for each in stream(b"", HERE)]
    assert [answer.id for answer in answers] == ["a", "b"]
    served.failure = ZeroDivisionError()
    failing = stream(b"", HERE)
    assert ScanStreamResponse.FromString(await anext(failing)).id == "a"
    with pytest.raises(InternalError):
        await anext(failing)


def test_every_operation_is_served(binding: Binding) -> None:
    """Unary or streaming as the .proto says, those made of others included."""
    assert set(binding.unary) == {each.name for each in INTERFACE.operations} - set(binding.streaming)
    assert set(binding.streaming) == {f"{SERVICE}/ScanStream"}


@pytest.mark.parametrize(("operation", "outcome"), [("Get", None), ("Put", Outcome.NOT_APPLIED)])
async def test_what_is_no_message(binding: Binding, operation: str, outcome: Outcome | None) -> None:
    """Bytes that are not the request are INVALID_ARGUMENT, which names the message; a write was not applied."""
    error = await refused(binding, operation, b"\xff\xff\xff")
    assert isinstance(error, InvalidArgument)
    assert f"prism.data.v1.KeyValue{operation}Request" in error.message
    assert error.outcome is outcome


async def test_an_invalid_request_is_not_served(binding: Binding, served: Failing) -> None:
    """The rules are checked before the backend sees the request."""
    served.failure = AssertionError("it was called")
    assert isinstance(await refused(binding, "Put", PutRequest(id="r").SerializeToString()), InvalidArgument)


async def test_an_undeclared_operation_is_refused(served: Failing) -> None:
    """UNIMPLEMENTED with the capability, unary and streaming alike; what needs none is served."""
    binding = Binding([served], DeclaredCapabilities())
    error = await refused(binding, "Scan", ScanRequest(id="r").SerializeToString())
    assert isinstance(error, Unimplemented)
    assert error.capability == "scan"
    with pytest.raises(Unimplemented):
        await anext(binding.streaming[f"{SERVICE}/ScanStream"](b"", HERE))
    await binding.unary[f"{SERVICE}/Put"](put("r").SerializeToString(), HERE)


class Core(KeyValue):
    """What every backend implements, and `scan` alone of the Protocol of that name."""

    async def put(self, request: PutRequest, context: Context) -> PutResponse:
        return PutResponse()

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        return GetResponse()

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        return ExistsResponse()

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        return DeleteResponse()

    async def scan(self, request: ScanRequest, context: Context) -> ScanResponse:
        return ScanResponse()


async def test_what_is_not_implemented_is_refused_as_what_is_not_declared(served: Failing) -> None:
    """By the same sentence, whether the object has the method or not: the manifest decides."""
    scan = ScanRequest(id="r").SerializeToString()
    of_both = [await refused(Binding([each], DeclaredCapabilities()), "Scan", scan) for each in (served, Core())]
    assert all(isinstance(each, Unimplemented) for each in of_both)
    assert of_both[0].message == of_both[1].message


def test_what_is_declared_must_be_implemented() -> None:
    """The error names the class, the method, its Protocol and the capability."""
    with pytest.raises(
        TypeError, match=r"Core does not implement scan_stream\(\) of prism\.interfaces\.keyvalue\.Scan"
    ):
        Binding([Core()], DeclaredCapabilities.parse({"keyvalue": {"scan": True}}))


def test_a_body_of_a_protocol_is_no_implementation() -> None:
    """A class that only inherits what a Protocol states answers nothing."""
    incomplete = type("Incomplete", (Core, Ttl), {})
    with pytest.raises(TypeError, match=r"expire\(\) of .*Ttl; the manifest declares 'ttl' for keyvalue"):
        Binding([incomplete()], DeclaredCapabilities.parse({"ttl": True}))
    with pytest.raises(TypeError, match=r"Nothing does not implement put\(\) of prism\.interfaces\.keyvalue\.KeyValue"):
        Binding([type("Nothing", (KeyValue,), {})()], DeclaredCapabilities())


@pytest.mark.parametrize(
    ("failure", "of_a_read", "of_a_write"),
    [
        (lambda: AlreadyExists("no"), None, Outcome.NOT_APPLIED),
        (lambda: BackendUnavailable("lost"), None, Outcome.UNKNOWN),
        (lambda: BackendUnavailable("away", outcome=Outcome.NOT_APPLIED), Outcome.NOT_APPLIED, Outcome.NOT_APPLIED),
        (lambda: ZeroDivisionError(), None, Outcome.UNKNOWN),
    ],
)
async def test_a_failed_write_says_its_outcome(
    binding: Binding,
    served: Failing,
    failure: Callable[[], Exception],
    of_a_read: Outcome | None,
    of_a_write: Outcome | None,
) -> None:
    """What the backend knows is kept; else the caller's own fault applied nothing, and anything else is unknown."""
    served.failure = failure()
    assert (await refused(binding, "Get", GetRequest(id="r", keys=[b"k"]).SerializeToString())).outcome is of_a_read
    served.failure = failure()
    assert (await refused(binding, "Put", put("r").SerializeToString())).outcome is of_a_write


async def test_a_defect_is_logged_and_not_told(
    binding: Binding, served: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception becomes INTERNAL without its text; the log has it whole."""
    served.failure = RuntimeError("password=hunter2")
    with caplog.at_level(logging.ERROR):
        error = await refused(binding, "Put", put("r").SerializeToString())
    assert isinstance(error, InternalError)
    assert "hunter2" not in error.message
    assert "hunter2" in caplog.text


async def test_what_a_store_holds_is_not_the_request(
    binding: Binding, served: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that cannot be decoded inside a backend is what its store holds: DATA_LOSS, in a stream too."""
    await binding.unary[f"{SERVICE}/Put"](put("r").SerializeToString(), HERE)
    served.failure = DecodeError("wrong wire type")
    with caplog.at_level(logging.ERROR):
        assert isinstance(await refused(binding, "Get", GetRequest(id="r", keys=[b"k"]).SerializeToString()), DataLoss)
        with pytest.raises(DataLoss):
            async for _ in binding.streaming[f"{SERVICE}/ScanStream"](b"", HERE):
                pass
    assert "wrong wire type" in caplog.text
    assert isinstance(await refused(binding, "Get", b"\xff\xff"), InvalidArgument)


async def test_a_batch_of_reads(binding: Binding) -> None:
    """Each read has its own outcome, in the order asked; a bad one leaves the others."""
    await binding.unary[f"{SERVICE}/Put"](put("r").SerializeToString(), HERE)
    reads = [GetRequest(id="r", keys=[b"k"]), GetRequest(id="bad"), GetRequest(id="none", keys=[b"k"])]
    request = BatchGetRequest(reads=reads).SerializeToString()
    answer = BatchGetResponse.FromString(await binding.unary[f"{SERVICE}/BatchGet"](request, HERE))
    assert [(each.id, len(each.items), each.HasField("error")) for each in answer.results] == [
        ("r", 1, False),
        ("bad", 0, True),
        ("none", 0, False),
    ]
    assert answer.results[1].error.code == INVALID_ARGUMENT


async def test_a_batch_of_writes(binding: Binding) -> None:
    """The bad write names its record and was not applied; the others are stored."""
    writes = [put("a"), PutRequest(id="bad"), put("b")]
    request = BatchPutRequest(writes=writes).SerializeToString()
    answer = BatchPutResponse.FromString(await binding.unary[f"{SERVICE}/BatchPut"](request, HERE))
    assert [(each.id, len(each.versions)) for each in answer.results] == [("a", 1), ("bad", 0), ("b", 1)]
    assert b"NOT_APPLIED" in answer.results[1].error.SerializeToString()


def test_an_object_that_serves_nothing() -> None:
    """What implements no abstraction is a mistake of the author's, told at once."""
    with pytest.raises(TypeError, match="object implements no Protocol"):
        Binding([object()], ALL)


async def test_a_request_is_no_larger_than_declared() -> None:
    """`max_payload` is kept, whatever the gateway lets in."""
    small = Binding([Failing(Store())], declared(max_payload=40))
    refusal = await refused(small, "Put", put("r", b"k" * 50).SerializeToString())
    assert isinstance(refusal, InvalidArgument)
    assert [each.limit for each in refusal.violations] == ["at most 40 are allowed"]
    assert refusal.outcome is Outcome.NOT_APPLIED


async def test_a_write_that_was_applied_is_not_refused_for_its_answer() -> None:
    """The bound of answers is for reads: a write that says no after it was applied would lie."""
    served = Failing(Store())
    small = Binding([served], declared(max_payload=8))
    stored = await small.unary[f"{SERVICE}/Put"](b"\x0a\x01r\x12\x03\x0a\x01k", HERE)
    assert len(stored) > 8
    read = await refused(small, "Get", b"\x0a\x01r\x12\x01k")
    assert (type(read), read.reason) == (LimitExceeded, "ANSWER_TOO_LARGE")


def test_an_object_is_told_what_its_manifest_declares() -> None:
    """One that has a method `declare`, before anything is asked of it; with its abstraction's own model."""

    class Told(Failing):
        declared: Any = None

        def declare(self, capabilities: Any) -> None:
            self.declared = capabilities

    told = Told(Store())
    Binding([told], declared(max_item_size=7))
    assert (type(told.declared).__name__, told.declared.max_item_size) == ("KeyValueCapabilities", 7)
