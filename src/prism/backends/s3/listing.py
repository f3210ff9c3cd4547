"""Pages of a namespace's objects, as S3 lists them: in byte order, with prefixes that it merges itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prism.backends.s3.properties import etag, timestamp
from prism.context import Context
from prism.interfaces.objectstore import Entry, ListRequest, ListResponse, Object
from prism.sdk import Query
from prism.sdk.objectstore.keys import check_delimiter
from prism.sdk.objectstore.listing import DEFAULT_LIMIT

if TYPE_CHECKING:
    from prism.backends.s3.bucket import Bucket


async def page(bucket: "Bucket", request: ListRequest, context: Context) -> ListResponse:
    """One page.

    Raises:
        InvalidArgument: the delimiter or the cursor is not valid.
        S3Error: S3 refused it, or did not answer.
    """
    check_delimiter(request.delimiter)
    query = Query(request, context)
    position = query.position(request.cursor, parts=1)
    within = bucket.keys.prefix(context.namespace)
    answer = await bucket.client.ask(
        "list_objects_v2",
        Prefix=within + request.prefix,
        Delimiter=request.delimiter or None,
        MaxKeys=request.limit or DEFAULT_LIMIT,
        # S3's own place in the list: from a key on, MinIO misses what is below an object of the same name.
        ContinuationToken=position[0].decode() if position else None,
    )
    response = ListResponse(entries=_entries(answer, within))
    if answer.get("IsTruncated"):
        response.next_cursor = query.cursor(str(answer["NextContinuationToken"]).encode())
    return response


def _entries(answer: Mapping[str, Any], within: str) -> list[Entry]:
    """Objects and prefixes of an answer, in byte order."""
    found: dict[str, Entry] = {}
    for each in answer.get("Contents", ()):
        key = str(each["Key"])[len(within) :]
        described = Object(key=key, size=each["Size"], etag=etag(each), modified_at=timestamp(each.get("LastModified")))
        found[key] = Entry(object=described)
    for each in answer.get("CommonPrefixes", ()):
        prefix = str(each["Prefix"])[len(within) :]
        found[prefix] = Entry(prefix=prefix)
    return [found[name] for name in sorted(found, key=str.encode)]
