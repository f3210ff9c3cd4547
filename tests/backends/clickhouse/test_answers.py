"""Errors in the middle of an answer, as ClickHouse's documentation describes them; by a server of the test's own."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from backends.clickhouse.fake import answering
from prism.backends.clickhouse.config import ClickHouseConfig, ClickHouseCredentials
from prism.backends.clickhouse.errors import MEANINGS, ServerError, Unreachable, of_statement, translate
from prism.backends.clickhouse.link import Link
from prism.backends.clickhouse.sql import ClickHouseSql
from prism.context import Context
from prism.errors import BackendUnavailable, InvalidArgument, Outcome, PrismError
from prism.sdk.sql import Statement

HEAD = b"\x01\x01n\x05Int64"
LATE = "Code: 395. DB::Exception: Value passed to 'throwIf' is non-zero. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)"


async def fetched(parts: list[bytes], headers: dict[str, str], *, cut: bool = False) -> list[bytes]:
    """The rows of an answer that is made of parts."""

    async def answer(request: web.Request, _: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X-ClickHouse-Format": "RowBinaryWithNamesAndTypes", **headers})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for each in parts:
            await response.write(each)
        if cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    async with answering(answer) as url:
        config = ClickHouseConfig.model_validate({"urls": [url], "sql": "write"})
        sql = ClickHouseSql(config, ClickHouseCredentials())
        sql.link.start()
        try:
            found: list[bytes] = []
            async with sql.query(Statement("SELECT n", ()), Context("here")) as rows:
                while more := await rows.fetch(1000):
                    found += more
            return found
        finally:
            await sql.stop()


def numbers(count: int) -> bytes:
    """So many rows."""
    return b"".join(each.to_bytes(8, "little") for each in range(count))


async def test_an_answer_that_ends() -> None:
    """All rows, however they are cut into chunks."""
    whole = HEAD + numbers(5000)
    assert len(await fetched([whole[at : at + 999] for at in range(0, len(whole), 999)], {})) == 5000
    assert await fetched([HEAD], {}) == []


@pytest.mark.parametrize("late", [
    ([f"\r\n__exception__\r\nabcdefghijklmnop\r\n{LATE}\n105 abcdefghijklmnop\r\n__exception__\r\n".encode()],
     {"X-ClickHouse-Exception-Tag": "abcdefghijklmnop"}),
    ([f"{LATE} (version 24.8.1.1)\n".encode()], {}),
], ids=["marked", "text"])  # fmt: skip
@pytest.mark.parametrize("rows", [0, 3, 20_000])
@pytest.mark.parametrize("cut", [False, True])
async def test_an_error_behind_rows(late: tuple[list[bytes], dict[str, str]], rows: int, cut: bool) -> None:
    """It is raised with its code, and none of its text is taken for rows; whether the connection is cut then or not."""
    parts, headers = late
    with pytest.raises(InvalidArgument) as caught:
        await fetched([HEAD + numbers(rows), *parts], headers, cut=cut)
    assert caught.value.metadata["sql_code"] == "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"


async def test_an_answer_that_is_cut() -> None:
    """Without an error of ClickHouse's it is one of the connection, never an end."""
    for rows in (numbers(20_000), numbers(20_000)[:-3]):
        with pytest.raises(BackendUnavailable):
            await fetched([HEAD + rows], {}, cut=True)
    with pytest.raises(BackendUnavailable):
        await fetched([HEAD + numbers(10)[:-3]], {})


@pytest.mark.parametrize("made", [translate, of_statement])
def test_every_code_has_a_meaning(made: Callable[..., PrismError]) -> None:
    """Each says what to do, its name, and of a write what came of it; the store's words never come of data."""
    for code in [*MEANINGS, 99_999]:
        error: Any = ServerError(
            code, f"Code: {code}. DB::Exception: the value 'confidential' (SOME_NAME) (version 26.1)"
        )
        assert made(error, writes=False).outcome is None
        found = made(error, writes=True)
        assert found.outcome in {Outcome.NOT_APPLIED, Outcome.UNKNOWN}
        assert "SOME_NAME" in found.message + found.metadata["sql_code"]
        if MEANINGS.get(code) is None or not MEANINGS[code].shown:
            assert "confidential" not in found.message
    for sent, outcome in ((True, Outcome.UNKNOWN), (False, Outcome.NOT_APPLIED)):
        assert made(Unreachable("away", sent=sent), writes=True).outcome is outcome


@pytest.mark.parametrize("code", [252, 395, 469])
def test_what_a_block_that_is_refused_has_left(code: int) -> None:
    """Nothing where it is the only one; blocks before it may be stored."""
    error = ServerError(code, "Code. DB::Exception: (NAME)")
    assert of_statement(error, writes=True, at_once=True).outcome is Outcome.NOT_APPLIED
    assert of_statement(error, writes=True).outcome is Outcome.UNKNOWN


def test_a_statement_that_still_runs_from_before() -> None:
    """The second sending has the name of the first: it may be asked for again."""
    error = of_statement(
        ServerError(216, "Code: 216. DB::Exception: (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)"), writes=False
    )
    assert isinstance(error, BackendUnavailable)
    assert error.retry_after


async def test_two_calls_that_find_the_first_server_away() -> None:
    """The list is turned once: what answers comes first for those that follow."""
    both = asyncio.Barrier(2)

    async def answer(_request: web.Request, _: str) -> web.StreamResponse:
        await both.wait()
        return web.Response()

    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with answering(answer) as url:
        link = Link(ClickHouseConfig.model_validate({"urls": [away, url]}), "default", None, "")
        link.start()
        try:
            await asyncio.gather(*(link.run("SELECT 1", Context("here")) for _ in range(2)))
            assert link._urls == [url, away]
        finally:
            await link.stop()
