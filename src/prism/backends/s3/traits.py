"""What the server at hand keeps to: some ignore a condition and do as they are asked, so each is tried at the start.

A condition that must fail is tried on an object of our own beside those of namespaces. A server that does not refuse it
does not have it, and what needs it is refused with UNIMPLEMENTED.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from prism.backends.s3.client import S3Client
from prism.backends.s3.encryption import Encryption
from prism.backends.s3.errors import S3Error
from prism.backends.s3.properties import quoted
from prism.backends.s3.transfers.body import Body
from prism.errors import Unimplemented

log = logging.getLogger(__name__)

_WRONG: Final = quoted("0" * 32)
"""An etag that no object has."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a server has of what the manifest declares.

    Attributes:
        conditional_write: conditions of what stores an object, in one piece and by parts.
        conditional_delete: `If-Match` of a delete.
        conditional_copy: `If-Match` of a copy's source.
        versions: the bucket keeps versions.
        tells_ended_uploads: completing an upload that is over is refused; else it is told as done.
        objects_above: an object may be under a key that others continue behind a slash, and is listed with them.
        list_uploads: uploads are listed by a prefix of their keys; else by a whole key only, which finds none.
    """

    conditional_write: bool = False
    conditional_delete: bool = False
    conditional_copy: bool = False
    versions: bool = False
    tells_ended_uploads: bool = False
    objects_above: bool = False
    list_uploads: bool = False

    @property
    def missing(self) -> list[str]:
        """What it does not have."""
        return [each.name for each in fields(self) if not getattr(self, each.name)]

    def need(self, name: str, what: str, capability: str = "") -> None:
        """Passes what the server has; else the error names it, or the capability that it is a part of.

        Raises:
            Unimplemented: it does not.
        """
        if not getattr(self, name):
            raise Unimplemented(
                f"{what} needs {capability or name!r}, which this S3 server, or the gateway's account there, does not "
                "have: it was tried when the backend started",
                capability=capability or name,
            )


async def find_out(client: S3Client, key: str, encryption: Encryption) -> Traits:
    """Tries the server; leaves nothing there.

    Args:
        client: of the bucket.
        key: of an object that the account may write, and no one else does; made unique.
        encryption: how objects are encrypted.

    Raises:
        S3Error: it does not answer, or refuses the account.
    """
    key = f"{key}{secrets.token_hex(8)}"
    versions = await _versions(client)
    try:
        put = await client.ask("put_object", Key=key, body=Body((b"prism",), 5), **encryption.parameters)
    except S3Error as error:
        if not error.answered or error.code not in {"AccessDenied", "403"}:
            raise
        log.warning("the account may not write beside the objects of namespaces: conditions are not tried, nor used")
        return Traits(versions=versions, objects_above=True, list_uploads=True)
    try:
        write, (parts, tells, listed), copy = await asyncio.gather(
            _refused(
                client,
                "put_object",
                Key=key,
                body=Body((b"other",), 5),
                IfNoneMatch="*",
                **encryption.parameters,
            ),
            _by_parts(client, key, encryption),
            _refused(
                client,
                "copy_object",
                Key=f"{key}-copy",
                CopySource={"Bucket": client.bucket, "Key": key},
                CopySourceIfMatch=_WRONG,
                **encryption.parameters,
                **encryption.source,
            ),
        )
        above = await _above(client, key, encryption)
        match = await _refused(
            client, "put_object", Key=key, body=Body((b"other",), 5), IfMatch=_WRONG, **encryption.parameters
        )
        delete = await _refused(client, "delete_object", Key=key, IfMatch=_WRONG)
    finally:
        await _remove(client, key, f"{key}-copy", f"{key}/below", versions=versions, first=put)
    return Traits(write and parts and match, delete, copy, versions, tells, above, listed)


async def _versions(client: S3Client) -> bool:
    try:
        return (await client.ask("get_bucket_versioning")).get("Status") == "Enabled"
    except S3Error as error:
        if not error.answered or error.code not in {"AccessDenied", "403", "NotImplemented", "MethodNotAllowed"}:
            raise
        return False


async def _refused(client: S3Client, operation: str, **given: Any) -> bool:
    """Whether the server refuses what does not hold."""
    try:
        await client.ask(operation, **given)
    except S3Error as error:
        if not error.answered:
            raise
        return error.mismatch
    return False


async def _by_parts(client: S3Client, key: str, encryption: Encryption) -> tuple[bool, bool, bool]:
    """The same of completing an upload, on the object that is there; whether its end is told; whether it was listed."""
    try:
        started = await client.ask("create_multipart_upload", Key=key, **encryption.parameters)
    except S3Error as error:
        if not error.answered:
            raise
        return False, False, False
    named = {"Key": key, "UploadId": started["UploadId"]}
    try:
        part = await client.ask("upload_part", body=Body((b"other",), 5), PartNumber=1, **named, **encryption.key)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        listed = await client.ask("list_multipart_uploads", Prefix=key[:-1])
        refused = await _refused(client, "complete_multipart_upload", MultipartUpload=parts, IfNoneMatch="*", **named)
    finally:
        with contextlib.suppress(S3Error):
            await client.ask("abort_multipart_upload", **named)
    found = any(each["UploadId"] == started["UploadId"] for each in listed.get("Uploads", ()))
    try:
        await client.ask("complete_multipart_upload", MultipartUpload=parts, **named)
    except S3Error as error:
        if not error.answered:
            raise
        return refused, True, found
    return refused, False, found


async def _above(client: S3Client, key: str, encryption: Encryption) -> bool:
    """Whether a key may go on behind the one of an object, and a list that starts there has it."""
    below = f"{key}/below"
    try:
        await client.ask("put_object", Key=below, body=Body((b"prism",), 5), **encryption.parameters)
        listed = await client.ask("list_objects_v2", Prefix=key, StartAfter=key)
    except S3Error as error:
        if not error.answered:
            raise
        return False
    return any(each["Key"] == below for each in listed.get("Contents", ()))


async def _remove(client: S3Client, *keys: str, versions: bool, first: Mapping[str, Any]) -> None:
    """Removes what was tried on, with its versions; as well as may be."""
    with contextlib.suppress(S3Error):
        if not versions:
            await asyncio.gather(*(client.ask("delete_object", Key=key) for key in keys))
            return
        listed = await client.ask("list_object_versions", Prefix=keys[0])
        kept = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
        known = {(each["Key"], each["VersionId"]) for each in kept} | {(keys[0], first.get("VersionId"))}
        await asyncio.gather(
            *(client.ask("delete_object", Key=key, VersionId=version) for key, version in known if version)
        )
