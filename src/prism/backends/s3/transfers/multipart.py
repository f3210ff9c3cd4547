"""Uploads by parts at S3, and what goes with the requests that store anything."""

import asyncio
import base64
import logging
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from prism.backends.s3.client import S3Client
from prism.backends.s3.config import S3Config
from prism.backends.s3.encryption import Encryption
from prism.backends.s3.errors import S3Error
from prism.backends.s3.transfers.body import Body, StreamedBody
from prism.backends.s3.transfers.conditional import Condition, Conditional, Own

log = logging.getLogger(__name__)

_ABORT_TIMEOUT: Final = 5.0
_ABORT_PAUSES: Final = (0.05, 0.1, 0.5, 1.0)


class Multipart:
    """Uploads by parts in one bucket."""

    def __init__(self, client: S3Client, config: S3Config, encryption: Encryption, conditional: Conditional) -> None:
        self._client = client
        self._config = config
        self._encryption = encryption
        self._conditional = conditional
        self.asks_first = True
        """The server says that an upload is done which is over, so that it is asked for the upload before."""

    async def begin(self, key: str, described: Mapping[str, Any], *, compared: bool = True) -> str:
        """As `start`, for an upload that is ended where this is cancelled before its id is known."""
        starting = asyncio.create_task(self.start(key, described, compared=compared))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait((starting,), timeout=_ABORT_TIMEOUT)
            if starting.done() and not starting.cancelled() and starting.exception() is None:
                await self.abort(key, starting.result())
            raise

    async def start(self, key: str, described: Mapping[str, Any], *, compared: bool = True) -> str:
        """Begins an upload by parts; its id at S3.

        Args:
            key: in the bucket.
            described: the object's properties, as the driver has them.
            compared: S3 is to compare each part with a checksum, which comes with it.
        """
        parameters = self.kept(described)
        if compared and self._config.checksums == "crc32":
            parameters["ChecksumAlgorithm"] = "CRC32"
        answer = await self._client.ask("create_multipart_upload", Key=key, **parameters)
        return str(answer["UploadId"])

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Mapping[str, Any]:
        """Sends one part; what completing names it by."""
        answer = await self._client.ask(
            "upload_part",
            body=body,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            **self.crc32(body),
            **self._encryption.key,
        )
        named = {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": answer.get("ChecksumCRC32")}
        return {name: value for name, value in named.items() if value}

    async def complete(
        self, key: str, upload: str, parts: Sequence[Mapping[str, Any]], condition: Condition, own: Own
    ) -> Mapping[str, Any]:
        """Makes the object of its parts; what S3 says of it."""

        async def complete(given: Mapping[str, Any]) -> Mapping[str, Any]:
            if self.asks_first:
                await self._client.ask("list_parts", Key=key, UploadId=upload, MaxParts=1)
            return await self._client.ask(
                "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **given
            )

        return await self._conditional.write(key, condition, own, complete)

    async def abort(self, key: str, upload: str) -> None:
        """Ends an upload by parts as well as may be; what cannot be ended now is swept."""

        async def abort() -> None:
            try:
                async with asyncio.timeout(_ABORT_TIMEOUT):
                    for pause in _ABORT_PAUSES:
                        if await self._ended(key, upload):
                            return
                        await asyncio.sleep(pause)
            except (S3Error, TimeoutError) as error:
                log.warning("an upload by parts was not ended and is swept later (%s)", error or type(error).__name__)

        await asyncio.shield(asyncio.create_task(abort()))

    async def _ended(self, key: str, upload: str) -> bool:
        """Ends it, and asks whether it has ended: a part that was on its way may bring it back."""
        try:
            await self._client.ask("abort_multipart_upload", Key=key, UploadId=upload)
            await self._client.ask("list_parts", Key=key, UploadId=upload, MaxParts=1)
        except S3Error as error:
            if error.missing:
                return True
            raise
        return False

    def kept(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """With how S3 is to keep it."""
        parameters = {**described, **self._encryption.parameters}
        if self._config.storage_class:
            parameters["StorageClass"] = self._config.storage_class
        return parameters

    def crc32(self, body: Body) -> dict[str, Any]:
        """What S3 is to compare a body with; none of one that is still to come."""
        if isinstance(body, StreamedBody) or self._config.checksums == "none":
            return {}
        crc = 0
        for piece in body.pieces:
            crc = zlib.crc32(piece, crc)
        return {"ChecksumCRC32": base64.b64encode(crc.to_bytes(4, "big")).decode()}
