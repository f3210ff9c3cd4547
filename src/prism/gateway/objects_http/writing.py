"""PUT and DELETE: objects, and parts of uploads. The body is read once the operation asks for it, and not before."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

from google.protobuf.message import Message

from prism.errors import ConditionNotMet, InvalidArgument, PrismError, Unimplemented
from prism.gateway.connect.incoming import header
from prism.gateway.objects_http.answers import Refused, said
from prism.gateway.objects_http.browsers import SAFE
from prism.gateway.objects_http.conditions import ANY, NEVER, Conditions
from prism.gateway.objects_http.properties import checksum_of, properties_of, ttl_of
from prism.gateway.objects_http.request import ObjectRequest
from prism.gateway.objects_http.transfers import RECEIVED
from prism.interfaces import objectstore as messages
from prism.rpc_status import said_by_transport
from prism.wire import Code, HttpRequest, HttpResponse, StatusError

M = TypeVar("M", bound=Message)

CHUNK_SIZE = 256 * 1024
"""Most bytes of a chunk: so many come at once, and fit any backend's items."""

_CHUNK_TAG = b"\x12"  # of `PutRequest.chunk` and `PutPartRequest.chunk`
_NOT_MET = "the object is another one than the request's conditions ask for, or there is none"


async def put(request: ObjectRequest) -> HttpResponse:
    """Answers PUT of an object."""
    _check_put(request)
    conditions = Conditions.of(request.http)
    key = request.address.key
    head = messages.PutHead(key=key, properties=properties_of(request.http), ttl=ttl_of(request.http))
    if request.http.length is not None:
        head.size = request.http.length
    head.if_match, head.if_none_match = await _for_write(request, conditions)
    body = RequestBody(request, lambda finish: messages.PutRequest(finish=finish))
    begin = messages.PutRequest(head=head)
    answer = await body.sent("put", begin, messages.PutResponse)
    headers = [("etag", f'"{answer.etag}"'), *([("prism-version", answer.version)] if answer.version else ())]
    about: dict[str, object] = {"key": key, "etag": answer.etag, "size": answer.size}
    return said(201 if answer.created else 200, about | _version(answer.version), headers)


async def put_part(request: ObjectRequest) -> HttpResponse:
    """Answers PUT of a part of an upload."""
    _check_put(request)
    query = request.address.query
    number = query.get("part", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10 and int(number)):
        raise InvalidArgument(f"the part is {number[:20]!r}; give upload= and part=, a number from 1")
    if "if-match" in dict(request.http.headers) or "if-none-match" in dict(request.http.headers):
        raise InvalidArgument("a part has no conditions; send them with CompleteUpload")
    head = messages.PutPartHead(key=request.address.key, upload=query.get("upload", ""), number=int(number))
    if request.http.length is not None:
        head.size = request.http.length
    body = RequestBody(request, lambda finish: messages.PutPartRequest(finish=finish))
    answer = await body.sent("put_part", messages.PutPartRequest(head=head), messages.PutPartResponse)
    request.transfers.parts += 1
    part = answer.part
    about: dict[str, object] = {"number": part.number, "etag": part.etag, "size": part.size}
    return said(200, about, [("etag", f'"{part.etag}"')])


async def delete(request: ObjectRequest) -> HttpResponse:
    """Answers DELETE."""
    conditions = Conditions.of(request.http)
    if_match, if_none_match = await _for_write(request, conditions)
    if if_none_match:
        raise Unimplemented("DELETE has no If-None-Match; send If-Match, or no condition")
    await request.ask(
        "delete", messages.DeleteRequest(key=request.address.key, if_match=if_match), messages.DeleteResponse
    )
    return HttpResponse(204, SAFE)


def _check_put(request: ObjectRequest) -> None:
    if "content-range" in dict(request.http.headers):
        raise InvalidArgument("a part of an object cannot be put by Content-Range; send parts of an upload")
    most, length = request.max_size, request.http.length
    if most is not None and length is not None and length > most:
        raise _too_large(most)


async def _for_write(request: ObjectRequest, conditions: Conditions) -> tuple[str, str]:
    """`if_match` and `if_none_match` of a write.

    A client that waits for `100 Continue` is answered before it sends anything, so conditions are looked at beforehand
    too; what counts is that they hold when the write is done.

    Raises:
        ConditionNotMet: they do not hold now.
    """
    match, none_match = conditions.match, conditions.none_match
    if none_match and tuple(none_match) != (ANY,):
        raise InvalidArgument("If-None-Match of a write is `*` and nothing else")
    single = match[0] if len(match) == 1 and match[0] != NEVER else ""
    waits = header(request.http, "expect").lower() == "100-continue" and request.http.method == "PUT"
    if (single or not match) and conditions.unmodified_since is None and not (waits and (match or none_match)):
        return single, ANY if none_match else ""
    found = await _there(request)
    if not conditions.holds(found) or (none_match and found is not None):
        raise ConditionNotMet(_NOT_MET)
    if found is not None and not single and (match or conditions.unmodified_since is not None):
        single = found.etag  # the one of the list, or of the time, that is there
    return single, ANY if none_match else ""


async def _there(request: ObjectRequest) -> messages.Object | None:
    asked = messages.HeadRequest(key=request.address.key)
    answer = await request.ask("head", asked, messages.HeadResponse)
    return answer.object if answer.HasField("object") else None


class RequestBody:
    """The body of a request as the requests of an operation: a head, chunks, and what they came to.

    Args:
        request: whose.
        finish: makes the last of them.
    """

    def __init__(self, request: ObjectRequest, finish: Callable[[messages.Finish], Message]) -> None:
        self._request = request
        self._finish = finish
        self._checksum = checksum_of(request.http)
        self._failure: PrismError | StatusError | None = None

    async def sent(self, method: str, head: Message, kind: type[M]) -> M:
        """Carries the operation out; raises what was wrong with the body rather than what came of that."""
        in_flight = self._request.transfers.in_flight
        in_flight[RECEIVED] += 1
        try:
            return await self._request.send(method, self._requests(head), kind)
        except (PrismError, StatusError) as error:
            if self._failure is not None:
                raise self._failure from error
            raise
        finally:
            in_flight[RECEIVED] -= 1

    async def _requests(self, head: Message) -> AsyncGenerator[bytes, None]:
        yield head.SerializeToString()
        size = 0
        most = self._request.max_size
        try:
            async for piece in _pieces(self._request.http):
                size += len(piece)
                if most is not None and size > most:
                    raise _too_large(most)
                self._request.transfers.bytes[RECEIVED] += len(piece)
                yield _chunk(piece)
        except Refused as refused:
            self._failure = refused
            raise
        except StatusError as error:
            self._failure = said_by_transport(error.status)
            raise
        yield self._finish(messages.Finish(size=size, checksum=self._checksum)).SerializeToString()


async def _pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    """The body as it comes, in pieces of which each fits a chunk."""
    if request.pieces is None:
        if request.body:
            yield request.body
        return
    async for piece in request.pieces:
        if len(piece) <= CHUNK_SIZE:
            yield piece
        else:
            for at in range(0, len(piece), CHUNK_SIZE):
                yield piece[at : at + CHUNK_SIZE]


def _chunk(piece: bytes) -> bytes:
    """A request that is a chunk: tag and length before the bytes, which are copied once."""
    length, left = bytearray(), len(piece)
    while left >= 0x80:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    return b"".join((_CHUNK_TAG, length, piece))


def _version(version: str) -> dict[str, object]:
    return {"version": version} if version else {}


def _too_large(most: int) -> Refused:
    return Refused(413, Code.RESOURCE_EXHAUSTED, f"the address was signed for {most} bytes at most; send fewer")
