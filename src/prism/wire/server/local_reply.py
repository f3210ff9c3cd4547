"""Local replies: what the transport itself ends a call with, and the seam by which a server words them its own way."""

from typing import Protocol

from prism.wire.grpc.status import LocalReply, Status
from prism.wire.http.message import HttpResponse, failure

__all__ = ["LocalReply", "LocalReplyFormatter", "PlainFormatter"]


class LocalReplyFormatter(Protocol):
    """Puts what the transport says into the form that its clients expect; must not fail."""

    def status(self, status: Status) -> Status:
        """The status to send in place of one whose `local_reply` is set."""

    def response(
        self, code: int, message: str, content_type: str = "", refusal: LocalReply | None = None, *, begun: bool = True
    ) -> HttpResponse:
        """The answer to a plain request of that content type that is refused with this HTTP status.

        `refusal` says more than the status, where it is known; `begun` whether its handler may have begun.
        """


class PlainFormatter:
    """As it is: the status without details, and plain text."""

    def status(self, status: Status) -> Status:
        """As it is."""
        return status

    def response(
        self,
        code: int,
        message: str,
        content_type: str = "",  # noqa: ARG002 - the seam's
        refusal: LocalReply | None = None,  # noqa: ARG002 - the seam's
        *,
        begun: bool = True,  # noqa: ARG002 - the seam's
    ) -> HttpResponse:
        """A line of text."""
        return failure(code, message)
