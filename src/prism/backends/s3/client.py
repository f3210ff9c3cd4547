"""The bucket, over aiobotocore: this module alone knows the driver.

The driver signs, addresses, encodes and reads answers; repeating is ours, since a write may be repeated only where it
is known what the first try did.
"""

import asyncio
import contextlib
import functools
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import exceptions

from prism.backends.s3.config import S3Config, S3Credentials
from prism.backends.s3.credentials import log_in
from prism.backends.s3.errors import TLS, S3Error
from prism.backends.s3.transfers.body import Body, StreamedBody

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_EXPECTED: Final = {
    "put_object": "ETag",
    "upload_part": "ETag",
    "create_multipart_upload": "UploadId",
    "complete_multipart_upload": "ETag",
    "head_object": "ContentLength",
    "get_object": "ContentLength",
}
"""Without this an answer did not come from an S3 server."""


@functools.cache
def _loader() -> Any:
    """The driver's description of S3, which takes a quarter of a second and 20 MiB to read: once in a process."""
    return AioSession().get_component("data_loader")


class S3Client:
    """One bucket, by the connections of one instance.

    Attributes:
        bucket: its name.
        requests: sent so far; those that were sent again count again.
        repeats: of these, those that were sent again.
    """

    def __init__(self, config: S3Config, credentials: S3Credentials) -> None:
        self.bucket = config.bucket
        self._config = config
        self._credentials = credentials
        self._stack = contextlib.AsyncExitStack()
        self._client: Any = None
        self.requests = 0
        self.repeats = 0

    async def start(self) -> None:
        """Makes the driver's client; asks S3 nothing. Does nothing where it is there."""
        if self._client is not None:
            return
        config = self._config
        session = AioSession()
        session.register_component("data_loader", _loader())
        await log_in(session, config, self._credentials)
        settings = AioConfig(
            region_name=config.region,
            signature_version="s3v4",
            s3={"addressing_style": "path" if config.path_style else "virtual", "payload_signing_enabled": False},
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=config.connect_timeout,
            read_timeout=config.answer_timeout,
            max_pool_connections=config.pool_size,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            parameter_validation=False,  # our own parameters, and a body that is none of its kinds
            user_agent="prism",  # the driver's own takes a fifth of the time of a small call to make
            warm_up_loader_caches=True,  # on a thread: the loop goes on
        )
        verify = str(config.ca) if config.ca else ssl.get_default_verify_paths().cafile or True
        made = session.create_client("s3", endpoint_url=config.endpoint, verify=verify, config=settings)
        self._client = await self._stack.enter_async_context(made)
        if config.checksums != "none":
            self._client.meta.events.register("before-call.s3", _checksum_behind)

    async def close(self) -> None:
        """Ends every connection."""
        self._client = None
        stack, self._stack = self._stack, contextlib.AsyncExitStack()
        await stack.aclose()

    async def ask(
        self, operation: str, *, repeatable: bool = True, body: Body | None = None, **parameters: Any
    ) -> Mapping[str, Any]:
        """What S3 answers.

        Args:
            operation: the driver's name of it, such as `head_object`.
            repeatable: it may be sent again though the first try may have been applied.
            body: what it carries.
            parameters: the driver's, without the bucket and without those that are None.

        Raises:
            S3Error: it was refused, or not answered.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        doubtful = False
        for attempt in range(self._config.retries + 1):
            if attempt:
                self.repeats += 1
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  # not for a secret
            try:
                return await self._once(operation, body, given)
            except S3Error as error:
                error.doubtful = doubtful
                spent = isinstance(body, StreamedBody) and body.begun
                if spent or not error.passing or attempt == self._config.retries:
                    raise
                if error.uncertain and not repeatable:
                    raise
                doubtful = doubtful or error.uncertain
        raise AssertionError("unreachable")

    async def presigned(self, operation: str, expires: int, **parameters: Any) -> str:
        """An address at S3 that is good for so many seconds."""
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            url: str = await self._client.generate_presigned_url(
                operation, {"Bucket": self._config.bucket, **given}, ExpiresIn=expires
            )
        except exceptions.BotoCoreError as error:
            raise _driver_error(error) from error
        return url

    async def _once(self, operation: str, body: Body | None, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._client is None:
            raise S3Error("", detail="the backend is stopping", sent=False)
        self.requests += 1
        loop, patience = asyncio.get_running_loop(), self._config.answer_timeout
        carried = {} if body is None else {"Body": body}
        try:
            async with asyncio.timeout(patience + self._config.connect_timeout) as limit:
                if body is not None:
                    body.waiting = lambda idle: limit.reschedule(None if idle else loop.time() + patience)
                answer: Mapping[str, Any] = await getattr(self._client, operation)(
                    Bucket=self._config.bucket, **carried, **parameters
                )
        except exceptions.ClientError as error:
            raise _answered(error) from error
        except exceptions.BotoCoreError as error:
            if isinstance(body, StreamedBody) and body.failure is not None:
                raise body.failure from error
            raise _driver_error(error) from error
        except TimeoutError as error:
            raise S3Error("", detail=f"no answer in {patience:g} s") from error
        finally:
            if body is not None:
                body.waiting = lambda _: None
        if _EXPECTED.get(operation, "ResponseMetadata") not in answer:
            raise S3Error("", detail="what answered is not an S3 server")
        return answer


async def chunks(answer: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """The bytes of an object as they come; closes the connection where they are not taken to their end.

    Raises:
        S3Error: the connection was lost before.
    """
    raw = answer["Body"].raw_stream
    left = int(answer["ContentLength"])
    try:
        while piece := await raw.content.readany():
            left -= len(piece)
            yield piece
        if left:
            raise S3Error("", detail="the answer ended before its end")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise S3Error("", detail=f"the answer was cut ({type(error).__name__})") from error
    finally:
        if left:
            raw.close()
        else:
            raw.release()


def _checksum_behind(params: Mapping[str, Any], **_: Any) -> None:
    """Of a body that is still to come the checksum is sent behind it; the driver does so by itself with TLS only."""
    if isinstance(params["body"], StreamedBody):
        algorithm = {"algorithm": "crc32", "in": "trailer", "name": "x-amz-checksum-crc32"}
        params["context"].setdefault("checksum", {})["request_algorithm"] = algorithm


def _answered(error: exceptions.ClientError) -> S3Error:
    said, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    headers = about.get("HTTPHeaders", {})
    return S3Error(
        str(said.get("Code", "")),
        status=int(about.get("HTTPStatusCode", 0)) or 500,
        request_id=str(about.get("RequestId") or headers.get("x-amz-request-id", "")),
    )


_UNSENT: Final = (exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
_NO_ACCOUNT: Final = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.InvalidConfigError,
    exceptions.ProfileNotFound,
)


def _driver_error(error: exceptions.BotoCoreError) -> S3Error:
    """What happened where no answer came."""
    if isinstance(error, _NO_ACCOUNT):
        return S3Error("NoCredentials", detail=f"NoCredentials: {type(error).__name__}", sent=False)
    cause = getattr(error, "kwargs", {}).get("error")
    if isinstance(error, exceptions.SSLError) or isinstance(cause, aiohttp.ClientSSLError | ssl.SSLError):
        return S3Error("", detail=f"{TLS}{_reason(cause)}", sent=False)
    unsent = isinstance(error, _UNSENT) or isinstance(cause, aiohttp.ClientConnectorError)
    return S3Error("", detail=_reason(cause or error), sent=not unsent)


def _reason(cause: object) -> str:
    """The kind of a failure, and what the system says of it; a driver's own sentence may hold an address or a key."""
    system = getattr(cause, "os_error", None) or cause
    said = getattr(system, "strerror", None) or getattr(system, "verify_message", None)
    return f"{type(cause).__name__}: {said}" if said else type(cause).__name__
