"""Errors travel as statuses and come back as what they were."""

import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status as RpcStatus

from prism.errors import (
    BackendUnavailable,
    FellBehind,
    GatewayUnavailable,
    InternalError,
    Outcome,
    PrismError,
    Unimplemented,
    Violation,
)
from prism.rpc_status import from_status, to_status
from prism.wire import Code, Status


def tree(kind: type[PrismError]) -> list[type[PrismError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in tree(child))]


CONCRETE = [kind for kind in tree(PrismError) if kind.__module__ == "prism.errors" and not kind.__subclasses__()]


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_itself(kind: type[PrismError]) -> None:
    """Class, code, reason and sentence are the same on the other side."""
    told = from_status(to_status(kind("do this instead")))
    assert (type(told), told.code, told.reason, told.message) == (
        kind, kind.code, kind.default_reason, "do this instead",
    )  # fmt: skip


def test_what_an_error_says_besides_comes_along() -> None:
    """Metadata, outcome, the pause before a retry and the fields at fault."""
    error = BackendUnavailable(
        "try again later",
        metadata={"namespace": "orders"},
        outcome=Outcome.UNKNOWN,
        retry_after=1.5,
        violations=[Violation("items[3].key", "600 bytes", "at most 512")],
    )
    told = from_status(to_status(error))
    assert (told.metadata, told.outcome, told.retry_after, told.violations) == (
        {"namespace": "orders"}, Outcome.UNKNOWN, 1.5, error.violations,
    )  # fmt: skip


def test_a_capability_and_a_count_come_along() -> None:
    """What a caller may want to branch on is an attribute again, or metadata."""
    lacking = from_status(to_status(Unimplemented("redis can", capability="ordered_scans")))
    assert isinstance(lacking, Unimplemented)
    assert lacking.capability == "ordered_scans"
    assert from_status(to_status(FellBehind.by(7))).metadata["missed"] == "7"


def test_a_status_of_others_is_the_nearest_error() -> None:
    """A proxy's status has no details, and a reason that is not known leaves the code to go by."""
    assert type(from_status(Status(Code.UNAVAILABLE, "no route"))) is GatewayUnavailable
    assert type(from_status(Status(Code.UNKNOWN, "who knows"))) is InternalError
    odd = from_status(to_status(BackendUnavailable("the store sleeps", reason="ASLEEP")))
    assert (type(odd), odd.reason) == (GatewayUnavailable, "ASLEEP")


@pytest.mark.parametrize(
    "details",
    [b"\xff\xff", RpcStatus(details=[Any(type_url="type.example/its.Own", value=b"\x01")]).SerializeToString()],
    ids=["damaged", "foreign"],
)
def test_details_that_are_not_understood_are_left_out(details: bytes) -> None:
    """Code and sentence still hold."""
    told = from_status(Status(Code.DATA_LOSS, "a page is torn", details))
    assert (told.code, told.message, told.metadata) == (Code.DATA_LOSS, "a page is torn", {})
