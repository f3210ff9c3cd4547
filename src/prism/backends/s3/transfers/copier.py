"""Copies objects at S3, which sends nothing through the gateway.

A copy in one step has no condition on its target that every server keeps, and takes up to 5 GiB; an upload by parts
that are copied has both.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from prism.backends.s3.client import S3Client
from prism.backends.s3.encryption import Encryption
from prism.backends.s3.errors import S3Error
from prism.backends.s3.properties import copied, etag, quoted, version
from prism.backends.s3.transfers.body import Body
from prism.backends.s3.transfers.conditional import Condition, Conditional, marked, not_met
from prism.backends.s3.transfers.multipart import Multipart
from prism.backends.s3.transfers.parts import MAX_PART, MAX_PARTS, MIB
from prism.errors import Conflict, Outcome

_PART: Final = 512 * MIB
_TRIES: Final = 5
"""Another object may take the place of the source while it is copied."""


class Copier:
    """What copies objects of one bucket."""

    def __init__(
        self, client: S3Client, encryption: Encryption, conditional: Conditional, multipart: Multipart
    ) -> None:
        self._client = client
        self._encryption = encryption
        self._conditional = conditional
        self._multipart = multipart

    async def copy(self, source: str, target: str, if_match: str, condition: Condition) -> Mapping[str, Any] | None:
        """What S3 says of the target then; None where there is no source.

        Raises:
            ConditionNotMet: the source is another one, or there is a target.
            S3Error: S3 refused it, or did not answer.
        """
        for _ in range(_TRIES):
            found = await self._conditional.find(source)
            if found is None:
                if if_match:
                    raise not_met("there is no object under from_key")
                return None
            if if_match not in {"", "*", etag(found)}:
                raise not_met("another object is under from_key")
            if source == target and condition.created is None:
                return found  # S3 refuses to do nothing
            try:
                await self._copy(source, target, found, condition)
            except S3Error as error:
                if not (error.mismatch or error.missing) or error.doubtful:
                    raise
                continue  # of the source: that of the target is a ConditionNotMet
            return await self._conditional.find(target)
        raise Conflict(
            "other objects took the place of the source again and again: copy again", outcome=Outcome.NOT_APPLIED
        )

    async def _copy(self, source: str, target: str, found: Mapping[str, Any], condition: Condition) -> None:
        size = int(found["ContentLength"])
        origin: dict[str, Any] = {
            "CopySource": {"Bucket": self._client.bucket, "Key": source},
            "CopySourceIfMatch": quoted(etag(found)),
        }
        if version(found):
            origin["CopySource"] = {"Bucket": self._client.bucket, "Key": source, "VersionId": version(found)}
        encryption = self._encryption
        if size <= MAX_PART and condition.created is None:
            await self._client.ask("copy_object", Key=target, **origin, **encryption.parameters, **encryption.source)
            return
        if condition.created is not None:
            await self._conditional.check(target, condition)
        token = secrets.token_hex(8)
        described = copied(found, token)
        if not size:
            given = {**described, **encryption.parameters}

            async def put(exact: Mapping[str, Any]) -> Mapping[str, Any]:
                return await self._client.ask("put_object", body=Body((), 0), Key=target, **given, **exact)

            await self._conditional.write(target, condition, marked(token), put)
            return
        upload = await self._multipart.begin(target, described, compared=False)
        try:
            parts = await self._parts(target, upload, size, origin)
            await self._multipart.complete(target, upload, parts, condition, marked(token))
        except BaseException:
            await self._multipart.abort(target, upload)
            raise

    async def _parts(self, target: str, upload: str, size: int, origin: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Copies all of an object into the parts of an upload; what completing names."""
        encryption = self._encryption
        parts: list[Mapping[str, Any]] = []
        length = max(_PART, -(-size // MAX_PARTS))
        for number, begin in enumerate(range(0, size, length), start=1):
            answer = await self._client.ask(
                "upload_part_copy",
                Key=target,
                UploadId=upload,
                PartNumber=number,
                CopySourceRange=f"bytes={begin}-{min(begin + length, size) - 1}",
                **origin,
                **encryption.key,
                **encryption.source,
            )
            parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        return parts
