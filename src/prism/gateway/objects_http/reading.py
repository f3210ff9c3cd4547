"""GET and HEAD: an object, a range of it, or only what is said of it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from prism.errors import ConditionNotMet, PrismError
from prism.gateway.connect.incoming import header
from prism.gateway.objects_http.answers import missing, refusal
from prism.gateway.objects_http.browsers import SAFE, shown_as
from prism.gateway.objects_http.conditions import Conditions, strong_tag
from prism.gateway.objects_http.properties import headers_of
from prism.gateway.objects_http.ranges import set_range
from prism.gateway.objects_http.request import ObjectRequest
from prism.gateway.objects_http.transfers import SENT, Transfers
from prism.interfaces import objectstore as messages
from prism.wire import HttpResponse, StatusError
from prism.wire.http.message import AnswerCutOff

_NOT_MET = "the object is another one, or was stored at another time, than the request's conditions ask for"


async def head(request: ObjectRequest) -> HttpResponse:
    """Answers HEAD. A range is of no account (RFC 9110 section 14.2)."""
    conditions = Conditions.of(request.http)
    found = await request.head()
    if found is None:
        return missing(head=True)
    if not conditions.holds(found):
        return refusal(ConditionNotMet(_NOT_MET), head=True)
    if conditions.unchanged(found):
        return _not_modified(request, found)
    return HttpResponse(200, _headers(request, found), b"", length=found.size)


async def get(request: ObjectRequest) -> HttpResponse:
    """Answers GET."""
    conditions = Conditions.of(request.http)
    if conditions.dated and (decided := await _by_time(request, conditions)) is not None:
        return decided
    asked = messages.GetRequest(
        key=request.address.key,
        version=request.address.query.get("version", ""),
        if_match=conditions.match,
        if_none_match=conditions.none_match,
    )
    if_range = header(request.http, "if-range")
    tag = strong_tag(if_range) if if_range else ""
    if tag is not None:
        set_range(asked, header(request.http, "range"))
        asked.if_range = tag
    answers = request.receive("get", asked)
    try:
        first = messages.GetResponse.FromString(await anext(answers)).head
    except BaseException:
        await answers.aclose()
        raise
    if not first.found or not first.modified:
        await _ended(answers)
        return _not_modified(request, first.object) if first.found else missing()
    size = first.object.size
    headers = _headers(request, first.object)
    if not first.HasField("range"):
        return HttpResponse(200, headers, ObjectBody(answers, size, request.transfers), length=size)
    begin, length = first.range.offset, first.range.length
    headers.append(("content-range", f"bytes {begin}-{begin + length - 1}/{size}"))
    return HttpResponse(206, headers, ObjectBody(answers, length, request.transfers), length=length)


async def _by_time(request: ObjectRequest, conditions: Conditions) -> HttpResponse | None:
    """What conditions that go by a time decide; None where they let the request pass, or there is no object."""
    found = await request.head()
    if found is None:
        return None
    if not conditions.holds(found):
        return refusal(ConditionNotMet(_NOT_MET))
    return _not_modified(request, found) if conditions.unchanged(found) else None


def _headers(request: ObjectRequest, found: messages.Object) -> list[tuple[str, str]]:
    return [*shown_as(found, request.inline_types), *SAFE, *headers_of(found)]


def _not_modified(request: ObjectRequest, found: messages.Object) -> HttpResponse:
    """What the caller has is what is there: the fields that RFC 9110 section 15.4.5 asks for."""
    kept = ("etag", "last-modified", "cache-control")
    return HttpResponse(304, [*SAFE, *(pair for pair in _headers(request, found) if pair[0] in kept)])


class ObjectBody:
    """The chunks of an object. What ends before its end is cut off, and never looks whole.

    Args:
        answers: the rest of a `Get`, behind its head.
        size: bytes that are to come.
        transfers: counts them.
    """

    __slots__ = ("_answers", "_left", "_transfers")

    def __init__(self, answers: AsyncGenerator[bytes, None], size: int, transfers: Transfers) -> None:
        self._answers: AsyncGenerator[bytes, None] | None = answers
        self._left = size
        self._transfers = transfers
        transfers.in_flight[SENT] += 1

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        answers = self._answers
        if answers is None:
            raise StopAsyncIteration
        try:
            message = await anext(answers)
        except StopAsyncIteration:
            raise AnswerCutOff from None
        except (PrismError, StatusError) as error:  # counted and logged as the call's end
            raise AnswerCutOff from error
        chunk = chunk_of(message)
        if chunk is None:
            if self._left:
                raise AnswerCutOff
            await _ended(answers)
            await self.aclose()
            raise StopAsyncIteration
        self._left -= len(chunk)
        if self._left < 0:
            raise AnswerCutOff
        self._transfers.bytes[SENT] += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Ends the operation, wherever it is."""
        answers, self._answers = self._answers, None
        if answers is not None:
            self._transfers.in_flight[SENT] -= 1
            await answers.aclose()


async def _ended(answers: AsyncGenerator[bytes, None]) -> None:
    """Reads to the end: a call that is left before it counts as given up."""
    async with aclosing(answers):
        async for _ in answers:
            pass


def chunk_of(message: bytes) -> bytes | None:
    """The bytes of an answer that is a chunk; None for the end."""
    if message[:1] == b"\x12":
        # Nearly all are written as one field, tag and length before the bytes.
        length = at = shift = 0
        for at in range(1, min(len(message), 6)):
            length |= (message[at] & 0x7F) << shift
            shift += 7
            if message[at] < 0x80:
                break
        if len(message) == at + 1 + length:
            return message[at + 1 :]
    answer = messages.GetResponse.FromString(message)
    return answer.chunk if answer.HasField("chunk") else None
