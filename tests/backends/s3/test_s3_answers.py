"""What servers answer on bad days: repeated where it may be, told honestly, and nothing of an object in it."""

import re
from collections.abc import Callable

import pytest
from aiohttp import web

from backends.s3.faulty import Faulty, document, error, faulty
from backends.s3.objects import Objects, objects_at
from prism.backends.s3.errors import S3Error, translate
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    Outcome,
    PrismError,
    StoreFull,
    Unimplemented,
)
from prism.interfaces import objectstore as os

ACCOUNT = {"access_key_id": "key", "secret_access_key": "secret"}
ETAG = {"ETag": '"0123456789abcdef0123456789abcdef"'}


def polite(request: web.Request, ignored: str = "") -> web.StreamResponse:
    """A server that keeps to everything that is tried at the start, or to all but one."""
    path, query = request.path, request.query
    told = f"{request.method} {request.path_qs} {' '.join(request.headers)}"
    refused = not (ignored and ignored in told) and any(
        name in request.headers for name in ("If-Match", "If-None-Match", "x-amz-copy-source-if-match")
    )
    if refused:
        return error("PreconditionFailed", 412)
    if request.method == "POST" and "uploads" in query:
        return document("InitiateMultipartUploadResult", "<UploadId>U</UploadId>")
    if request.method == "GET" and "uploads" in query:
        return document("ListMultipartUploadsResult", "<Upload><Key>k</Key><UploadId>U</UploadId></Upload>")
    if request.method == "GET" and "uploadId" in query:
        return document("ListPartsResult", "<Part><PartNumber>1</PartNumber></Part>")
    if request.method == "GET" and "list-type" in query:
        return document("ListBucketResult", f"<Contents><Key>{query['prefix']}/below</Key></Contents>")
    if request.method == "GET" and "versioning" in query:
        return document("VersioningConfiguration", "")
    if request.method == "POST" and "uploadId" in query:
        return document("CompleteMultipartUploadResult", f"<ETag>{ETAG['ETag']}</ETag><Key>{path}</Key>")
    return web.Response(body=b"value" if request.method in {"GET", "HEAD"} else None, headers=ETAG)


def scripted(*answers: Callable[[], web.StreamResponse], to: str) -> Callable[[web.Request], web.StreamResponse]:
    """Answers so to requests whose method and query match, one after another; else politely."""
    left = list(answers)

    def answer(request: web.Request) -> web.StreamResponse:
        if re.search(to, f"{request.method} {request.path_qs}") and left:
            return left.pop(0)()
        return polite(request)

    return answer


async def put(server: Faulty, **head: str) -> tuple[Objects, os.PutResponse]:
    """Puts a small object."""
    async with objects_at(server.url, ACCOUNT, "bucket") as objects:
        return objects, await objects.put("key", b"value", **head)


@pytest.mark.parametrize(
    ("code", "status"),
    [("SlowDown", 503), ("InternalError", 500), ("OperationAborted", 409), ("ConditionalRequestConflict", 409)],
)
async def test_what_may_pass_is_sent_again(code: str, status: int) -> None:
    """A server that is busy for a moment is asked again."""
    async with faulty(scripted(lambda: error(code, status), to="PUT /bucket/default/key")) as server:
        objects, stored = await put(server)
        assert stored.etag == "0123456789abcdef0123456789abcdef"
        assert objects.backend.metrics()["requests_repeated"] == 1


async def test_an_error_in_an_answer_that_says_it_went_well() -> None:
    """S3 says 200 before it has joined parts, and may change its mind: it is no success, and is sent again."""
    part = b"x" * (6 << 20)
    late = scripted(lambda: document("Error", "<Code>InternalError</Code><Message>m</Message>"), to="POST .*uploadId")
    counted = 0

    def answer(request: web.Request) -> web.StreamResponse:
        nonlocal counted
        if "default/key" not in request.path:
            return polite(request)
        counted += request.method == "POST" and "uploadId" in request.query
        return late(request)

    async with faulty(answer) as server, objects_at(server.url, ACCOUNT, "bucket") as objects:
        stored = await objects.put("key", part)
    assert stored.size == len(part)
    assert counted == 2


async def test_what_stays_wrong_is_told() -> None:
    """After so many tries, with S3's own code and the request's id, and without its sentence."""
    broken = [lambda: error("InternalError", 500)] * 9
    async with faulty(scripted(*broken, to="PUT /bucket/default/key")) as server:
        with pytest.raises(BackendUnavailable, match=r"InternalError, request R1") as told:
            await put(server)
    assert told.value.outcome == Outcome.UNKNOWN
    assert "secret sentence" not in told.value.message


@pytest.mark.parametrize(
    ("ignored", "refused"),
    [
        ("DELETE", "conditional_delete"),
        ("x-amz-copy-source", "conditional_copy"),
        ("If-None-Match", "conditional_write"),
        ("uploadId", "conditional_write"),
    ],
)
async def test_what_a_server_ignores_is_refused(ignored: str, refused: str) -> None:
    """It is found out at the start, never believed: a condition that is not kept is UNIMPLEMENTED, and S3 not asked."""
    async with (
        faulty(lambda request: polite(request, ignored)) as server,
        objects_at(server.url, ACCOUNT, "bucket") as objects,
    ):
        assert refused in (await objects.backend.health()).details["not_at_this_server"]
        asked = len(server.asked)
        with pytest.raises(Unimplemented) as told:
            await conditional(objects, refused)
        assert told.value.capability == refused
        assert len(server.asked) == asked


async def conditional(objects: Objects, capability: str) -> None:
    """A call with a condition."""
    if capability == "conditional_delete":
        await objects.store.delete(os.DeleteRequest(key="key", if_match="e"), objects.context)
    elif capability == "conditional_copy":
        request = os.CopyRequest(from_key="key", to_key="other", if_match="e")
        await objects.store.copy(request, objects.context)
    else:
        await objects.put("key", b"value", if_none_match="*")


async def test_an_account_that_may_only_read() -> None:
    """It serves reads; conditions were not tried, and are not used."""

    def answer(request: web.Request) -> web.StreamResponse:
        return error("AccessDenied", 403) if request.method in {"PUT", "POST", "DELETE"} else polite(request)

    async with faulty(answer) as server, objects_at(server.url, ACCOUNT, "bucket") as objects:
        assert await objects.head("key") is not None
        with pytest.raises(BackendCredentials, match="may not do this in the bucket"):
            await objects.put("key", b"value")
        with pytest.raises(Unimplemented):
            await objects.put("key", b"value", if_none_match="*")


async def test_what_is_no_s3_at_all() -> None:
    """A page of something else is not taken for an answer."""

    def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>a login page</html>", content_type="text/html")

    async with faulty(answer) as server:
        with pytest.raises(PrismError):
            async with objects_at(server.url, ACCOUNT, "bucket"):
                pass


@pytest.mark.parametrize(
    ("code", "status", "kind", "outcome"),
    [
        ("AccessDenied", 403, BackendCredentials, Outcome.NOT_APPLIED),
        ("SignatureDoesNotMatch", 403, BackendCredentials, Outcome.NOT_APPLIED),
        ("NoSuchBucket", 404, FailedPrecondition, Outcome.NOT_APPLIED),
        ("SlowDown", 503, BackendUnavailable, Outcome.NOT_APPLIED),
        ("InternalError", 500, BackendUnavailable, Outcome.UNKNOWN),
        ("", 502, BackendUnavailable, Outcome.UNKNOWN),
        ("ConditionalRequestConflict", 409, Conflict, Outcome.NOT_APPLIED),
        ("KeyTooLongError", 400, InvalidArgument, Outcome.NOT_APPLIED),
        ("XMinioStorageFull", 507, StoreFull, Outcome.UNKNOWN),
        ("SomethingNew", 400, InternalError, Outcome.NOT_APPLIED),
        ("", 0, BackendUnavailable, Outcome.UNKNOWN),
    ],
)
def test_codes_and_what_they_mean(code: str, status: int, kind: type[PrismError], outcome: Outcome) -> None:
    """By the table; a write has its outcome, a read none."""
    told = translate(S3Error(code, status=status, request_id="R1", detail="cut"), writes=True)
    assert type(told) is kind
    assert told.outcome == outcome
    assert translate(S3Error(code, status=status), writes=False).outcome is None
