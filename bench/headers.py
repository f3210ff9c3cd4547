"""The headers that real clients send: a varying trace id, a bearer token of 200 bytes, a request id."""

import itertools
import random
from collections.abc import Mapping

TOKEN = "prism_".ljust(200, "t")  # an API key in form, so that a gateway may ask for it
_numbers = itertools.count()


def headers(token: str = TOKEN) -> Mapping[str, str]:
    """The headers of one call; the deadline is the client's to set."""
    trace, span = random.getrandbits(128), random.getrandbits(64)
    return {
        "authorization": f"Bearer {token}",
        "traceparent": f"00-{trace:032x}-{span:016x}-01",
        "x-request-id": f"{next(_numbers):016x}",
    }
