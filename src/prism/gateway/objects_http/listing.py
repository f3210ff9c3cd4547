"""GET of a namespace: its keys as JSON, a page at a time, as over Connect."""

import base64
import binascii

from prism.errors import InvalidArgument
from prism.gateway.connect import json_codec
from prism.gateway.objects_http.browsers import SAFE
from prism.gateway.objects_http.request import ObjectRequest
from prism.interfaces import objectstore as messages
from prism.wire import HttpResponse

_URL_SAFE = bytes.maketrans(b"-_", b"+/")


async def listing(request: ObjectRequest) -> HttpResponse:
    """A page: `entries`, each an `object` or a common `prefix`, and `nextCursor` where there are more."""
    query = request.address.query
    limit = query.get("limit", "0")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
        raise InvalidArgument(f"the limit is {limit[:20]!r}; give a number")
    asked = messages.ListRequest(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        limit=int(limit),
        cursor=_bytes(query.get("cursor", "")),
    )
    answer = await request.ask("list", asked, messages.ListResponse)
    body = json_codec.encode(answer)
    headers = [("content-type", "application/json"), ("cache-control", "no-store"), *SAFE]
    if request.http.method == "HEAD":
        return HttpResponse(200, headers, b"", length=len(body))
    return HttpResponse(200, headers, body)


def _bytes(text: str) -> bytes:
    digits = text.encode().rstrip(b"=").translate(_URL_SAFE)
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise InvalidArgument("the cursor is not base64; pass nextCursor unchanged") from error
