"""The response side of the chain: headers and trailers on every answer, through gRPC and HTTP alike."""

import json
from collections.abc import AsyncIterator, Sequence

import grpc.aio
import pytest
import pytest_asyncio

from gateway.connect.door import JSON, KEYVALUE, Door, enveloped, envelopes, opened
from prism.gateway.call import Incoming
from prism.gateway.chain import response_chain
from prism.gateway.connect import Cors, connect
from prism.gateway.hops.response_headers import ResponseHeaders
from prism.gateway.response import Response
from prism.interfaces import keyvalue as kv
from prism.wire import Metadata

GET = kv.GetRequest(id="record", keys=[b"key"]).SerializeToString()
SCAN = kv.ScanStreamRequest(id="record").SerializeToString()
SERVED_BY = ("x-served-by", "prism-1")


def echo(incoming: Incoming, response: Response) -> None:
    """Adds a header of the request's as a trailer, and bytes."""
    response.add_trailers(Metadata([("asked-by", str(incoming.metadata.get("name", ""))), ("raw-bin", b"\0\xff")]))
    response.add_headers(Metadata([("x-second", "2")]))


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    """A port with one configured header, and a function that adds more."""
    hops = (*response_chain(headers=ResponseHeaders(dict([SERVED_BY]))), echo)
    async with opened(cors=Cors(("https://a.example",), exposed=("x-served-by",)), response_hops=hops) as door:
        yield door


@pytest_asyncio.fixture
async def stock(door: Door) -> AsyncIterator[grpc.aio.Channel]:
    """A stock client."""
    async with grpc.aio.insecure_channel(door.address) as channel:
        yield channel


def pairs(metadata: grpc.aio.Metadata | None) -> list[tuple[str, str | bytes]]:
    """Metadata as a list."""
    return [] if metadata is None else list(metadata)


HEADERS = [SERVED_BY, ("x-second", "2")]
TRAILERS = [("asked-by", "ann"), ("raw-bin", b"\0\xff")]
NAME: Sequence[tuple[str, str]] = [("name", "ann")]


async def test_a_unary_answer(stock: grpc.aio.Channel) -> None:
    """Headers come before the message, trailers behind it."""
    call = stock.unary_unary(f"{KEYVALUE}/Get")(GET, metadata=NAME)
    await call
    assert (pairs(await call.initial_metadata()), pairs(await call.trailing_metadata())) == (HEADERS, TRAILERS)


async def test_a_stream(stock: grpc.aio.Channel) -> None:
    """The same of a stream, one without messages too."""
    call = stock.unary_stream(f"{KEYVALUE}/ScanStream")(SCAN, metadata=NAME)
    _ = [each async for each in call]
    assert {*HEADERS, *TRAILERS} == {*pairs(await call.initial_metadata()), *pairs(await call.trailing_metadata())}


@pytest.mark.parametrize("method", ["Get", "ScanStream"])
async def test_a_refusal(stock: grpc.aio.Channel, method: str) -> None:
    """An answer that is nothing but a status has them beside it, and no head that says more would come."""
    call = stock.unary_stream(f"{KEYVALUE}/{method}")(GET, metadata=[*NAME, ("prism-namespace", "unknown")])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        _ = [each async for each in call]
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    found = [each for each in pairs(await call.trailing_metadata()) if each[0] != "grpc-status-details-bin"]
    assert (pairs(await call.initial_metadata()), found) == ([], HEADERS + TRAILERS)


async def test_http(door: Door) -> None:
    """Over HTTP headers are headers, and trailers are too, by the prefix of Connect."""
    reply = await door.post("Get", {"id": "record", "keys": ["a2V5"]}, name="ann")
    shown = {name: reply.headers[name] for name in ("x-served-by", "x-second", "trailer-asked-by", "trailer-raw-bin")}
    assert reply.status == 200
    assert shown == {"x-served-by": "prism-1", "x-second": "2", "trailer-asked-by": "ann", "trailer-raw-bin": "AP8"}


async def test_http_refusals(door: Door) -> None:
    """Of a call, of a path, and of a body; the front page and a preflight have them too."""
    origin = {"origin": "https://a.example", "access-control-request-method": "POST"}
    replies = [
        await door.post("Get", {"id": "record"}, prism_namespace="unknown"),
        await door.post("Get", {"unknown": 1}),
        await door.ask("GET", "/nowhere"),
        await door.ask("GET", "/"),
        await door.ask("OPTIONS", f"{KEYVALUE}/Get", headers=origin),
    ]
    assert [each.status for each in replies] == [404, 400, 404, 200, 204]
    assert [each.headers["x-served-by"] for each in replies] == ["prism-1"] * 5


async def test_a_stream_over_http(door: Door) -> None:
    """Headers come with the head, trailers in the envelope that ends the stream."""
    headers = {"content-type": "application/connect+json", "name": "ann"}
    reply = await door.ask("POST", f"{KEYVALUE}/ScanStream", enveloped(b'{"id": "record"}'), headers)
    _, end = envelopes(reply.body)[-1]
    assert reply.headers["x-served-by"] == "prism-1"
    assert json.loads(end)["metadata"] == {"asked-by": ["ann"], "raw-bin": ["AP8"]}


async def test_web_pages_may_read_them(door: Door) -> None:
    """CORS exposes the headers that are configured."""
    reply = await door.ask(
        "POST", f"{KEYVALUE}/Get", b"{}", headers={"origin": "https://a.example", "content-type": JSON}
    )
    assert reply.headers["access-control-expose-headers"] == (
        "grpc-message, grpc-status, grpc-status-details-bin, retry-after, www-authenticate, x-served-by"
    )


async def test_without_any_a_method_is_itself() -> None:
    """Where nothing is configured the chain is empty, and no answer says more than its own."""
    assert response_chain() == ()
    async with opened() as plain, grpc.aio.insecure_channel(plain.address) as channel:
        call = channel.unary_unary(f"{KEYVALUE}/Get")(GET)
        await call
        assert (pairs(await call.initial_metadata()), pairs(await call.trailing_metadata())) == ([], [])


@pytest.mark.parametrize("kind", [JSON, "application/grpc-web+proto"])
async def test_where_nothing_is_set_nothing_is_made(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """No answer is looked through for headers that no function sets."""
    monkeypatch.setattr(connect, "respond", None)
    monkeypatch.setattr(connect, "with_metadata", None)
    async with opened() as door:
        reply = await door.ask("POST", f"{KEYVALUE}/Get", b"", {"content-type": kind})
    assert reply.status == (400 if kind == JSON else 200)
