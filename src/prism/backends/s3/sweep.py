"""Ends uploads by parts that no one completed: of callers, and of puts that a kill has cut."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prism.backends.s3.errors import S3Error, translate

if TYPE_CHECKING:
    from prism.backends.s3.bucket import Bucket

log = logging.getLogger(__name__)

_PAGE = 100


async def sweep(bucket: "Bucket") -> bool:
    """Ends some of those that began too long ago; whether there may be more.

    Raises:
        PrismError: S3 refused it, or did not answer.
    """
    if not bucket.traits.list_uploads:
        return False  # MinIO, which ends them itself
    before = datetime.now(UTC) - timedelta(seconds=bucket.config.objects.upload_ttl)
    marker: dict[str, Any] = {}
    try:
        while True:
            answer = await bucket.client.ask(
                "list_multipart_uploads", Prefix=bucket.keys.common, MaxUploads=_PAGE, **marker
            )
            uploads = answer.get("Uploads", ())
            old = [each for each in uploads if each["Initiated"] < before]
            if old:
                await asyncio.gather(*(_end(bucket, each["Key"], each["UploadId"]) for each in old))
                bucket.swept += len(old)
                return bool(answer.get("IsTruncated"))
            if not answer.get("IsTruncated") or not uploads:
                return False
            marker = {"KeyMarker": uploads[-1]["Key"]}  # those of that key that are left are found another time
    except S3Error as error:
        raise translate(error, writes=True) from error


async def _end(bucket: "Bucket", key: str, upload: str) -> None:
    try:
        await bucket.client.ask("abort_multipart_upload", Key=key, UploadId=upload)
    except S3Error as error:
        if not error.missing:
            raise
