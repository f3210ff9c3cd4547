"""The hop header_check: a request names one namespace and one credential, or none; never two that might be
read differently by two readers.
"""

from prism.errors import InvalidArgument
from prism.gateway.call import NAMESPACE_HEADER, Call

SINGLE = (NAMESPACE_HEADER, "authorization", "x-api-key")


def header_check(call: Call) -> None:
    """Refuses what comes twice.

    Raises:
        InvalidArgument: a header that decides on the call comes more than once.
    """
    metadata = call.incoming.metadata
    if metadata.repeats:
        for name in SINGLE:
            if len(metadata.get_all(name)) > 1:
                raise InvalidArgument(f"the metadata {name!r} comes more than once; send it once")
