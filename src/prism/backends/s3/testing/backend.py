"""S3 for tests, as the acceptance kit wants it."""

import asyncio
import functools
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from prism.backends.s3.testing.server import Minio, S3Server, Versitygw

KEY_RULES: Final = ("no_empty_part", "no_dot_part", "no_control", "part_255", "no_object_above")
"""Of both servers: versitygw keeps objects as files, and MinIO's lists lose what is below an object."""

PART: Final = 5 << 20
"""The smallest part of S3, so that tests of parts are quick."""


class S3TestBackend:
    """`prism.acceptance.TestBackend`: a bucket for each place, on a versitygw of its own.

    Buckets are without versions: versitygw takes a deleted object of a bucket with versions for one that is there.
    """

    SERVER: ClassVar[type[S3Server]] = Versitygw
    VERSIONS: ClassVar[bool] = False
    declares: Mapping[str, Mapping[str, object]] = {
        "objectstore": {"versions": False, "old_versions": False, "key_rules": KEY_RULES}
    }
    lacks: Mapping[str, str] = {
        "disconnect": "the server has no command for it; the tests cut connections by a proxy",
        "read_only": "the server has no switch for it",
        "full": "the server has no limit of its own; tests/backends/s3 fills its disk",
        "conflict": "the server decides each condition at once",
        "damaged": "the server does not compare what it reads with what was written",
    }

    def __init__(self) -> None:
        self._server: S3Server | None = None
        self._made: set[str] = set()
        self._resets = 0

    @property
    def server(self) -> S3Server:
        """The server, once it was started."""
        if self._server is None:
            raise RuntimeError("the store has not been started")
        return self._server

    async def start(self) -> None:
        """Starts it; after `kill` on the data that it had.

        Raises:
            StoreMissing: it is not installed.
        """
        if self._server is None:
            self._server = self.SERVER()
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Ends it."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    async def reset(self) -> None:
        """Places begin anew, in other buckets."""
        self._resets += 1

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The bucket of that place."""
        name = re.sub("[^a-z0-9]+", "-", f"{place}-{self._resets}".lower())
        bucket = name if len(name) <= 60 else f"{name[:40]}-{abs(hash(name)):x}"
        if bucket not in self._made:
            await make_bucket(self.server.url, self.server.credentials(), bucket, versions=self.VERSIONS)
            self._made.add(bucket)
        return {"endpoint": self.server.url, "bucket": bucket, "part_size": PART, "presign": True, "retries": 1}

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        return "127.0.0.1", self.server.port

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The bucket of that place, by way of a proxy."""
        return {**await self.connection_config(place), "endpoint": f"http://127.0.0.1:{port}"}

    def credentials(self) -> Mapping[str, str]:
        """What the server lets in."""
        return self.server.credentials()

    async def rotate_credentials(self) -> None:
        """Another secret; requests that are signed with the one before are refused."""
        await asyncio.to_thread(self.server.change_secret)

    async def kill(self) -> None:
        """Ends it at once."""
        await asyncio.to_thread(self.server.kill)

    async def pause(self) -> None:
        """Stops it by a signal."""
        self.server.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.server.resume()


class MinioTestBackend(S3TestBackend):
    """The same on MinIO, in buckets with versions."""

    SERVER = Minio
    VERSIONS = True
    declares: Mapping[str, Mapping[str, object]] = {
        "objectstore": {"conditional_delete": False, "key_rules": KEY_RULES}
    }


@functools.cache
def _loader() -> Any:
    """The driver's description of S3, which takes long to read: once in a process."""
    return get_session().get_component("data_loader")


async def make_bucket(endpoint: str, credentials: Mapping[str, str], bucket: str, *, versions: bool = True) -> None:
    """Makes a bucket, which may be there already."""
    session = get_session()
    session.register_component("data_loader", _loader())
    async with session.create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["secret_access_key"],
        verify=False,
        config=AioConfig(s3={"addressing_style": "path"}),
    ) as client:
        s3: Any = client  # the driver has no types
        try:
            await s3.create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise
        if versions:
            await s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
