"""Addresses at S3 itself, past the gateway and its rules: only where the configuration allows them."""

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from prism.context import Context
from prism.errors import InvalidArgument, Unimplemented, Violation
from prism.interfaces.objectstore import Method, PresignRequest, PresignResponse

if TYPE_CHECKING:
    from prism.backends.s3.bucket import Bucket

_DEFAULT_SECONDS = 900
_MAX_SECONDS = 7 * 86_400


async def presign(bucket: "Bucket", request: PresignRequest, context: Context) -> PresignResponse:
    """An address of one object.

    Raises:
        Unimplemented: the configuration does not allow it, or a gateway's own address is asked for.
        InvalidArgument: it asks for what S3's own addresses cannot limit.
        S3Error: there is no account to sign with.
    """
    if not request.direct:
        raise Unimplemented("this address is signed by a gateway; ask one for it, over its data port")
    if not bucket.config.presign:
        raise Unimplemented(
            "an address at S3 itself needs 'direct_presign': set `presign: true` in the namespace's configuration",
            capability="direct_presign",
        )
    key = bucket.key(context, request.key)
    given = request.expires.seconds if request.HasField("expires") else _DEFAULT_SECONDS
    if given > _MAX_SECONDS:
        raise _refused("expires", f"{given} s", f"at most {_MAX_SECONDS} s")
    if request.method == Method.OBJECT_STORE_METHOD_PUT:
        if request.max_size:
            raise _refused("max_size", str(request.max_size), "an address at S3 itself cannot limit a size")
        typed = {"ContentType": request.content_type} if request.content_type else {}
        url = await bucket.client.presigned("put_object", given, Key=key, **typed)
        headers = {"content-type": request.content_type} if request.content_type else {}
    elif request.method == Method.OBJECT_STORE_METHOD_GET:
        url, headers = await bucket.client.presigned("get_object", given, Key=key), {}
    else:
        raise _refused("method", "unspecified", "GET or PUT")
    expires = Timestamp()
    expires.GetCurrentTime()
    expires.seconds += given
    return PresignResponse(url=url, expires_at=expires, headers=headers)


def _refused(field: str, found: str, limit: str) -> InvalidArgument:
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])
