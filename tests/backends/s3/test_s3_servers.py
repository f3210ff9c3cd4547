"""The servers that the tests of S3 run on: they keep what they acknowledged, and let in whom they should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from missing import missing
from prism.backends.s3.testing import Minio, S3Server, ServerMissing, Versitygw, make_bucket
from prism.backends.s3.testing.program import program


@asynccontextmanager
async def calling(server: S3Server, **settings: Any) -> AsyncIterator[Any]:
    """A client of the gateway's account."""
    account = server.credentials()
    config = AioConfig(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **settings)
    async with get_session().create_client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=account["access_key_id"],
        aws_secret_access_key=account["secret_access_key"],
        config=config,
    ) as client:
        yield client


@pytest.fixture(params=[Versitygw, Minio])
def own(request: pytest.FixtureRequest) -> Any:
    """Each of the servers, for one test."""
    try:
        server = request.param()
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


async def test_a_killed_server_keeps_what_it_acknowledged(own: S3Server) -> None:
    """It comes back on its port with its data, by the account that it had."""
    await make_bucket(own.url, own.credentials(), "bucket")
    async with calling(own) as client:
        await client.put_object(Bucket="bucket", Key="key", Body=b"value")
    await asyncio.to_thread(own.kill)
    await asyncio.to_thread(own.start)
    async with calling(own) as client:
        answer = await client.get_object(Bucket="bucket", Key="key")
        assert await answer["Body"].read() == b"value"


async def test_a_changed_secret_shuts_out_the_one_before(own: S3Server) -> None:
    """Signatures are verified, unlike those at servers that only play S3."""
    await make_bucket(own.url, own.credentials(), "bucket")
    async with calling(own) as before:
        await asyncio.to_thread(own.change_secret)
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            await before.put_object(Bucket="bucket", Key="key", Body=b"value")
    async with calling(own) as after:
        await after.put_object(Bucket="bucket", Key="key", Body=b"value")


async def test_a_paused_server_does_not_answer(server: S3Server) -> None:
    """Connections stay open; afterwards it goes on."""
    await make_bucket(server.url, server.credentials(), "bucket")
    async with calling(server, read_timeout=0.2) as client:
        await client.put_object(Bucket="bucket", Key="key", Body=b"value")
        server.pause()
        try:
            with pytest.raises(BotoCoreError):
                await client.head_object(Bucket="bucket", Key="key")
        finally:
            server.resume()
        await client.head_object(Bucket="bucket", Key="key")


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what makes it; the name is the first word, so that a run can require it."""
    monkeypatch.setenv("PRISM_TEST_VERSITYGW_BINARY", str(tmp_path / "none"))
    with pytest.raises(ServerMissing, match=r"^versitygw is not installed: `dev/setup test` builds it"):
        program("versitygw")
