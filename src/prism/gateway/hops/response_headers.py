"""The hop response_headers: sets the same headers on every answer, those of `gateway.response_headers`."""

from collections.abc import Mapping

from prism.gateway.call import Incoming
from prism.gateway.response import Response
from prism.wire.grpc.metadata import Metadata


class ResponseHeaders:
    """The hop.

    Args:
        headers: by name.

    Raises:
        ValueError: a name or value cannot travel.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = Metadata(headers.items())

    def __call__(self, _incoming: Incoming, response: Response) -> None:
        """Adds them."""
        response.add_headers(self._headers)
