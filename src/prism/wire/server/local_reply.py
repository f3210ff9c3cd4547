"""What the transport itself ends a call with, and the seam by which whoever serves says it in words of its own."""

from typing import Protocol

from prism.wire.grpc.status import Refusal, Status
from prism.wire.http.message import HttpResponse, failure

__all__ = ["Plain", "Refusal", "Refusals"]


class Refusals(Protocol):
    """Puts what the transport says into the form that its clients expect; must not fail."""

    def status(self, status: Status) -> Status:
        """The status to send in place of one whose `refusal` is set."""

    def response(self, code: int, message: str) -> HttpResponse:
        """The answer to a plain request that is refused with this HTTP status."""


class Plain:
    """As it is: the status without details, and plain text."""

    def status(self, status: Status) -> Status:
        """As it is."""
        return status

    def response(self, code: int, message: str) -> HttpResponse:
        """A line of text."""
        return failure(code, message)
