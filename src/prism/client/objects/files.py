"""Objects from files and into files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prism.client.arguments import Seconds, in_seconds
from prism.client.objects.download import into_file
from prism.client.objects.info import ObjectInfo, StoredObject
from prism.client.objects.reader import ObjectReader
from prism.client.objects.reads import OUTAGE, ObjectReads
from prism.client.objects.requests import NO_METADATA
from prism.client.objects.source import OnProgress
from prism.client.objects.upload import FileUpload
from prism.client.objects.uploads import ObjectUploads
from prism.errors import ConditionNotMet

_TRIES: Final = 5
"""Of an object that is replaced while it comes."""


class ObjectFiles(ObjectReads, ObjectUploads):
    """Files of the machine that the client runs on."""

    async def download(
        self,
        key: str,
        path: Path,
        *,
        version: str = "",
        resume: bool = True,
        on_progress: OnProgress | None = None,
        outage_timeout: Seconds = OUTAGE,
    ) -> ObjectInfo | None:
        """Puts an object into a file, which is there whole or not at all; None where there is no object.

        What has come is kept beside it, as `.NAME.….partial`, and a later call goes on where that ends.

        Args:
            key: of the object.
            path: of the file; it is replaced.
            version: this one; without it the current one.
            resume: go on with what is there.
            on_progress: called with how many further bytes are there.
            outage_timeout: how long nothing may come before the error of a broken connection is raised.

        Raises:
            DataLoss: what came is not what the object's checksum says.
            OSError: the file cannot be written.
        """

        def open_at(info: ObjectInfo, offset: int) -> ObjectReader:
            return self.get(
                key,
                version=version,
                offset=offset,
                if_match=info.etag,
                on_progress=on_progress,
                outage_timeout=outage_timeout,
            )

        for left in reversed(range(_TRIES)):
            info = await self.head(key, version=version)
            if info is None:
                return None
            try:
                await into_file(path, info, open_at, resume=resume, on_progress=on_progress)
            except ConditionNotMet:
                if not left:
                    raise
            else:
                return info
        raise AssertionError("the last try returns or raises")

    async def upload(
        self,
        key: str,
        path: Path,
        *,
        content_type: str = "",
        content_encoding: str = "",
        content_disposition: str = "",
        cache_control: str = "",
        metadata: Mapping[str, str] = NO_METADATA,
        ttl: Seconds | None = None,
        if_match: str = "",
        if_none_match: str = "",
        parallel: int = 4,
        part_size: int | None = None,
        state: Path | None = None,
        on_progress: OnProgress | None = None,
        outage_timeout: Seconds = 300.0,
    ) -> StoredObject:
        """Stores a file by parts, some at a time: a part that fails is sent again, so that an object of any size comes
        through restarts of gateways.

        Args:
            key: of the object.
            path: of the file, which must not change meanwhile.
            content_type, content_encoding, content_disposition, cache_control, metadata, ttl: as of `put`.
            if_match, if_none_match: as of `put`; they are looked at when all has come.
            parallel: parts under way at once.
            part_size: bytes of a part; without it 8 MiB, or as many as the size asks for.
            state: a file that keeps the upload's name until it is complete: a later call with it goes on there.
            on_progress: called with how many further bytes are there; fewer than none where a part begins again.
            outage_timeout: how long nothing may pass before an error is raised; what has come stays.

        Raises:
            ConditionNotMet: a condition does not hold.
            OSError: the file cannot be read.
        """
        if parallel < 1:
            raise ValueError(f"parallel is {parallel}; give 1 or more")
        said = {
            "content_type": content_type,
            "content_encoding": content_encoding,
            "content_disposition": content_disposition,
            "cache_control": cache_control,
            "metadata": metadata,
            "ttl": ttl,
        }
        upload = FileUpload(
            self,
            key,
            path,
            properties=said,
            parallel=parallel,
            part_size=part_size,
            state=state,
            outage=in_seconds(outage_timeout),
            on_progress=on_progress,
        )
        return await upload.run(if_match, if_none_match)
